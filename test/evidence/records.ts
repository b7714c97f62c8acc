// The records of campaigns: build/evidence.json has the last run of each on this machine, docs/evidence.json the runs
// that docs/EVIDENCE.md reports.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { firmwareOf } from "../../host-tools/flashing/firmwarehash.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import type { Failure, Figure } from "./campaign.js";

export const LAST_RUN = join(ROOT, "build", "evidence.json");
export const DOCUMENTED = join(ROOT, "docs", "evidence.json");
/** Used if the tested version is not known. */
export const UNKNOWN = "unknown";

/** The figures of a campaign, and when, how and on which version it was run. */
export interface Record {
  readonly campaign: string;
  readonly long: boolean;
  readonly date: string;
  /** The hash of the firmware, as `dsc info` prints it. */
  readonly module: string;
  /** The commit of the sources, with "+" if they were changed since. */
  readonly commit: string;
  readonly seconds: number;
  readonly failures: readonly Failure[];
  readonly figures: readonly Figure[];
}

/** The records of a file; none if the file does not exist. Throws if it contains anything else. */
export function recordsIn(file: string): Record[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Puts a record into a file, in place of the one of the same campaign and form. */
export function keep(file: string, record: Record): void {
  const others = recordsIn(file).filter(({ campaign, long }) => campaign !== record.campaign || long !== record.long);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify([...others, record], null, 2)}\n`);
}

/** The hash of the module that is built. */
export function currentModule(): string {
  return firmwareOf(readFileSync(FIRMWARE_FILE))?.hash ?? UNKNOWN;
}
