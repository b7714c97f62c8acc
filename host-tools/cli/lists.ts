// Prints lists for commands: in columns for people, as CSV (RFC 4180) for spreadsheets, as JSON for programs.

import { type Command, InvalidArgumentError } from "commander";
import { type Cell, csvLine } from "../files/csv.js";
import { UsageError } from "../files/errors.js";
import { show } from "./output.js";

/** A row: the name of each column in JSON and CSV, and its value. */
export type ListRow = Readonly<Record<string, Cell>>;

const MOST_CHARACTERS = 200;
/** Control characters, which a terminal would act on. */
const CONTROLS = /\p{Cc}/gu;

/** Adds --csv to a command that prints a list. */
export function listing(command: Command): Command {
  return command.option("--csv", "print the list as CSV, with a header line");
}

/** Prints the rows, with the columns in the order of `names`. `of`: the name of the list in JSON. */
export function showList(command: Command, of: string, names: readonly string[], rows: readonly ListRow[]): void {
  const { csv, json } = command.opts<{ csv?: boolean; json?: boolean }>();
  if (csv && json) throw new UsageError("give one of --csv and --json");
  show(command, { [of]: rows }, csv ? csvLines(names, rows) : tableLines(of, names, rows));
}

function csvLines(names: readonly string[], rows: readonly ListRow[]): string[] {
  // The printing function ends each line with LF itself.
  const line = (cells: readonly Cell[]) => csvLine(cells).slice(0, -1);
  return [line(names), ...rows.map((row) => line(names.map((name) => row[name])))];
}

function tableLines(of: string, names: readonly string[], rows: readonly ListRow[]): string[] {
  if (rows.length === 0) return [`no ${of}`];
  const lines = [names, ...rows.map((row) => names.map((name) => visible(row[name])))];
  const widths = names.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  return lines.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** The text without characters that a terminal would act on. */
export function visible(cell: Cell): string {
  return String(cell ?? "").replace(CONTROLS, "?");
}

/** Parses a name or reason for the register, for commander: one line of limited length. */
export function plainText(text: string): string {
  if (text === "" || text.length > MOST_CHARACTERS || text.search(CONTROLS) >= 0)
    throw new InvalidArgumentError(`One line of 1 to ${MOST_CHARACTERS} characters is expected.`);
  return text;
}
