// The file of a saved head of the journal: JSON without secrets.
//
//   {"register": HEX, "number": N, "mac": HEX, "at": "2026-11-28T12:00:00.000Z", "publicKey": HEX, "signature": HEX}
//
// The public key names the key that checks the signature. It proves nothing by itself: keep the public key that
// `register init` printed together with the head.

import { FileError } from "../../files/errors.js";
import { readWhole } from "../../files/files.js";
import { CURVE_KEY_BYTES } from "./curve25519.js";
import { MAC_BYTES, SIGNATURE_BYTES, type SignedHead } from "./journalchain.js";
import { REGISTER_ID_BYTES } from "./sealing.js";

export interface SavedHead extends SignedHead {
  readonly publicKey: Uint8Array;
}

const MOST_BYTES = 64 * 1024;

/** A head as it is written to a file or printed with --json. */
export function headInJson({ register, number, mac, at, publicKey, signature }: SavedHead) {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return {
    register: hex(register),
    number,
    mac: hex(mac),
    at: new Date(at).toISOString(),
    publicKey: hex(publicKey),
    signature: hex(signature),
  };
}

/** Throws a FileError of one line if the file contains no head. */
export function readHead(path: string): SavedHead {
  const head = headIn(readWhole(path, MOST_BYTES).toString("utf8"));
  if (!head) throw new FileError(`${path}: is not a head of a journal; \`dsc journal head\` writes one`);
  return head;
}

function headIn(text: string): SavedHead | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { number } = fields;
  const at = timeIn(fields.at);
  const register = bytesIn(fields.register, REGISTER_ID_BYTES);
  const mac = bytesIn(fields.mac, MAC_BYTES);
  const publicKey = bytesIn(fields.publicKey, CURVE_KEY_BYTES);
  const signature = bytesIn(fields.signature, SIGNATURE_BYTES);
  if (!register || !mac || !publicKey || !signature || !isNumber(number) || at === undefined) return undefined;
  return { register, number, mac, at, publicKey, signature };
}

function timeIn(value: unknown): number | undefined {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isSafeInteger(at) && new Date(at).toISOString() === value ? at : undefined;
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function bytesIn(value: unknown, size: number): Buffer | undefined {
  if (typeof value !== "string" || !/^[0-9a-f]*$/.test(value) || value.length !== 2 * size) return undefined;
  return Buffer.from(value, "hex");
}
