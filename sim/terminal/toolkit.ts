// The terminal itself: the only file that uses blessed.
//
// blessed switches to the alternate screen and back, knows the terminal's colours and sends only changes. It gets no
// input: the bytes are parsed in input.ts.

import { PassThrough } from "node:stream";
import blessed from "blessed";
import type { Canvas } from "./canvas.js";
import { InputDecoder, type InputEvent } from "./input.js";

/** If nothing follows for this many ms, an escape is the Escape key. */
const ESCAPE_TIME = 60;
/** Makes the terminal report pressed and released buttons, in the form without a limit on columns. */
const MOUSE_ON = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF = "\x1b[?1006l\x1b[?1000l";
/** Makes the terminal mark pasted text, so that it is not taken for keys. */
const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";
/** A paste that stops for this long (ms) counts as over, so that a lost end mark does not swallow later keys. */
const PASTE_TIME = 1000;

/** Events of the terminal. */
export interface TerminalEvents {
  input(event: InputEvent): void;
  resize(): void;
}

/** Parts that blessed's types leave out: the alternate screen and back. */
type Screen = blessed.Widgets.Screen & { enter(): void; leave(): void };

export class Toolkit {
  readonly #events: TerminalEvents;
  readonly #decoder = new InputDecoder();
  readonly #screen: Screen;
  readonly #box: blessed.Widgets.BoxElement;
  /** Whether it has 256 colours, and its owner wants them (NO_COLOR). */
  readonly #colours = process.stdout.getColorDepth() >= 8;
  readonly #onData = (bytes: string) => this.#read(bytes);
  #escape: NodeJS.Timeout | undefined;
  #content = "";
  /** Whether this program controls the terminal. */
  #open = false;

  /** Takes the terminal over until `close`. */
  constructor(events: TerminalEvents) {
    this.#events = events;
    process.stdin.setEncoding("latin1");
    process.stdin.setRawMode(true);
    const program = blessed.program(terminal());
    // The canvas decides whether to use characters beyond ASCII; blessed must send them unchanged.
    (program as unknown as { tput: { brokenACS: boolean; unicode: boolean } }).tput.brokenACS = true;
    this.#screen = blessed.screen({ program, forceUnicode: true }) as Screen;
    this.#box = blessed.box({ parent: this.#screen, width: "100%", height: "100%", tags: true, wrap: false });
    this.#screen.on("resize", () => events.resize());
    this.#listen();
  }

  get width(): number {
    return process.stdout.columns;
  }

  get height(): number {
    return process.stdout.rows;
  }

  /** Shows a canvas of the terminal's size. */
  show(canvas: Canvas): void {
    const content = canvas.tagged(this.#colours);
    if (!this.#open || content === this.#content) return;
    this.#content = content;
    this.#box.setContent(content);
    this.#screen.render();
  }

  /** Gives the terminal back, as it was found, until `enter`. */
  leave(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#escape);
    this.#decoder.flush();
    process.stdin.off("data", this.#onData);
    process.stdin.pause();
    process.stdin.setRawMode(false);
    process.stdout.write(PASTE_OFF + MOUSE_OFF);
    this.#screen.leave();
  }

  /** Takes it over again; the next `show` draws its contents. */
  enter(): void {
    if (this.#open) return;
    process.stdin.setRawMode(true);
    this.#screen.enter();
    this.#content = "";
    this.#listen();
    // Only the shell was told of a change of size.
    process.kill(process.pid, "SIGWINCH");
  }

  /** Leaves the terminal as it was found. May be called again, and from anywhere. */
  close(): void {
    this.leave();
    this.#screen.destroy();
  }

  #listen(): void {
    this.#open = true;
    process.stdout.write(MOUSE_ON + PASTE_ON);
    process.stdin.on("data", this.#onData);
    process.stdin.resume();
  }

  #read(bytes: string): void {
    clearTimeout(this.#escape);
    this.#tell(this.#decoder.feed(bytes));
    if (!this.#open || !this.#decoder.pending) return;
    const time = this.#decoder.pasting ? PASTE_TIME : ESCAPE_TIME;
    this.#escape = setTimeout(() => this.#tell(this.#decoder.flush()), time);
  }

  #tell(events: InputEvent[]): void {
    for (const event of events) if (this.#open) this.#events.input(event);
  }
}

/**
 * The terminal description for blessed. It fails on those of newer systems, and complains on stderr; so it gets only
 * its own, one of which every current terminal understands.
 */
function terminal() {
  const { Tput } = blessed as unknown as { Tput: { ipaths: string[] } };
  Tput.ipaths.length = 0;
  const plain = process.env.TERM === "linux" ? "linux" : "xterm";
  const name = process.stdout.getColorDepth() >= 8 ? "xterm-256color" : plain;
  return { input: new PassThrough(), output: process.stdout, terminal: name, buffer: true };
}
