// Operators: who may act at the desk. Each has an Ed25519 key pair. The register has the public key, and each entry of
// the journal is signed by the operator who made it. So nobody with only the journal key can write in an operator's
// name.
//
// If the register has no operators, the login name acts and nothing is signed. A name and a public key are enrolled
// only once, so that an entry, a request or an approval never refers to two people.

import { sign, verify } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import { UsageError } from "../../files/errors.js";
import { CURVE_KEY_BYTES, privateKeyOf, publicBytesOf, publicKeyOf } from "./curve25519.js";
import { RegisterError } from "./errors.js";
import type { SigningKey } from "./heldkeys.js";
import type { OperatorsTable, Tables } from "./schema.js";

/** Actions of the journal about operators and approvals. */
export const ADD_OPERATOR = "operator add";
export const REMOVE_OPERATOR = "operator remove";
export const ASK_ACTION = "approval ask";
export const APPROVE_ACTION = "approve";
export const SPEND_ACTION = "approval spend";
/** The command that corrects a wrong time. Its request, approval and execution use the clock's time. */
export const CLOCK_COMMAND = "register clock";

/** The acting person: an operator with the key, or an unauthenticated name. */
export type Actor = Operator | string;

export type OperatorRow = Selectable<OperatorsTable>;

/** Names that fit a command line and a column. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const PUBLIC_KEY = new RegExp(`^[0-9a-f]{${2 * CURVE_KEY_BYTES}}$`);
/** From this number of operators on, changing the operators needs the approval of another one. */
export const LEAST_FOR_APPROVAL = 2;

/** An operator whose key was given. */
export class Operator {
  readonly name: string;
  /** 32 bytes. */
  readonly publicKey: Buffer;
  readonly #key: SigningKey;

  /** `key`: the private key, 32 bytes that the caller wipes, or an object that holds it. */
  constructor(name: string, key: Uint8Array | SigningKey) {
    this.name = name;
    this.#key = key instanceof Uint8Array ? signingKeyOf(key) : key;
    this.publicKey = this.#key.publicKey;
  }

  /** 64 bytes. */
  sign(message: Uint8Array): Buffer {
    return this.#key.sign(message);
  }
}

function signingKeyOf(seed: Uint8Array): SigningKey {
  const key = privateKeyOf("Ed25519", seed);
  return { publicKey: publicBytesOf(key), sign: (message) => sign(null, message, key) };
}

export function nameOf(actor: Actor): string {
  return typeof actor === "string" ? actor : actor.name;
}

/** Whether the owner of this public key, 32 bytes, signed the message. */
export function isSignedWith(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, message, publicKeyOf("Ed25519", publicKey), signature);
}

/** The current operators, in order of name. */
export function activeOperators(db: Kysely<Tables>): Promise<OperatorRow[]> {
  return db.selectFrom("operators").selectAll().where("removed", "is", null).orderBy("name").execute();
}

/** All operators, former ones included, in order of name. */
export function listOperators(db: Kysely<Tables>): Promise<OperatorRow[]> {
  return db.selectFrom("operators").selectAll().orderBy("name").execute();
}

/**
 * If there are operators, throws a RegisterError ("operator") unless the actor is one of them and gave the right key.
 */
export async function refuseStranger(db: Kysely<Tables>, actor: Actor): Promise<void> {
  const operators = await activeOperators(db);
  if (operators.length === 0) return;
  const name = nameOf(actor);
  const own = operators.find((operator) => operator.name === name);
  if (!own)
    throw new RegisterError(
      `${name} is not an operator of this register; name one with --operator and --operator-key`,
      "operator",
    );
  if (typeof actor === "string")
    throw new RegisterError(
      `the key of operator ${name} is needed; name its file with --operator-key (or DSC_OPERATOR_KEY)`,
      "operator",
    );
  if (!actor.publicKey.equals(own.public_key))
    throw new RegisterError(`the operator key is not that of ${name}; give that key`, "operator");
}

/** The signature of an entry; undefined if the actor is not enrolled. */
export async function signatureFor(db: Kysely<Tables>, actor: Actor, content: Uint8Array): Promise<Buffer | undefined> {
  if (typeof actor === "string") return undefined;
  const own = await db
    .selectFrom("operators")
    .select("name")
    .where("name", "=", actor.name)
    .where("removed", "is", null)
    .executeTakeFirst();
  return own && actor.sign(content);
}

/** Checks an operator's name for commands and the journal. Throws a UsageError. */
export function checkOperatorName(name: string): string {
  if (NAME.test(name)) return name;
  throw new UsageError(
    "the name of an operator has 1 to 32 letters, digits, dots, dashes and underscores, and begins with a letter or digit",
  );
}

/** The 32 bytes of a public key in hexadecimal; undefined for any other text. */
export function publicKeyIn(text: string): Buffer | undefined {
  const hex = text.toLowerCase();
  return PUBLIC_KEY.test(hex) ? Buffer.from(hex, "hex") : undefined;
}

export interface NewOperator {
  readonly name: string;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

/** Throws a RegisterError ("exists") if the name, in whatever case, or the key is, or was, an operator's. */
export async function refuseKnown(db: Kysely<Tables>, { name, publicKey }: NewOperator): Promise<void> {
  for (const known of await listOperators(db)) {
    const was = known.removed === null ? "is" : "was";
    // In the journal or in a request, nobody would tell anna and Anna apart.
    if (known.name.toLowerCase() === name.toLowerCase())
      throw new RegisterError(`${known.name} ${was} an operator already; take another name and a new key`, "exists");
    if (publicKey.equals(known.public_key))
      throw new RegisterError(
        `this public key ${was} that of ${known.name}; each operator needs a separate key`,
        "exists",
      );
  }
}

/** Throws a RegisterError ("unknown") if there is no such operator. */
export async function operatorOf(db: Kysely<Tables>, name: string): Promise<OperatorRow> {
  const operator = (await activeOperators(db)).find((each) => each.name === name);
  if (operator) return operator;
  throw new RegisterError(`${name}: the register has no such operator; dsc operator list shows them`, "unknown");
}
