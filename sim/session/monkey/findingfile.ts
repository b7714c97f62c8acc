// A finding on the disk: a command file that `dsc-sim run` replays, with a flash file beside it where it begins with one.

import { join } from "node:path";
import { createExclusive, FileError, removeAbandoned } from "../../../host-tools/files/files.js";
import { saveFlashFile } from "../flashfile.js";
import { UserError } from "../usererror.js";
import { unreadableFlash } from "./beginnings.js";
import { UNREADABLE_FILE } from "./play.js";

/** Names that are tried for one seed: findings of earlier runs are not overwritten. */
const MOST_NAMES = 1000;

/** Names of findings and of their flash files. */
const NAME = /^monkey-\d+(-\d+)?\.dsc(\.flash)?$/;

/** The name of a finding's file: the first of a seed, or a further one. */
function nameOf(seed: number, number: number): string {
  return number === 1 ? `monkey-${seed}.dsc` : `monkey-${seed}-${number}.dsc`;
}

/** Writes the lines of a finding into a new file in `folder`. Returns its path. Throws a UserError. */
export function writeFinding(folder: string, seed: number, lines: readonly string[]): string {
  for (let number = 1; number <= MOST_NAMES; number++) {
    const path = join(folder, nameOf(seed, number));
    if (create(path, textOf(nameOf(seed, number), lines))) {
      if (lines.includes(`flash ${UNREADABLE_FILE}`)) saveFlashFile(`${path}.flash`, unreadableFlash());
      return path;
    }
  }
  throw new UserError(`${join(folder, nameOf(seed, MOST_NAMES))}: is there already; delete old findings`);
}

/** Deletes what a monkey left in `folder` that was killed while it wrote a finding. */
export function clearAbandoned(folder: string): void {
  removeAbandoned(folder, (name) => NAME.test(name));
}

/** Returns false where there is such a file. */
function create(path: string, text: string): boolean {
  try {
    createExclusive(path, text);
    return true;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    if (error.reason === "exists") return false;
    throw new UserError(error.message);
  }
}

function textOf(name: string, lines: readonly string[]): string {
  const named = lines.map((line) => (line === `flash ${UNREADABLE_FILE}` ? `flash ${name}.flash` : line));
  return `${named.join("\n")}\n`;
}
