// The papers of a batch: labels and PIN letters. They are written from the register as often as needed until the batch
// is closed, each file whole. Labels have no PIN, so that people who ship cards need not see it.
//
// Only its owner can read the file of letters and its temporary file. A row is marked as lettered once the file with
// its letter is synced under its final name: only then may closing the batch erase the PIN.

import { FileError } from "../../files/errors.js";
import { DISK, type FileSystem, readWhole, replaceAtomically } from "../../files/files.js";
import type { Label } from "../paper/labels.js";
import type { PinLetter } from "../paper/letters.js";
import { type BatchRow, batchOf, rowsOf } from "../register/batches.js";
import { openRowPin } from "../register/batchrows.js";
import { change } from "../register/change.js";
import { RegisterError } from "../register/errors.js";
import type { Register } from "../register/register.js";

/** Makes the pages: each function returns a PDF. */
export interface Printer {
  labels(cards: readonly Label[]): Promise<Uint8Array>;
  letters(letters: readonly PinLetter[]): Promise<Uint8Array>;
}

const PDF = Buffer.from("%PDF-");
const LONGEST_PDF = 1024 * 1024 * 1024;
/** Rows that one statement handles. */
const PIECE = 500;

/** Writes the labels of all finished cards. Returns the number of labels; if there are none, writes no file. */
export async function writeLabels(
  register: Register,
  batch: number,
  path: string,
  printer: Printer,
  disk: FileSystem = DISK,
): Promise<number> {
  refuseOtherFile(path);
  const rows = await doneRows(register, batch);
  const cards = rows.map(({ serial, user_name }) => ({ serial: serial ?? "", batch, ...named(user_name) }));
  if (cards.length === 0) return 0;
  replaceAtomically(path, await printer.labels(cards), disk);
  return cards.length;
}

/**
 * Writes the letters of all finished cards that have a PIN. Returns the number of letters; if there are none, writes no
 * file. Throws a RegisterError ("state") if the batch is closed, since its PINs are erased.
 */
export async function writeLetters(
  register: Register,
  batch: number,
  path: string,
  printer: Printer,
  disk: FileSystem = DISK,
): Promise<number> {
  refuseOtherFile(path);
  const rows = (await doneRows(register, batch, true)).filter(({ pin }) => pin !== null);
  if (rows.length === 0) return 0;
  const letters = rows.map((row) => letterOf(register, row));
  let pdf: Uint8Array | undefined;
  try {
    pdf = await printer.letters(letters);
    replaceAtomically(path, pdf, disk);
  } finally {
    for (const { pin } of letters) pin.fill(0);
    pdf?.fill(0);
  }
  await markLettered(register, batch, rows);
  return letters.length;
}

function doneRows(register: Register, batch: number, open = false): Promise<BatchRow[]> {
  return register.engine.read(async (db) => {
    const { state } = await batchOf(db, batch);
    if (open && state === "closed")
      throw new RegisterError(
        `batch ${batch} is closed: its PINs are erased, so letters can no longer be written`,
        "state",
      );
    return (await rowsOf(db, batch)).filter((row) => row.state === "done");
  });
}

function letterOf(register: Register, row: BatchRow): PinLetter {
  return { serial: row.serial ?? "", pin: openRowPin(register, row), ...named(row.user_name) };
}

function named(user: string | null): { readonly user?: string } {
  return user === null ? {} : { user };
}

function markLettered(register: Register, batch: number, rows: readonly BatchRow[]): Promise<void> {
  return change(register, async ({ db, note }) => {
    for (let at = 0; at < rows.length; at += PIECE) {
      const numbers = rows.slice(at, at + PIECE).map(({ number }) => number);
      await db.updateTable("batch_rows").set({ lettered: 1 }).where("number", "in", numbers).execute();
    }
    await note({ action: "batch letters", detail: { batch, letters: rows.length } });
  });
}

/** Papers written before are replaced; any other file is left alone. */
export function refuseOtherFile(path: string): void {
  try {
    if (readWhole(path, LONGEST_PDF).subarray(0, PDF.length).equals(PDF)) return;
  } catch (error) {
    if (error instanceof FileError && error.reason === "missing") return;
    throw error;
  }
  throw new FileError(`${path}: exists and is not a PDF; give another name`, "exists");
}
