// OCRA without its hashes (RFC 6287): parsing a suite, the input of the HMAC, and the response from it. Uses no API of
// Node.
//
//   suite    = "OCRA-1:HOTP-" hash "-" digits ":" [C-] Q [-P] [-S] [-T]
//   response = decimal(truncate(HMAC(key, suite | 00 | [C] Q [P] [S] [T])))

import type { HashName } from "../card/hashes.js";
import { fromHex, toHex } from "../files/hex.js";
import { InputError, SuiteError } from "./errors.js";

/** The suite of unlock codes (CARD.md, "locked"): the challenge is the lock code. */
export const UNLOCK_SUITE = "OCRA-1:HOTP-SHA256-8:QN08";

/** A parsed suite (RFC 6287 §6). */
export interface Suite {
  /** The hash of the HMAC. */
  hash: HashName;
  /** Digits of the response: 4 to 10, or 0 for the whole HMAC, not truncated (§5.2). */
  digits: number;
  /** C: whether a counter is an input. */
  counter: boolean;
  /** Q: decimal digits, alphanumeric characters or hexadecimal digits. */
  format: "N" | "A" | "H";
  /** Q: the most characters of one party's challenge, 4 to 64. */
  challenge: number;
  /** P: the hash of the PIN, if the suite has P. */
  pin: HashName | undefined;
  /** S: bytes of session information; 0 if the suite has no S. */
  session: number;
  /** T: seconds in a time step; 0 if the suite has no T. */
  step: number;
}

/** The inputs of a response besides key and suite. Inputs that the suite does not name are not used. */
export interface OcraInput {
  /** In mutual mode both parties' challenges, with the other party's first (§5.1). */
  challenge: string;
  counter?: bigint;
  /** As the owner types it, in ASCII; hashed as the suite requires. */
  pin?: string | Uint8Array;
  session?: Uint8Array;
  /** In time steps since 1970. */
  time?: bigint;
}

/** The challenge's field: 128 bytes (§5.1), as hexadecimal digits. */
const FIELD_DIGITS = 256;
/** C and T are unsigned integers of 8 bytes (§5.1). */
const WORD_BITS = 64;
/** §5.1: S is "of length up to 512 bytes". */
const MAX_SESSION = 512;

const CRYPTO_FUNCTION = /^HOTP-(SHA1|SHA256|SHA512)-(0|[4-9]|10)$/;
const COUNTER = /^C$/;
const CHALLENGE = /^Q([NAH])(\d\d)$/;
const PIN = /^P(SHA1|SHA256|SHA512)$/;
const SESSION = /^S(\d\d\d)$/;
const TIME = /^T(0|[1-9]\d?)([SMH])$/;

/** Units of a time step: their seconds, and how many of them there may be (§6.3, table 3). */
const UNITS = { S: { seconds: 1, most: 59 }, M: { seconds: 60, most: 59 }, H: { seconds: 3600, most: 48 } };

/** The characters of a challenge (§6.3, table 2). */
const ALPHABETS = {
  N: { pattern: /^[0-9]+$/, name: "decimal digits" },
  A: { pattern: /^[0-9A-Za-z]+$/, name: "letters and digits" },
  H: { pattern: /^[0-9A-Fa-f]+$/, name: "hexadecimal digits" },
};

/**
 * Parses a suite: Algorithm:CryptoFunction:DataInput (§6). Throws a SuiteError that says what is wrong. From the tables
 * of §6.3 only 0H is refused, since a time step must take time.
 */
export function parseSuite(text: string): Suite {
  const [algorithm, cryptoFunction, dataInput, ...rest] = text.split(":");
  if (cryptoFunction === undefined || dataInput === undefined || rest.length > 0)
    throw new SuiteError("a suite has three parts, separated by colons");
  if (algorithm !== "OCRA-1") throw new SuiteError("a suite begins with OCRA-1");
  const [, hash, digits] = CRYPTO_FUNCTION.exec(cryptoFunction) ?? [];
  if (!hash || !digits)
    throw new SuiteError("the second part is HOTP-SHA1, -SHA256 or -SHA512, and 0 or 4 to 10 digits");
  return { hash: hash as HashName, digits: Number(digits), ...parseDataInput(dataInput) };
}

