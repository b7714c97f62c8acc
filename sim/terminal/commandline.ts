// The line that takes a command of the language (docs/SCRIPTING.md), opened by a colon; then what came of it.

import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

/** The longest command that fits into the smallest terminal, with room for what came of it. */
const LONGEST = 72;
const KEPT = 50;

export class CommandLine {
  readonly #run: (line: string) => string;
  readonly #history: string[] = [];
  #at = 0;
  #text: string | undefined;
  #outcome = "";

  /** `run` does a command and says in a line what came of it. */
  constructor(run: (line: string) => string) {
    this.#run = run;
  }

  /** Whether it takes the keys. */
  get open(): boolean {
    return this.#text !== undefined;
  }

  /** Whether it has the last line: a command is typed, or its outcome is to be read. */
  get shown(): boolean {
    return this.open || this.#outcome !== "";
  }

  start(): void {
    this.#text = "";
    this.#outcome = "";
    this.#at = this.#history.length;
  }

  /** The outcome was read. */
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

  /** Takes the first line of what was pasted, as far as it fits. Returns how many characters it took. */
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
