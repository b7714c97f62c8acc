// Parses the terminal's input into keys and mouse reports.
//
// blessed drops keys that arrive together with a mouse report, and all but the first of several reports; a lost release
// would leave a button stuck. So the bytes are parsed here, one event at a time.

/** A key: a printable character, or one of the names. */
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

/** A pasted text: its length and its beginning. */
export interface Paste {
  readonly kind: "paste";
  readonly length: number;
  readonly start: string;
}

export type InputEvent = KeyPress | MouseReport | Paste;

const ESCAPE = "\x1b";
/** What a terminal puts around a pasted text, if requested. */
const PASTE_START = "\x1b[200~";
const PASTE_END = "\x1b[201~";
/** How much of a paste is stored: more than any field takes. */
const PASTE_KEPT = 64;
const MODIFIERS = 0x1c;
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
/** Escape sequences, without the leading escape. */
const SGR_MOUSE = /^\[<(\d+);(\d+);(\d+)([Mm])/;
const X10_MOUSE = /^\[M(.)(.)(.)/s;
const OTHER = /^(\[[0-?]*[ -/]*[@-~]|O.)/;

export class InputDecoder {
  #rest = "";
  #paste: { length: number; start: string } | undefined;

  /** Whether the bytes so far may be the beginning of a longer sequence. */
  get pending(): boolean {
    return this.#rest !== "" || this.pasting;
  }

  /** Whether the end of a paste has not come yet. */
  get pasting(): boolean {
    return this.#paste !== undefined;
  }

  /** Takes bytes (one character each) and returns complete events. */
  feed(bytes: string): InputEvent[] {
    this.#rest += bytes;
    const events: InputEvent[] = [];
    while (this.#rest !== "" && this.#next(events));
    return events;
  }

  /** No more bytes came: a lone escape was the Escape key, and a paste is over. */
  flush(): InputEvent[] {
    if (this.#paste) return [this.#endPaste(this.#rest)];
    const events: InputEvent[] = this.#rest.startsWith(ESCAPE) ? [{ kind: "key", name: "escape" }] : [];
    this.#rest = "";
    return events;
  }

  /** Takes one event from the remaining bytes. Returns false if more bytes are needed. */
  #next(events: InputEvent[]): boolean {
    if (this.#paste) return this.#pasted(events);
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

  /** Takes the available part of a paste; the last bytes may be a part of its end mark. */
  #pasted(events: InputEvent[]): boolean {
    const end = this.#rest.indexOf(PASTE_END);
    if (end >= 0) {
      const text = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + PASTE_END.length);
      events.push(this.#endPaste(text, this.#rest));
      return true;
    }
    const kept = this.#rest.lastIndexOf(ESCAPE);
    const at = kept >= 0 && PASTE_END.startsWith(this.#rest.slice(kept)) ? kept : this.#rest.length;
    this.#keepPasted(this.#rest.slice(0, at));
    this.#rest = this.#rest.slice(at);
    return false;
  }

  #keepPasted(text: string): void {
    const { length = 0, start = "" } = this.#paste ?? {};
    this.#paste = { length: length + text.length, start: (start + text).slice(0, PASTE_KEPT) };
  }

  #endPaste(text: string, rest = ""): Paste {
    this.#keepPasted(text);
    const { length, start } = this.#paste as { length: number; start: string };
    this.#paste = undefined;
    this.#rest = rest;
    return { kind: "paste", length, start };
  }

  #sequence(events: InputEvent[], text: string): boolean {
    const x10 = text.startsWith("[M");
    const match = x10 ? X10_MOUSE.exec(text) : (SGR_MOUSE.exec(text) ?? OTHER.exec(text));
    if (!match) return false;
    this.#rest = text.slice(match[0].length);
    if (ESCAPE + match[0] === PASTE_START) {
      this.#paste = { length: 0, start: "" };
      return true;
    }
    const [whole, button, x, y, end] = match;
    if (x10) oldMouse(events, code(button) - 32, code(x) - 32, code(y) - 32);
    else if (end) mouse(events, Number(button), Number(x), Number(y), end === "M");
    else if (NAMES[whole]) events.push({ kind: "key", name: NAMES[whole] });
    return true;
  }
}

/** The old form reports any release as button 3. If another button than the left one was released, nothing is held. */
function oldMouse(events: InputEvent[], button: number, x: number, y: number): void {
  const up = (button & ~MODIFIERS) === 3;
  mouse(events, up ? 0 : button, x, y, !up);
}

/**
 * Only the left button counts, with or without Shift, Alt and Ctrl (28): no other button, no wheel (64), no movement
 * (32).
 */
function mouse(events: InputEvent[], button: number, x: number, y: number, down: boolean): void {
  if ((button & ~MODIFIERS) === 0) events.push({ kind: "mouse", down, x: x - 1, y: y - 1 });
}

function code(char: string | undefined): number {
  return char?.charCodeAt(0) ?? 0;
}
