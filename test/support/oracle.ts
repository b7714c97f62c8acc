// OCRA a second time, written from RFC 6287 and RFC 4226 for the tests alone, so that a mistake shared by firmware and
// host tools shows. It uses code of neither; test/firmware/crypto/ocra.test.ts compares it with the answers in the
// RFCs.

import { createHash, createHmac } from "node:crypto";

/** The inputs of a response, as in host-tools/seeds/ocra.ts; what the suite does not name is ignored. */
export interface OracleInput {
  readonly challenge: string;
  readonly counter?: bigint;
  readonly pin?: string | Uint8Array;
  readonly session?: Uint8Array;
  readonly time?: bigint;
}

/** The response to `input` under a valid suite: digits, or the whole HMAC in hexadecimal (RFC 6287 §5, §6). */
export function oracle(suite: string, key: Uint8Array, input: OracleInput): string {
  const [, cryptoFunction = "", dataInput = ""] = suite.split(":");
  const [, hash = "", digits = ""] = cryptoFunction.split("-");
  const fields = dataInput.split("-").map((name) => fieldOf(name, input));
  const message = `${Buffer.from(suite).toString("hex")}00${fields.join("")}`;
  const mac = createHmac(hash, key).update(message, "hex").digest("hex");
  return digits === "0" ? mac : hotp(mac, Number(digits));
}

/** One field of the data input (§5.1), in hexadecimal. */
function fieldOf(name: string, { challenge, counter = 0n, pin = "", session, time = 0n }: OracleInput): string {
  switch (name[0]) {
    case "C":
      return counter.toString(16).padStart(16, "0");
    case "Q":
      return questionOf(name[1] as string, challenge).padEnd(256, "0");
    case "P":
      return createHash(name.slice(1)).update(pin).digest("hex");
    case "S":
      return Buffer.from(session ?? [])
        .toString("hex")
        .padStart(2 * Number(name.slice(1)), "0");
    default:
      return time.toString(16).padStart(16, "0");
  }
}

/** Q before its padding: a number in hexadecimal, text, or hexadecimal as it is. */
function questionOf(format: string, challenge: string): string {
  if (format === "N") return BigInt(challenge).toString(16);
  return format === "A" ? Buffer.from(challenge).toString("hex") : challenge.toLowerCase();
}

/**
 * Dynamic truncation of an HMAC in hexadecimal and its last decimal digits (RFC 4226 §5.3): the last nibble says at which
 * byte four bytes are taken, and their highest bit is dropped.
 */
export function hotp(mac: string, digits: number): string {
  const at = 2 * Number.parseInt(mac.slice(-1), 16);
  const number = BigInt(`0x${mac.slice(at, at + 8)}`) % 2n ** 31n;
  return String(number % 10n ** BigInt(digits)).padStart(digits, "0");
}
