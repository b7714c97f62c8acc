// Writes a finding to disk: a command file that `dsc-sim run` replays, and a flash file if the run begins with one.

import { join } from "node:path";
import { FileError } from "../../../host-tools/files/errors.js";
import { createExclusive, removeAbandoned } from "../../../host-tools/files/files.js";
import { saveFlashFile } from "../flashfile.js";
import { UserError } from "../usererror.js";
import { unreadableFlash } from "./beginnings.js";
import { UNREADABLE_FILE } from "./play.js";

/** The number of names tried for one seed, since earlier findings are not overwritten. */
const MOST_NAMES = 1000;

/** Names of findings and of their flash files. */
const NAME = /^monkey-\d+(-\d+)?\.dsc(\.flash)?$/;

/** The name of a finding's file: the first for a seed, or a further one. */
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
  throw new UserError(`${join(folder, nameOf(seed, MOST_NAMES))}: exists already; delete old findings`);
}

/** Deletes what a killed monkey left in `folder` while it wrote a finding. */
export function clearAbandoned(folder: string): void {
  removeAbandoned(folder, (name) => NAME.test(name));
}

/** Returns false if the file exists. */
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
