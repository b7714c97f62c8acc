// What the terminal sends, taken apart into keys and mouse reports.
//
// blessed drops keys that arrive together with a mouse report, and all but the first of several
// reports: a lost release would be a stuck button. So the bytes are read here, one event at a time.

/** A key: a printable character as it is, or one of the names. */
export interface KeyPress {
  readonly kind: "key";
  readonly name: string;
}

/** A mouse button went down or up, at a cell counted from 0. */
export interface MouseReport {
  readonly kind: "mouse";
  readonly down: boolean;
  readonly x: number;
  readonly y: number;
}

export type InputEvent = KeyPress | MouseReport;

const ESCAPE = "\x1b";
const NAMES: Record<string, string> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\x7f": "backspace",
  "\x03": "ctrl-c",
  "\x1a": "ctrl-z",
  "[A": "up",
  OA: "up",
  "[B": "down",
  OB: "down",
  "[Z": "tab",
  OP: "help",
  "[11~": "help",
  OM: "enter",
};
/** Escape sequences, without the escape in front. */
const SGR_MOUSE = /^\[<(\d+);(\d+);(\d+)([Mm])/;
const X10_MOUSE = /^\[M(.)(.)(.)/s;
const OTHER = /^(\[[0-?]*[ -/]*[@-~]|O.)/;

export class InputDecoder {
  #rest = "";

  /** Whether the bytes so far may be the beginning of something longer. */
  get pending(): boolean {
    return this.#rest !== "";
  }

  /** Takes bytes (one character each) and returns what is complete. */
  feed(bytes: string): InputEvent[] {
    this.#rest += bytes;
    const events: InputEvent[] = [];
    while (this.#rest !== "" && this.#next(events));
    return events;
  }

  /** Nothing followed: a lone escape was the Escape key. */
  flush(): InputEvent[] {
    const events: InputEvent[] = this.#rest.startsWith(ESCAPE) ? [{ kind: "key", name: "escape" }] : [];
    this.#rest = "";
    return events;
  }

  /** Takes one event off the rest. Returns false where more bytes are needed. */
  #next(events: InputEvent[]): boolean {
    const char = this.#rest[0] as string;
    if (char !== ESCAPE) {
      this.#rest = this.#rest.slice(1);
      const name = NAMES[char] ?? (char >= " " && char <= "~" ? char : undefined);
      if (name) events.push({ kind: "key", name });
      return true;
    }
    if (this.#rest.length === 1) return false;
    if (/^[[O]/.test(this.#rest[1] as string)) return this.#sequence(events, this.#rest.slice(1));
    this.#rest = this.#rest.slice(1);
    events.push({ kind: "key", name: "escape" });
    return true;
  }

  #sequence(events: InputEvent[], text: string): boolean {
    const x10 = text.startsWith("[M");
    const match = x10 ? X10_MOUSE.exec(text) : (SGR_MOUSE.exec(text) ?? OTHER.exec(text));
    if (!match) return false;
    this.#rest = text.slice(match[0].length);
    const [whole, button, x, y, end] = match;
    if (x10) mouse(events, code(button) - 32, code(x) - 32, code(y) - 32, (code(button) & 3) !== 3);
    else if (end) mouse(events, Number(button), Number(x), Number(y), end === "M");
    else if (NAMES[whole]) events.push({ kind: "key", name: NAMES[whole] });
    return true;
  }
}

/** Only buttons count: no wheel (64), no movement (32). */
function mouse(events: InputEvent[], button: number, x: number, y: number, down: boolean): void {
  if ((button & 0x60) === 0) events.push({ kind: "mouse", down, x: x - 1, y: y - 1 });
}

function code(char: string | undefined): number {
  return char?.charCodeAt(0) ?? 0;
}
