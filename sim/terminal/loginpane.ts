// The login pane: a minimal browser on the demo site.

import type { Answer, Site } from "../common/site.js";
import type { Canvas, Rect } from "./canvas.js";
import { terminalSite } from "./site.js";
import { theme } from "./theme.js";

type Field = "user" | "password" | "response";
/** The user's current step: signing in, answering the challenge, or done. */
type Stage = "sign in" | "answer" | "welcome";

const LABELS: Record<Field, string> = { user: "User", password: "Password", response: "Response" };
const LENGTHS: Record<Field, number> = { user: 12, password: 12, response: 8 };
const LABEL_WIDTH = 10;
const FIELD_WIDTH = 13;
const MARGIN = 2;

const HINTS: Record<Stage, string> = {
  "sign in": "Enter: next",
  answer: "Enter: send  Esc: over",
  welcome: "Enter: once more",
};

export class LoginPane {
  readonly #site: Site;
  readonly #log: (text: string) => void;
  #fields: Record<Field, string> = { user: "", password: "", response: "" };
  #field: Field = "user";
  #stage: Stage = "sign in";
  #challenge = "";
  #answer: Answer | undefined;

  /** `log` records what the site does, never a digit. */
  constructor(log: (text: string) => void, site: Site = terminalSite()) {
    this.#log = log;
    this.#site = site;
  }

  /** Seconds for which the site refuses everybody; 0: it does not. */
  get lockedFor(): number {
    return this.#site.lockedFor;
  }

  /** Takes a key (see input.ts). */
  key(name: string): void {
    if (name === "escape") this.#startOver();
    else if (name === "enter") this.#enter();
    else if (name === "backspace") this.#set(this.#fields[this.#field].slice(0, -1));
    else if (name === "up" || name === "down") this.#move(name === "up" ? "user" : "password");
    else if (name.length === 1) this.#set(this.#fields[this.#field] + name);
  }

  /** Takes as much of the first pasted line as fits into the field. Returns the number of characters. */
  paste(text: string): number {
    const before = this.#fields[this.#field];
    const [line = ""] = text.split(/[\r\n]/);
    for (const char of line) if (char >= " " && char <= "~") this.#set(this.#fields[this.#field] + char);
    return this.#fields[this.#field].length - before.length;
  }

  draw(canvas: Canvas, area: Rect, focused: boolean): void {
    canvas.frame(area, "Login", focused ? theme.focusedFrame : theme.frame, focused);
    const at = (row: number, text: string, style = {}) => canvas.put(area.x + MARGIN, area.y + row, text, style);
    at(1, "The demo site", theme.faint);
    this.#drawField(canvas, area, 2, "user", focused);
    this.#drawField(canvas, area, 3, "password", focused);
    if (this.#stage !== "sign in") {
      at(5, "Challenge", theme.text);
      canvas.put(area.x + MARGIN + LABEL_WIDTH, area.y + 5, this.#challenge, theme.strong);
      this.#drawField(canvas, area, 6, "response", focused);
    }
    const style = this.#answer?.outcome === "welcome" ? theme.good : theme.bad;
    wrap(this.#message(), area.width - 2 * MARGIN).forEach((line, row) => {
      at(8 + row, line, style);
    });
    if (this.#message() === "") at(9, HINTS[this.#stage], theme.faint);
  }

  #drawField(canvas: Canvas, area: Rect, row: number, field: Field, focused: boolean): void {
    const y = area.y + row;
    const active = focused && field === this.#field && this.#stage !== "welcome";
    const value = field === "password" ? "*".repeat(this.#fields.password.length) : this.#fields[field];
    canvas.put(area.x + MARGIN, y, LABELS[field], theme.text);
    const text = (active ? `${value}_` : value).padEnd(FIELD_WIDTH);
    canvas.put(area.x + MARGIN + LABEL_WIDTH, y, text, active ? theme.activeField : theme.field);
  }

  /** The last message of the site; a lockout counts down. */
  #message(): string {
    const seconds = this.#site.lockedFor;
    if (seconds) return `Locked: too many refusals. Try again in ${seconds} s.`;
    if (!this.#answer || this.#answer.outcome === "challenge" || this.#answer.outcome === "locked") return "";
    return this.#answer.text;
  }

  #set(text: string): void {
    if (this.#stage === "welcome") return;
    if (this.#field === "response" && /\D/.test(text)) return;
    this.#answer = undefined;
    this.#fields[this.#field] = text.slice(0, LENGTHS[this.#field]);
  }

  #move(field: Field): void {
    if (this.#stage === "sign in") this.#field = field;
  }

  #enter(): void {
    if (this.#stage === "welcome") this.#startOver();
    else if (this.#stage === "answer") this.#send();
    else if (this.#field === "user") this.#field = "password";
    else this.#signIn();
  }

  #signIn(): void {
    const { user, password } = this.#fields;
    this.#startOver();
    this.#hear(this.#site.signIn(user, password));
    if (this.#answer?.outcome !== "challenge") return;
    this.#fields = { user, password, response: "" };
    this.#challenge = this.#answer.challenge;
    this.#field = "response";
    this.#stage = "answer";
  }

  #send(): void {
    const answer = this.#site.respond(this.#fields.response);
    if (answer.outcome === "welcome") this.#stage = "welcome";
    else this.#startOver();
    this.#hear(answer);
  }

  #hear(answer: Answer): void {
    this.#answer = answer;
    this.#log(`site: ${answer.outcome}`);
  }

  #startOver(): void {
    this.#site.cancel();
    this.#fields = { user: "", password: "", response: "" };
    this.#field = "user";
    this.#stage = "sign in";
    this.#challenge = "";
    this.#answer = undefined;
  }
}

/** Breaks a text into lines at its blanks. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
