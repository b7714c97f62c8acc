// The line for a command of the language (docs/SCRIPTING.md), opened by a colon; afterwards it shows the outcome.

import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

/** The longest command that fits into the smallest terminal, with room for the outcome. */
const LONGEST = 72;
const KEPT = 50;

export class CommandLine {
  readonly #run: (line: string) => string;
  readonly #history: string[] = [];
  #at = 0;
  #text: string | undefined;
  #outcome = "";

  /** `run` executes a command and returns the outcome in a line. */
  constructor(run: (line: string) => string) {
    this.#run = run;
  }

  /** Whether it has the focus. */
  get open(): boolean {
    return this.#text !== undefined;
  }

  /** Whether it uses the last line: a command is being typed, or its outcome is shown. */
  get shown(): boolean {
    return this.open || this.#outcome !== "";
  }

  start(): void {
    this.#text = "";
    this.#outcome = "";
    this.#at = this.#history.length;
  }

  /** Clears the outcome. */
  clear(): void {
    this.#outcome = "";
  }

  /** Takes a key (see input.ts). */
  key(name: string): void {
    const text = this.#text ?? "";
    if (name === "escape") this.#text = undefined;
    else if (name === "enter") this.#enter(text);
    else if (name === "up") this.#recall(-1);
    else if (name === "down") this.#recall(1);
    else if (name === "backspace") this.#text = text === "" ? undefined : text.slice(0, -1);
    else if (name.length === 1) this.#text = (text + name).slice(0, LONGEST);
  }

  /** Takes as much of the first pasted line as fits. Returns the number of characters. */
  paste(text: string): number {
    const before = (this.#text ?? "").length;
    const [line = ""] = text.split(/[\r\n]/);
    for (const char of line) if (char >= " " && char <= "~") this.key(char);
    return (this.#text ?? "").length - before;
  }

  draw(canvas: Canvas, area: Rect): void {
    canvas.fill(area, theme.bar);
    const text = this.open ? `:${this.#text}_` : this.#outcome;
    canvas.put(area.x + 1, area.y, text.slice(0, area.width - 2), this.open ? theme.barKey : theme.bar);
  }

  #enter(text: string): void {
    this.#text = undefined;
    if (text.trim() === "") return;
    this.#history.push(text);
    if (this.#history.length > KEPT) this.#history.shift();
    this.#outcome = this.#run(text);
  }

  #recall(by: -1 | 1): void {
    this.#at = Math.min(this.#history.length, Math.max(0, this.#at + by));
    this.#text = this.#history[this.#at] ?? "";
  }
}
