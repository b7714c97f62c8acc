// The named invariants of docs/INVARIANTS.md, checked after each step of a random run. They use what is visible of the
// card and which commands were authentic, but not the model's screens, so that a fault in the model does not hide one
// here.

import { Ins, Level, LIFE_NOT_TOLD, Life, PinCheck, StatusAt, Sw } from "../../../firmware/wire.js";
import type { Answer, Frame } from "../../core/model/commands.js";
import { BOUNCE } from "../../core/model/keys.js";
import { LOWEST } from "../../core/model/model.js";

/** What was compared, or the invariant that was broken. */
export interface Difference {
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

export type Action =
  | { readonly kind: "contact"; readonly key: number; readonly closed: boolean }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "battery"; readonly millivolts: number }
  | { readonly kind: "frame"; readonly frame: Frame };

/** The visible result of a step. */
export interface Seen {
  readonly action: Action;
  /** The answer that the model expects, and the received payload. */
  readonly answer: Answer | undefined;
  readonly raw: Uint8Array | undefined;
  /** Power failed during the step. */
  readonly cut: boolean;
  /** The first eight bytes of DF20. */
  readonly status: Uint8Array | undefined;
  readonly now: number;
  readonly state: string;
  readonly display: string;
  readonly on: boolean;
  readonly due: number;
  /** Flash operations so far. */
  readonly operations: number;
  readonly battery: number;
}

export const INVARIANTS = {
  I1: "a card that is not personalized shows only blank, NO KEY, SERIAL, the bench test, BATT LOW or ERROR nn",
  I2: "PIN tries grow only by a right PIN, PIN SET, RESET RETRY COUNTER or a new personalization",
  I3: "code tries grow only by PIN SET, its commands, or a new personalization",
  I4: "nothing entered or opened survives off, a wipe, a seeding or the opening of a channel",
  I5: "a response stands at most 60 s",
  I6: "an unauthenticated frame changes a deadline only where nothing is entered, open or shown",
  I7: "an ERROR card answers SELECT and GET DATA, refuses the rest, and writes nothing",
  I8: "the bench test records only keys pressed on its own screen",
  I9: "NO KEY has no successor but off",
  I10: "the firmware does not trap and does not misuse flash",
  I11: "a card that is off shows nothing and waits for nothing but its keys",
  I12: "a card without keys and without authentic frames turns off in its time",
  I13: "life, PIN check, tries and transport keys change only by an authentic command of level 03, 13 or 33",
  I14: "below 2,100 mV nothing is written",
  I15: "a lock code is never a multiple of 16, and never one that was spent",
  I16: "without tries left there is no PIN>, no CHALLNG> and no response",
} as const;
export type InvariantName = keyof typeof INVARIANTS;

const UNSEEDED = /^(|NO KEY|SERIAL|\*{8}|TEST \d\d|BATT LOW|ERROR 0\d)$/;
const FIRST = /^(NO KEY|BLOCKED|LOCKED|PIN>|BATT LOW|ERROR 0\d)$/;
const OPEN_STATES = /^(CHALLENGE|RESPONSE|NEW_PIN|REPEAT_PIN|WEAK_PIN|NO_MATCH|PIN_SET)$/;
const NEEDS_A_TRY = /^(PIN|CHALLENGE|RESPONSE)$/;
const QUIET_DISPLAY = /^(NO KEY|PIN>|LOCKED|BLOCKED|ERROR 0\d|\*{8}|TEST \d\d)$/;
/** A hold, its release and a message may come between the last contact and the start of the time-out. */
const SLACK = 800 + 2 * BOUNCE + 3_000;
const LIMITS: Record<string, number> = { LOCK_CODE: 300_000, UNLOCK: 300_000, RESPONSE: 60_000 };
const IDLE = 30_000;

