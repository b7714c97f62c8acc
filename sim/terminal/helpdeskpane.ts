// The help-desk pane: computes the unlock code for the lock code of a locked demo card.

import { ocra } from "../../host-tools/seeds/ocra.js";
import { CODE_LENGTH, unlockCode } from "../common/helpdesk.js";
import type { Canvas, Rect } from "./canvas.js";
import { theme } from "./theme.js";

const MARGIN = 2;
const LABEL_WIDTH = 13;
const FIELD_WIDTH = CODE_LENGTH + 1;

export class HelpDeskPane {
  readonly #log: (text: string) => void;
  #lockCode = "";
  #unlockCode: string | undefined;

  /** `log` records what the desk does, never a digit. */
  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  /** Takes a key (see input.ts). */
  key(name: string): void {
    if (name === "enter") this.#enter();
    else if (name === "escape") this.#set("");
    else if (name === "backspace") this.#set(this.#lockCode.slice(0, -1));
    else if (/^[0-9]$/.test(name)) this.#set(this.#lockCode + name);
  }

  /** Takes the leading digits of a pasted text. Returns their number. */
  paste(text: string): number {
    const before = this.#lockCode.length;
    const [digits = ""] = /^[0-9]*/.exec(text) ?? [];
    this.#set(this.#lockCode + digits);
    return this.#lockCode.length - before;
  }

  draw(canvas: Canvas, area: Rect, focused: boolean): void {
    canvas.frame(area, "Help desk", focused ? theme.focusedFrame : theme.frame, focused);
    const at = (row: number, text: string, style = {}) => canvas.put(area.x + MARGIN, area.y + row, text, style);
    at(1, "For a locked demo card", theme.faint);
    at(3, "Lock code", theme.text);
    const entered = focused && this.#unlockCode === undefined ? `${this.#lockCode}_` : this.#lockCode;
    const field = focused ? theme.activeField : theme.field;
    canvas.put(area.x + MARGIN + LABEL_WIDTH, area.y + 3, entered.padEnd(FIELD_WIDTH), field);
    at(5, "Unlock code", theme.text);
    canvas.put(area.x + MARGIN + LABEL_WIDTH, area.y + 5, this.#unlockCode ?? "", theme.good);
    at(7, this.#hint(), theme.faint);
  }

  #hint(): string {
    if (this.#unlockCode !== undefined) return "Tab: type it on the card";
    return this.#lockCode.length < CODE_LENGTH ? "OK on LOCKED shows it" : "Enter: the unlock code";
  }

  #set(code: string): void {
    if (this.#unlockCode !== undefined && code.length > this.#lockCode.length) return;
    this.#lockCode = code.slice(0, CODE_LENGTH);
    this.#unlockCode = undefined;
  }

  #enter(): void {
    this.#unlockCode = unlockCode(this.#lockCode, (suite, key, challenge) => ocra(suite, key, { challenge }));
    if (this.#unlockCode !== undefined) this.#log("help desk: unlock code given");
  }
}
