// Writes the papers of a batch for commands: --labels, --pin-letters and the report.

import { mkdirSync } from "node:fs";
import type { Command } from "commander";
import type { Register } from "../desk/register/register.js";
import { UsageError } from "../files/errors.js";
import { explained } from "../files/files.js";
import { STDIN } from "../files/secretfile.js";

export interface PaperOptions {
  readonly labels?: string;
  readonly pinLetters?: string;
}

/** The files that were written. */
export interface WrittenPapers {
  labels?: string;
  letters?: string;
  /** The number of PINs in the letters. */
  pins?: number;
  report?: readonly string[];
}

/** Adds the options for papers. */
export function paperOptions(command: Command): Command {
  return command
    .option("--labels <file>", "write a PDF of labels for the cards that are done; they have no PIN")
    .option("--pin-letters <file>", "write a PDF of letters with the PINs of the cards that are done (mode 0600)");
}

/** Checks the options before the first card is touched. */
export async function refusePapers({ labels, pinLetters }: PaperOptions): Promise<void> {
  const { refuseOtherFile } = await import("../desk/batch/papers.js");
  for (const file of [labels, pinLetters]) {
    if (file === STDIN) throw new UsageError("-: papers are not written to standard output; give a file name");
    if (file !== undefined) refuseOtherFile(file);
  }
  if (labels !== undefined && labels === pinLetters)
    throw new UsageError("--labels and --pin-letters: labels and PINs go into separate files; give two names");
}

/** Writes the requested papers, each as a whole, from the register. */
export async function writePapers(
  register: Register,
  batch: number,
  { labels, pinLetters }: PaperOptions,
  folder: string | undefined,
): Promise<WrittenPapers> {
  const { writeLabels, writeLetters } = await import("../desk/batch/papers.js");
  const { printerOf } = await import("../desk/batch/printer.js");
  const written: WrittenPapers = {};
  if (labels !== undefined || pinLetters !== undefined) {
    const printer = await printerOf(register);
    if (labels !== undefined && (await writeLabels(register, batch, labels, printer)) > 0) written.labels = labels;
    if (pinLetters !== undefined) {
      written.pins = await writeLetters(register, batch, pinLetters, printer);
      if (written.pins > 0) written.letters = pinLetters;
    }
  }
  if (folder !== undefined) written.report = await writeReportInto(register, batch, folder);
  return written;
}

async function writeReportInto(register: Register, batch: number, folder: string): Promise<string[]> {
  const { reportOf, writeReport } = await import("../desk/batch/report.js");
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explained(folder, "write", error);
  }
  return writeReport(folder, await reportOf(register, batch));
}

/** A line for each file that was written. */
export function paperLines({ labels, letters, report = [] }: WrittenPapers): string[] {
  return [
    ...(labels === undefined ? [] : [`labels: ${labels}`]),
    ...(letters === undefined
      ? []
      : [`letters: ${letters}; erase the PINs with dsc batch close once they are printed`]),
    ...report.map((file) => `report: ${file}`),
  ];
}
