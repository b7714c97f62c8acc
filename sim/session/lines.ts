// The lines of command files and of stdin: each ends with LF, CRLF or CR.

const END = /\r\n|\r|\n/;
const BYTE_ORDER_MARK = /^\ufeff/;

/** The lines of a whole text; the last one is empty where the text ends as it should. */
export function linesOf(text: string): string[] {
  return text.replace(BYTE_ORDER_MARK, "").split(END);
}

/** Lines of a text that comes in pieces: each as soon as its end is there. */
export class LineReader {
  #rest = "";
  #begun = false;
  /** The last piece ended with CR: an LF that follows belongs to it. */
  #afterReturn = false;

  /** Takes a piece and returns the lines that it ends. */
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

  /** The line that nothing ended, if there is one. */
  end(): string[] {
    return this.#rest === "" ? [] : [this.#rest];
  }
}
