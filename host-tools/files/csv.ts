// Lines of CSV (RFC 4180) for whoever opens them with a spreadsheet: a cell that it would run as a formula is marked as text.

export type Cell = string | number | null | undefined;

/** With these a spreadsheet begins a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** A line and its end, CR and LF. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(cell: Cell): string {
  const text = String(cell ?? "");
  // An apostrophe in front says that the rest is text. Numbers of ours are numbers.
  const safe = typeof cell === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
