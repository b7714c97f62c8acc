// OCRA, the OATH challenge-response algorithm (RFC 6287), for the host: written to be readable, not fast. The
// firmware's version (firmware/crypto/ocra.ts) is checked against it.

import { createHash, createHmac } from "node:crypto";
import type { HashName } from "../card/hashes.js";
import { dataInput, type OcraInput, parseSuite, responseOf } from "./suite.js";

/** The response to `input` under `suite`: decimal digits, or the whole HMAC in hexadecimal (§5.2). */
export function ocra(suite: string, key: Uint8Array, input: OcraInput): string {
  const parsed = parseSuite(suite);
  const message = dataInput(suite, parsed, input, hashPin);
  return responseOf(parsed, createHmac(parsed.hash, key).update(message).digest());
}

function hashPin(hash: HashName, pin: string | Uint8Array): Uint8Array {
  return createHash(hash).update(pin).digest();
}
