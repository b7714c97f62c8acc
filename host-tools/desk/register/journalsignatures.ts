// Checks who signed the entries of a journal: each entry since the first enrolment must be signed by an operator of its
// time.
//
// The journal itself says who the operators were, by the entries of their enrolment and removal, which must be signed
// too. A signature covers the entry and the MAC of the previous one. So even somebody with the journal key cannot write
// an entry in an operator's name, or change the entries before a signed one. The check needs no key, only the journal.

import { isWeakening } from "./approvalsettings.js";
import { CURVE_KEY_BYTES } from "./curve25519.js";
import { type Entry, type Finding, signedContent } from "./journalchain.js";
import {
  ADD_OPERATOR,
  APPROVE_ACTION,
  isSignedWith,
  LEAST_FOR_APPROVAL,
  type OperatorRow,
  publicKeyIn,
  REMOVE_OPERATOR,
  SPEND_ACTION,
} from "./operators.js";

interface Approval {
  readonly by: string;
  readonly for: string;
  readonly command: string;
}

/** Whether this always needs an approval if there are two operators. */
function needsApproval({ action, detail, from, to }: Entry): boolean {
  const weakens = action === "settings" && isWeakening(fieldsOf(detail).name ?? "", from, to);
  return action === ADD_OPERATOR || action === REMOVE_OPERATOR || weakens;
}

/** Takes the entries one by one, in order of number, and reports faults of their signatures. */
export class SignatureCheck {
  readonly #register: Uint8Array;
  readonly #findings: Finding[] = [];
  /** Public keys of the current operators, by name. */
  readonly #operators = new Map<string, Buffer>();
  readonly #approvals = new Map<string, Approval>();
  #last: Entry | undefined;

  /** `register`: the register's id, 16 bytes. */
  constructor(register: Uint8Array) {
    this.#register = register;
  }

  take(entry: Entry): void {
    const why = this.#faultOf(entry);
    if (why !== undefined) this.#findings.push({ number: entry.number, what: "operator", message: why });
    else this.#follow(entry);
    this.#last = entry;
  }

  /** `operators`: the operators of the register, which must match those of the journal. */
  end(operators: readonly OperatorRow[]): readonly Finding[] {
    const number = this.#last?.number ?? 0;
    const find = (message: string) => void this.#findings.push({ number, what: "operator", message });
    const active = operators.filter(({ removed }) => removed === null);
    for (const { name, public_key } of active) {
      const key = this.#operators.get(name);
      if (!key) find(`${name} is an operator in the register but not in the journal`);
      else if (!key.equals(public_key)) find(`${name} has another key in the register than in the journal`);
    }
    for (const name of this.#operators.keys())
      if (!active.some((operator) => operator.name === name))
        find(`${name} is an operator in the journal but not in the register`);
    return this.#findings;
  }

  #faultOf(entry: Entry): string | undefined {
    const { number, actor, signature, action } = entry;
    if (this.#operators.size === 0) return undefined;
    const key = this.#operators.get(actor);
    if (!key) return `entry ${number} is by ${actor}, who was not an operator then`;
    if (!signature) return `entry ${number} is not signed by ${actor}`;
    // After a gap the MAC of the previous entry is unknown.
    const { mac } = this.#last ?? {};
    const follows = this.#last?.number === number - 1;
    if (mac && follows && !isSignedWith(key, signedContent(this.#register, mac, entry), signature))
      return `entry ${number}, or the one before it, is not what ${actor} signed`;
    if (action === SPEND_ACTION) return this.#faultOfSpending(entry);
    return this.#isApproved(entry) ? undefined : `entry ${number} (${action}) was not approved by a second operator`;
  }

  #faultOfSpending({ number, actor, detail }: Entry): string | undefined {
    const { request, command } = fieldsOf(detail);
    const approval = this.#approvals.get(request ?? "");
    const isRight = approval?.for === actor && approval.by !== actor && approval.command === command;
    return isRight ? undefined : `entry ${number} spends an approval that nobody gave or that was already used`;
  }

  /** The approval is spent by the previous entry, in the same change. */
  #isApproved(entry: Entry): boolean {
    const { action, actor } = entry;
    if (this.#operators.size < LEAST_FOR_APPROVAL || !needsApproval(entry)) return true;
    const before = this.#last;
    return before?.action === SPEND_ACTION && before.actor === actor && fieldsOf(before.detail).command === action;
  }

  /** Applies a correct entry to the list of operators. */
  #follow({ action, actor, detail }: Entry): void {
    const { name = "", key = "", request = "", command = "", askedBy = "" } = fieldsOf(detail);
    if (action === ADD_OPERATOR) this.#operators.set(name, publicKeyIn(key) ?? Buffer.alloc(CURVE_KEY_BYTES));
    if (action === REMOVE_OPERATOR) this.#operators.delete(name);
    if (action === APPROVE_ACTION) this.#approvals.set(request, { by: actor, for: askedBy, command });
    if (action === SPEND_ACTION) this.#approvals.delete(request);
  }
}

/** Fields of an entry that may have been changed: only texts count. */
function fieldsOf(detail: string): Partial<Record<string, string>> {
  try {
    const fields = Object.entries((JSON.parse(detail) ?? {}) as Record<string, unknown>);
    return Object.fromEntries(fields.filter(([, value]) => typeof value === "string")) as Record<string, string>;
  } catch {
    return {};
  }
}
