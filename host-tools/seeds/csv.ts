// Lines of keys in the clear, as other systems import them: the file is its owner's alone, and is to be deleted after that.

import { createExclusive, type FileSystem } from "../files/files.js";
import { concatSecrets, secretBytes } from "../files/secretbytes.js";

/** Writes a line for each item under the header, and wipes the lines. Never overwrites. */
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
