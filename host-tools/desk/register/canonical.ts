// Several values as one byte string that can be parsed in only one way: the input of MACs, signatures and associated
// data.
//
//   absent   00
//   present  01, the length in 4 bytes (big-endian), the bytes; text in UTF-8

import { concatSecrets } from "../../files/secretbytes.js";

export type Part = string | Uint8Array | null | undefined;

const ABSENT = Buffer.of(0);
const PRESENT = 1;

/** The encoded parts, one after another. The caller wipes the result if a part is secret. */
export function canonical(...parts: readonly Part[]): Buffer {
  return concatSecrets(...parts.flatMap(encoded));
}

function encoded(part: Part): Uint8Array[] {
  if (part === null || part === undefined) return [ABSENT];
  const bytes = typeof part === "string" ? Buffer.from(part, "utf8") : part;
  const head = Buffer.alloc(5);
  head[0] = PRESENT;
  head.writeUInt32BE(bytes.length, 1);
  return [head, bytes];
}
