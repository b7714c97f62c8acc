// Lines of CSV (RFC 4180) for spreadsheets: a cell that a spreadsheet would run as a formula is marked as text.

export type Cell = string | number | null | undefined;

/** A cell that begins with one of these is a formula to a spreadsheet. */
const FORMULA = /^[=+\-@\t\r]/;

/** A line with its end, CR and LF. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

function csvCell(cell: Cell): string {
  const text = String(cell ?? "");
  // A leading apostrophe marks text. Our numbers stay numbers.
  const safe = typeof cell === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