export class Invariants {
  #before: Seen | undefined;
  /** The last known status; within a step it is read only if flash was written. */
  #status: Uint8Array | undefined;
  #responseSince = 0;
  #lastSign = 0;
  /** When each contact closed. */
  readonly #closedAt = new Map<number, number>();
  /** Keys that may be in the record of the bench test. */
  #testable = 0;
  #lockCode = "";
  readonly #spentCodes = new Set<string>();

  constructor(private readonly ignored: ReadonlySet<string> = new Set()) {}

  /** The invariant that was broken by the step, or undefined. */
  broken(seen: Seen): Difference | undefined {
    this.#note(seen);
    const name = this.#brokenBy(seen);
    this.#remember(seen);
    return name && { what: name, expected: INVARIANTS[name], actual: described(seen) };
  }

  #brokenBy(seen: Seen): InvariantName | undefined {
    for (const { name, check } of CHECKS) if (check(this, seen) && !this.ignored.has(name)) return name;
    return undefined;
  }

  /** Records what later checks need. */
  #note(seen: Seen): void {
    const { action, now, state } = seen;
    if (action.kind === "contact") {
      this.#lastSign = now;
      if (action.closed) this.#closedAt.set(action.key, now);
      else this.#closedAt.delete(action.key);
      if (action.closed && state === "TEST") this.#testable |= 1 << action.key;
    }
    if (action.kind === "battery") this.#powered(now);
    if (this.#isSign(seen)) this.#lastSign = now;
    if (state === "RESPONSE" && this.#before?.state !== "RESPONSE") this.#responseSince = now;
    if (state === "TEST" && this.#before?.state !== "TEST") this.#testable = this.#closing(now);
  }

  /** The card may have restarted: contacts of keys that are down count as closing now. */
  #powered(now: number): void {
    this.#lastSign = now;
    if (this.#before?.battery !== 0) return;
    for (const key of this.#closedAt.keys()) this.#closedAt.set(key, now);
  }

  /**
   * Whether a frame restarts the time-out: an authentic one, one while nothing is shown, or one that opens a screen.
   */
  #isSign(seen: Seen): boolean {
    if (seen.action.kind !== "frame" || seen.action.frame.kind === "noise") return false;
    const before = this.#before;
    if (!before?.on || before.state !== seen.state) return true;
    return isAuthentic(seen) || QUIET_DISPLAY.test(before.display);
  }

  /** Contacts that just closed: their keys go down on the next screen. */
  #closing(now: number): number {
    let keys = 0;
    for (const [key, at] of this.#closedAt) if (at + BOUNCE >= now) keys |= 1 << key;
    return keys;
  }

  #remember(seen: Seen): void {
    const { action, raw, state, display } = seen;
    // A refusal removes nothing from the record.
    const isAnswered = raw !== undefined && swOf(raw) === Sw.DONE;
    if (action.kind === "frame" && isAnswered && isCommand(action.frame, Ins.SELF_TEST, 2))
      this.#testable = this.#closing(seen.now);
    if (state === "LOCK_CODE") this.#lockCode = display;
    if (this.#lockCode && state === "NEW_PIN" && this.#before?.state === "UNLOCK") this.#spentCodes.add(this.#lockCode);
    if (seen.status) this.#status = seen.status;
    this.#before = seen;
  }

  // ---- the checks: each says whether it is broken ----

  static readonly checks: readonly Check[] = [
    { name: "I1", check: (all, { display, status }) => isUnseeded(status ?? all.#status) && !UNSEEDED.test(display) },
    { name: "I2", check: (all, seen) => all.#grew(seen, StatusAt.TRIES_LEFT) && !all.#mayGivePins(seen) },
    { name: "I3", check: (all, seen) => all.#grew(seen, StatusAt.CODE_TRIES_LEFT) && !all.#mayGiveCodes(seen) },
    { name: "I4", check: (all, seen) => all.#survived(seen) },
    {
      name: "I5",
      check: (all, { state, now, due }) => state === "RESPONSE" && now + due - all.#responseSince > 60_000,
    },
    { name: "I6", check: (all, seen) => all.#moved(seen) },
    { name: "I7", check: (all, seen) => all.#errorDid(seen) },
    { name: "I8", check: (all, seen) => (recorded(seen) & ~all.#testable) !== 0 },
    {
      name: "I9",
      check: (all, seen) => all.#before?.state === "NO_KEY" && seen.action.kind !== "frame" && !isNoKeyOrOff(seen),
    },
    { name: "I11", check: (_, { on, display, state }) => on !== (state !== "OFF") || (!on && display !== "") },
    { name: "I12", check: (all, seen) => all.#staysOn(seen) },
    { name: "I13", check: (all, seen) => all.#changed(seen) },
    {
      name: "I14",
      check: (all, seen) => seen.battery < LOWEST && !seen.cut && seen.operations !== (all.#before?.operations ?? 0),
    },
    { name: "I15", check: (all, seen) => seen.state === "LOCK_CODE" && all.#isBadCode(seen.display) },
    { name: "I16", check: (all, { status, state }) => isLocked(status ?? all.#status) && NEEDS_A_TRY.test(state) },
  ];

  #grew({ status, cut }: Seen, at: StatusAt): boolean {
    if (!status || !this.#status || cut || isLifeHidden(status) || isLifeHidden(this.#status)) return false;
    return (status[at] as number) > (this.#status[at] as number);
  }

  #mayGivePins(seen: Seen): boolean {
    const wasPin = this.#before?.state === "PIN" && seen.state === "CHALLENGE";
    const commands = [Ins.INTERNAL_AUTHENTICATE, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER, Ins.STORE_DATA];
    return wasPin || seen.state === "PIN_SET" || isDone(seen, commands);
  }

  #mayGiveCodes(seen: Seen): boolean {
    const commands = [Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER, Ins.STORE_DATA];
    return seen.state === "PIN_SET" || isDone(seen, commands);
  }

  /**
   * The screens behind a PIN are reached only from PIN> or UNLOCK>, and no typed input appears where nothing was typed.
   */
  #survived(seen: Seen): boolean {
    const before = this.#before;
    if (!before || !seen.on) return false;
    const opens = OPEN_STATES.test(seen.state) && !OPEN_STATES.test(before.state);
    if (opens && before.state !== "PIN" && before.state !== "UNLOCK") return true;
    if (!before.on && seen.state !== "SERIAL" && seen.state !== "TEST") return !FIRST.test(seen.display);
    return isDone(seen, [Ins.EXTERNAL_AUTHENTICATE]) && seen.display !== "SERIAL";
  }

  #moved(seen: Seen): boolean {
    const before = this.#before;
    if (seen.action.kind !== "frame" || !before?.on || seen.answer?.heldBack) return false;
    if (before.state !== seen.state || isAuthentic(seen) || before.due === seen.due) return false;
    return !QUIET_DISPLAY.test(before.display);
  }

  /** A card in ERROR wrote, left its screen for another than off, or did what it must refuse. */
  #errorDid({ state, action, raw, operations, on }: Seen): boolean {
    const wasError = this.#before?.state === "ERROR";
    // In one step it may have turned off by itself, and on again by a hold of PRESS.
    const mayShow = state === "ERROR" || state === "BATT_LOW";
    if (wasError && (operations !== this.#before?.operations || (on && !mayShow))) return true;
    if (state !== "ERROR" || action.kind !== "frame" || action.frame.kind !== "command" || !raw) return false;
    const { ins, cla } = action.frame.asked;
    const isForAnyCard = (ins === Ins.SELECT || ins === Ins.GET_DATA) && (cla & 0x04) === 0;
    return !isForAnyCard && !isRefusalOfError(swOf(raw));
  }

  #staysOn({ on, state, now, due }: Seen): boolean {
    if (!on || due > 0x7ffffff) return on;
    return now + due - this.#lastSign > (LIMITS[state] ?? IDLE) + SLACK;
  }

  #changed(seen: Seen): boolean {
    const { status, cut } = seen;
    if (!status || !this.#status || cut || isLifeHidden(status) || isLifeHidden(this.#status)) return false;
    const changed = [StatusAt.LIFE, StatusAt.PIN_CHECK, StatusAt.TRIES, StatusAt.TEST_KEYS].some(
      (at) => status[at] !== this.#status?.[at],
    );
    const mayChange = ((seen.answer?.level ?? 0) & Level.C_DECRYPTION) !== 0;
    return changed && !(isAuthentic(seen) && mayChange && swOf(seen.raw) === Sw.DONE);
  }

  #isBadCode(code: string): boolean {
    return Number(code) % 16 === 0 || this.#spentCodes.has(code);
  }
}

interface Check {
  readonly name: InvariantName;
  /** Whether it is broken. */
  readonly check: (all: Invariants, seen: Seen) => boolean;
}

const CHECKS = Invariants.checks;

function isUnseeded(status: Uint8Array | undefined): boolean {
  return status?.[StatusAt.LIFE] === Life.BLANK || status?.[StatusAt.LIFE] === Life.SEEDED;
}

/** Personalized, the card checks the PIN, and no try is left. */
function isLocked(status: Uint8Array | undefined): boolean {
  return (
    status?.[StatusAt.LIFE] === Life.PERSONALIZED &&
    status[StatusAt.PIN_CHECK] === PinCheck.CARD &&
    (status[StatusAt.TRIES_LEFT] === 0 || status[StatusAt.CODE_TRIES_LEFT] === 0)
  );
}

/** A command in the channel with a right MAC, according to the model's facts. */
function isAuthentic({ action, answer }: Seen): boolean {
  return action.kind === "frame" && answer?.secured === true;
}

function isDone(seen: Seen, commands: readonly Ins[]): boolean {
  const { action, raw } = seen;
  if (action.kind !== "frame" || action.frame.kind !== "command") return false;
  return commands.includes(action.frame.asked.ins) && swOf(raw) === Sw.DONE;
}

function isCommand(frame: Frame, ins: Ins, p1: number): boolean {
  return frame.kind === "command" && frame.asked.ins === ins && frame.asked.p1 === p1;
}

/** The keys that SELF TEST reported, if it is not encrypted. */
function recorded({ action, raw, answer }: Seen): number {
  if (action.kind !== "frame" || !raw || !isCommand(action.frame, Ins.SELF_TEST, 2) || swOf(raw) !== Sw.DONE) return 0;
  if (answer?.secured && raw.length > 4 + 8) return 0;
  return ((raw[0] as number) << 8) | (raw[1] as number);
}

/** 6F and the number of the error, or the status word for an unknown command. */
function isRefusalOfError(sw: number): boolean {
  return sw >> 8 === Sw.ERROR >> 8 || sw === Sw.UNKNOWN_CLASS || sw === Sw.WRONG_LENGTH;
}

function isNoKeyOrOff({ state }: Seen): boolean {
  return state === "NO_KEY" || state === "OFF" || state === "BATT_LOW" || state === "ERROR";
}

function swOf(raw: Uint8Array | undefined): number {
  if (!raw || raw.length < 2) return 0;
  return ((raw[raw.length - 2] as number) << 8) | (raw[raw.length - 1] as number);
}

function described({ state, display, status, raw, due }: Seen): string {
  const parts = [`${state} "${display}", due in ${due} ms`];
  if (status) parts.push(`DF20 ${Buffer.from(status).toString("hex")}`);
  if (raw) parts.push(`answer ${Buffer.from(raw).toString("hex")}`);
  return parts.join(", ");
}

/** A card in ERROR reports neither its life nor anything that depends on it. */
function isLifeHidden(status: Uint8Array): boolean {
  return status[StatusAt.LIFE] === LIFE_NOT_TOLD;
}
