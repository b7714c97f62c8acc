// Splits command files and stdin into lines, which end with LF, CRLF or CR.

const END = /\r\n|\r|\n/;
const BYTE_ORDER_MARK = /^\ufeff/;

/** The lines of a whole text; the last one is empty if the text ends with a line end. */
export function linesOf(text: string): string[] {
  return text.replace(BYTE_ORDER_MARK, "").split(END);
}

/** Splits a text that arrives in pieces: each line as soon as its end has arrived. */
export class LineReader {
  #rest = "";
  #begun = false;
  /** Whether the last piece ended with CR: a following LF belongs to it. */
  #afterReturn = false;

  /** Takes a piece and returns the lines that it completes. */
  feed(piece: string): string[] {
    if (piece === "") return [];
    const text = this.#afterReturn ? piece.replace(/^\n/, "") : piece;
    this.#afterReturn = piece.endsWith("\r");
    const [first = "", ...others] = (this.#begun ? text : text.replace(BYTE_ORDER_MARK, "")).split(END);
    this.#begun = true;
    const lines = [this.#rest + first, ...others];
    this.#rest = lines.pop() as string;
    return lines;
  }

  /** The last line without a line end, if there is one. */
  end(): string[] {
    return this.#rest === "" ? [] : [this.#rest];
  }
}
