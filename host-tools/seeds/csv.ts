// Lines with keys in the clear, in the formats that other systems import. Only the owner can read the file, and it
// should be deleted after the import.

import { createExclusive, type FileSystem } from "../files/files.js";
import { concatSecrets, secretBytes } from "../files/secretbytes.js";

/** Writes the header and a line for each item, and wipes the lines. Never overwrites. */
export function writeSecretLines<T>(
  path: string,
  header: string,
  items: readonly T[],
  line: (item: T) => Buffer,
  disk: FileSystem,
): void {
  const lines: Buffer[] = [];
  let contents = secretBytes(0);
  try {
    for (const item of items) lines.push(line(item));
    contents = concatSecrets(Buffer.from(header), ...lines);
    createExclusive(path, contents, disk);
  } finally {
    for (const secret of [...lines, contents]) secret.fill(0);
  }
}
