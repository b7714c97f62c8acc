// Command and response APDUs (ISO 7816-4, short), and the names of the card's commands and status words.

import { Ins, Sw } from "../../firmware/wire.js";
import { BadAnswer, CardRefused } from "./errors.js";

/** A command APDU. */
export interface Command {
  readonly cla: number;
  readonly ins: number;
  readonly p1: number;
  readonly p2: number;
  readonly data?: Uint8Array;
  /** Le: the most bytes that the answer may have, 1 to 256. Undefined if no data is requested. */
  readonly le?: number;
}

/** A response APDU. */
export interface Response<Bytes extends Uint8Array = Uint8Array> {
  readonly data: Bytes;
  readonly sw: number;
}

/** Le for "as much as there is". */
export const ANY = 256;
/** Bit of the class: the command uses GlobalPlatform's secure messaging (GPC_SPE_034 §11.1.4). */
export const SECURE = 0x04;

const SENTENCES: Record<number, string> = {
  [Sw.DONE]: "done",
  [Sw.NOT_AUTHENTIC]: "the card does not accept these transport keys",
  [Sw.FLASH_FAILED]: "writing the card's flash failed",
  [Sw.WRONG_LENGTH]: "the command has a wrong length",
  [Sw.NOT_IN_THIS_CHANNEL]: "the command is not allowed in this secure channel, or not without one",
  [Sw.NO_TRIES]: "no tries are left: the card is locked or blocked",
  [Sw.NOT_USABLE]: "the server checks the PIN, or the card's random source failed",
  [Sw.NOT_IN_THIS_STATE]: "not in this state: personalized, not yet seeded, or the battery is low",
  [Sw.WRONG_SECURE_MESSAGING]: "the command's MAC or padding is wrong",
  [Sw.WRONG_DATA]: "the command's data is wrong",
  [Sw.NO_APPLICATION]: "no such application",
  [Sw.WRONG_PARAMETERS]: "P1 or P2 is wrong",
  [Sw.NO_SUCH_DATA]: "the card has no such data",
  [Sw.UNKNOWN_COMMAND]: "the card does not know the command",
  [Sw.UNKNOWN_CLASS]: "the card does not know the command's class",
  [Sw.ERROR + 1]: "the card is in ERROR 01: an algorithm fails",
  [Sw.ERROR + 2]: "the card is in ERROR 02: its flash cannot be read",
  [Sw.ERROR + 3]: "the card is in ERROR 03: its random source fails",
};

/** The error for a status word that refuses an instruction. */
export function refusal(ins: number, sw: number): CardRefused {
  const command = commandName(ins);
  return new CardRefused(`${command}: ${describeStatus(sw)} (${hex(sw, 4)})`, command, sw);
}

/** The meaning of a status word, in a sentence. */
export function describeStatus(sw: number): string {
  const tries = triesLeft(sw);
  if (tries !== undefined) return `wrong PIN or unlock code, tries left: ${tries}`;
  return SENTENCES[sw] ?? "a status word that this card does not have";
}

/** The name of an instruction. */
export function commandName(ins: number): string {
  const known = Object.entries(Ins).find(([, value]) => value === ins);
  return known ? known[0].replaceAll("_", " ") : `command ${hex(ins, 2)}`;
}

/** The tries left, if the status word says that a PIN or an unlock code was wrong: 63Cx. */
export function triesLeft(sw: number): number | undefined {
  return (sw & 0xfff0) === 0x63c0 ? sw & 0x0f : undefined;
}

export function encodeCommand(command: Command): Uint8Array {
  const { cla, ins, p1, p2, data = new Uint8Array(0), le } = command;
  if (data.length > 255) throw new RangeError(`a short command holds 255 bytes, not ${data.length}`);
  const length = data.length ? [data.length] : [];
  const expected = le === undefined ? [] : [le & 0xff];
  return Uint8Array.from([cla, ins, p1, p2, ...length, ...data, ...expected]);
}

/** Parses a short command APDU; throws a RangeError if it is malformed. */
export function decodeCommand(bytes: Uint8Array): Command {
  const [cla, ins, p1, p2, length] = bytes;
  if (cla === undefined || ins === undefined || p1 === undefined || p2 === undefined)
    throw new RangeError("a command has at least four bytes");
  const header = { cla, ins, p1, p2 };
  if (length === undefined) return header;
  if (bytes.length === 5) return { ...header, le: length || ANY };
  const rest = bytes.length - 5 - length;
  if (length === 0 || rest < 0 || rest > 1) throw new RangeError("the command's length is wrong");
  const command = { ...header, data: Uint8Array.from(bytes.subarray(5, 5 + length)) };
  return rest ? { ...command, le: bytes.at(-1) || ANY } : command;
}

/** Parses a response APDU; its data has the same byte type. */
export function decodeResponse<Bytes extends Uint8Array>(bytes: Bytes): Response<Bytes> {
  const [sw1, sw2] = bytes.subarray(-2);
  if (sw1 === undefined || sw2 === undefined) throw new BadAnswer("the card's answer has no status word");
  return { data: bytes.subarray(0, -2) as Bytes, sw: (sw1 << 8) | sw2 };
}

/**
 * Commands whose data and answers contain no secret even if they are not encrypted. Data of other commands is never
 * shown.
 */
const PUBLIC: ReadonlySet<number> = new Set([Ins.SELECT, Ins.GET_DATA, Ins.INITIALIZE_UPDATE, Ins.SELF_TEST]);

/** A command in one line for people, without secrets and encrypted parts. */
export function describeCommand(bytes: Uint8Array): string {
  const { ins, data } = decodeCommand(bytes);
  return `${commandName(ins)} ${toHex(bytes.subarray(0, 4))}${shown(bytes, data)}`;
}

/** The answer to `command` in one line for people, without secrets and encrypted parts. */
export function describeResponse(command: Uint8Array, response: Uint8Array): string {
  const { data, sw } = decodeResponse(response);
  return `${hex(sw, 4)} ${describeStatus(sw)}${shown(command, data)}`;
}

function shown(command: Uint8Array, data: Uint8Array | undefined): string {
  if (!data?.length) return "";
  const [cla = SECURE, ins = 0] = command;
  if (cla & SECURE || !PUBLIC.has(ins)) return `, ${data.length} bytes not shown`;
  return `, ${toHex(data)}`;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => hex(byte, 2)).join("");
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
