// Bytes that look random and are the same in every run: a failure can be repeated from the length that it names.

import { createHash } from "node:crypto";

/** `length` bytes; another `seed` gives others. */
export function pattern(length: number, seed = 0): Buffer {
  return createHash("shake128", { outputLength: Math.max(1, length) })
    .update(`pattern ${seed}`)
    .digest()
    .subarray(0, length);
}
