// The messages between a card in a frame and the page around it (docs/WEB.md): their types, and their validation.

import { KEYS, type KeyName } from "../core/card.js";

/** The version of the messages; it is in each of them. */
export const VERSION = 1;
/** The longest time that one message may let pass, in ms: more than any time-out of the card. */
export const LONGEST_TIME = 600_000;
const MOST_DIGITS = 64;

/** What the card shows. */
export interface Screen {
  readonly on: boolean;
  /** The name of the state. */
  readonly state: string;
  /** The text of the screen, without trailing blanks. */
  readonly display: string;
  /** The card's clock in ms. */
  readonly time: number;
}

/** What a page may request of the card. */
export type Command =
  | { readonly command: "press"; readonly key: KeyName }
  | { readonly command: "hold"; readonly key: KeyName; readonly ms?: number }
  | { readonly command: "type"; readonly digits: string }
  | { readonly command: "time"; readonly ms: number }
  | { readonly command: "screen" };

/** A command with the number that its answer will have. */
export type Request = Command & { readonly dsc: typeof VERSION; readonly id: number };

/** What a card says: the answer to a request, or an event. */
export type Message =
  | { readonly dsc: typeof VERSION; readonly id: number; readonly screen: Screen }
  | { readonly dsc: typeof VERSION; readonly id: number; readonly error: string }
  | { readonly dsc: typeof VERSION; readonly event: "ready" | "screen"; readonly screen: Screen };

/** A malformed request; the message says what is wrong. */
export class RequestError extends Error {
  override name = "RequestError";
}

/** The number of a request, whatever else it contains; undefined if the data is no request of this version. */
export function requestId(data: unknown): number | undefined {
  if (!isObject(data) || data.dsc !== VERSION) return undefined;
  return typeof data.id === "number" && Number.isSafeInteger(data.id) ? data.id : undefined;
}

/** Reads the command of a request. Throws a RequestError if there is none. */
export function readCommand(data: unknown): Command {
  if (!isObject(data)) throw new RequestError("a request is an object");
  switch (data.command) {
    case "press":
      return { command: "press", key: readKey(data.key) };
    case "hold":
      return { command: "hold", key: readKey(data.key), ...(data.ms !== undefined && { ms: readTime(data.ms) }) };
    case "type":
      return { command: "type", digits: readDigits(data.digits) };
    case "time":
      return { command: "time", ms: readTime(data.ms) };
    case "screen":
      return { command: "screen" };
    default:
      throw new RequestError("command is press, hold, type, time or screen");
  }
}

/** A message of a card; undefined if the data is none. */
export function readMessage(data: unknown): Message | undefined {
  if (!isObject(data) || data.dsc !== VERSION) return undefined;
  const answer = typeof data.id === "number" && (typeof data.error === "string" || isObject(data.screen));
  const event = (data.event === "ready" || data.event === "screen") && isObject(data.screen);
  return answer || event ? (data as unknown as Message) : undefined;
}

function readKey(value: unknown): KeyName {
  const key = KEYS.find((name) => name === value);
  if (key === undefined) throw new RequestError("key is press, ok or a digit");
  return key;
}

function readTime(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LONGEST_TIME) return value;
  throw new RequestError(`ms is a whole number from 0 to ${LONGEST_TIME}`);
}

function readDigits(value: unknown): string {
  if (typeof value === "string" && value.length <= MOST_DIGITS && /^[0-9]+$/.test(value)) return value;
  throw new RequestError(`digits is a text of 1 to ${MOST_DIGITS} digits`);
}

function isObject(data: unknown): data is Record<string, unknown> {
  return typeof data === "object" && data !== null;
}
