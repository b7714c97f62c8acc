// The vectors of Debian's python3-cryptography-vectors: NIST's CAVP response files, and files of the same form.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "/usr/lib/python3/dist-packages/cryptography_vectors";

/** Why the files cannot be read here; undefined if they can. */
export const NO_CAVP = existsSync(FOLDER) ? undefined : "apt-get install python3-cryptography-vectors";

/** One vector: the sections that it belongs to, and its fields, by their names in the file. */
export interface CavpVector {
  /** `[PRF=CMAC_AES128]` is `PRF`; `[ENCRYPT]`, which has no value, is ``. */
  readonly section: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, string>>;
}

/** The vectors of a file. Fields before the first vector, such as a seed, count as a separate vector. */
export function cavpVectors(path: string): CavpVector[] {
  const section: Record<string, string> = {};
  const vectors: CavpVector[] = [];
  let fields: Record<string, string> = {};
  const end = () => {
    if (Object.keys(fields).length > 0) vectors.push({ section: { ...section }, fields });
    fields = {};
  };
  for (const line of readFileSync(join(FOLDER, path), "latin1").split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    if (line.trim() === "") end();
    else if (line.startsWith("[")) {
      end();
      const [name, value] = pair(line.replace(/[[\]]/g, ""));
      section[value === undefined ? "" : name] = value ?? name;
    } else {
      const [name, value = ""] = pair(line);
      fields[name] = value;
    }
  }
  end();
  return vectors;
}

/** `name = value`, or a name alone. */
function pair(line: string): [name: string, value: string | undefined] {
  const at = line.indexOf("=");
  return at < 0 ? [line.trim(), undefined] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}