/** [C] | QFxx | [PH | Snnn | TG], separated by hyphens, in this order (§6.3). */
function parseDataInput(text: string): Omit<Suite, "hash" | "digits"> {
  const parts = text.split("-");
  const take = (pattern: RegExp) => {
    const match = pattern.exec(parts[0] ?? "");
    if (match) parts.shift();
    return match;
  };
  const counter = take(COUNTER) !== null;
  const [, format, challenge] = take(CHALLENGE) ?? [];
  const pin = take(PIN)?.[1] as HashName | undefined;
  const session = take(SESSION)?.[1];
  const [, steps, unit] = take(TIME) ?? [];
  if (!format || !challenge) throw new SuiteError("the third part has no challenge such as QN08");
  if (parts.length > 0)
    throw new SuiteError(`${JSON.stringify(parts[0])} is no input of a suite, or not in the right place`);
  return {
    counter,
    format: format as Suite["format"],
    challenge: numberWithin("the length of a challenge", challenge, 4, 64),
    pin,
    session: session ? numberWithin("the length of a session", session, 1, MAX_SESSION) : 0,
    step: steps ? stepSeconds(steps, unit as keyof typeof UNITS) : 0,
  };
}

function stepSeconds(steps: string, unit: keyof typeof UNITS): number {
  return numberWithin("a time step", steps, 1, UNITS[unit].most) * UNITS[unit].seconds;
}

function numberWithin(what: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (value < least || value > most) throw new SuiteError(`${what} is ${least} to ${most}, not ${text}`);
  return value;
}

/**
 * DataInput = {OCRASuite | 00 | C | Q | P | S | T}, without what the suite does not name (§5.1). `hashPin` hashes the
 * PIN with the suite's hash.
 */
export function dataInput(
  text: string,
  suite: Suite,
  input: OcraInput,
  hashPin: (hash: HashName, pin: string | Uint8Array) => Uint8Array,
): Uint8Array {
  const fields: Uint8Array[] = [ascii(text), Uint8Array.of(0)];
  if (suite.counter) fields.push(word("counter", input.counter));
  fields.push(challengeField(suite, input.challenge));
  if (suite.pin) fields.push(hashPin(suite.pin, given("PIN", input.pin)));
  if (suite.session) fields.push(sessionField(suite.session, input.session));
  if (suite.step) fields.push(word("time", input.time));
  return concat(fields);
}

/** Q: 128 bytes, the challenge followed by zeros. A number is written in hexadecimal (§5.1, appendix A). */
function challengeField(suite: Suite, challenge: string): Uint8Array {
  const { pattern, name } = ALPHABETS[suite.format];
  if (!pattern.test(challenge))
    throw new InputError(`the challenge does not fit Q${suite.format}: ${name} are expected`);
  // In mutual mode there are two of them (§7.2, C.2); the suite does not show the mode.
  if (challenge.length > 2 * suite.challenge)
    throw new InputError(`the challenge is longer than twice ${suite.challenge} characters`);
  return fromHex(challengeDigits(suite.format, challenge).padEnd(FIELD_DIGITS, "0"));
}

function challengeDigits(format: Suite["format"], challenge: string): string {
  if (format === "N") return BigInt(challenge).toString(16);
  return format === "H" ? challenge : toHex(ascii(challenge));
}

/** S: of the length that the suite requires, with leading zeros (appendix A). */
function sessionField(size: number, session: Uint8Array | undefined): Uint8Array {
  const bytes = given("session", session);
  if (bytes.length > size) throw new InputError(`the session is longer than ${size} bytes`);
  const field = new Uint8Array(size);
  field.set(bytes, size - bytes.length);
  return field;
}

/** C and T: 8 bytes, big-endian (§5.1). */
function word(name: string, value: bigint | undefined): Uint8Array {
  const number = given(name, value);
  if (BigInt.asUintN(WORD_BITS, number) !== number) throw new InputError(`the ${name} is not a 64-bit number`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, number);
  return bytes;
}

function given<T>(name: string, value: T | undefined): T {
  if (value === undefined) throw new InputError(`the suite needs a ${name}`);
  return value;
}

/** The response from an HMAC: decimal digits, or the whole HMAC in hexadecimal (§5.2). */
export function responseOf({ digits }: Suite, hmac: Uint8Array): string {
  return digits === 0 ? toHex(hmac) : truncate(hmac, digits);
}

/** Dynamic truncation and the last decimal digits (§5.2; RFC 4226 §5.3). */
function truncate(hmac: Uint8Array, digits: number): string {
  const offset = (hmac.at(-1) ?? 0) & 15;
  const number = new DataView(hmac.buffer, hmac.byteOffset).getUint32(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, "0");
}

function concat(fields: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((size, field) => size + field.length, 0));
  let at = 0;
  for (const field of fields) {
    bytes.set(field, at);
    at += field.length;
  }
  return bytes;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
