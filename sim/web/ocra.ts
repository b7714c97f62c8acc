// OCRA in the page (RFC 6287): message and truncation come from the host tools, the hashes from noble. The browser's
// own hashes are missing on pages that came over plain HTTP.

import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { HashName } from "../../host-tools/card/hashes.js";
import { dataInput, type OcraInput, parseSuite, responseOf } from "../../host-tools/seeds/suite.js";

const HASHES = { SHA1: sha1, SHA256: sha256, SHA512: sha512 } as const;

/** The response to `input` under `suite`. Throws a SuiteError or an InputError if one does not fit. */
export function ocra(suite: string, key: Uint8Array, input: OcraInput): string {
  const parsed = parseSuite(suite);
  return responseOf(parsed, hmac(HASHES[parsed.hash], key, dataInput(suite, parsed, input, hashPin)));
}

function hashPin(hash: HashName, pin: string | Uint8Array): Uint8Array {
  return HASHES[hash](typeof pin === "string" ? new TextEncoder().encode(pin) : pin);
}
