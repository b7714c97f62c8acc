// A person at the terminal's keys: presses a key, looks, and presses it again if nothing happened.

import { shows, type TerminalProgram } from "./terminal.js";

/** How long a person waits before pressing again (ms), and how often. */
const KEY_TIME = 5000;
const PRESSES = 4;

/** Presses a key until the screen matches. */
export async function press(program: TerminalProgram, key: string, wanted: RegExp): Promise<RegExpExecArray> {
  for (let left = PRESSES; left > 1; left--) {
    program.send(key);
    const match = await program.until(wanted, KEY_TIME).catch(() => undefined);
    if (match) return match;
  }
  program.send(key);
  return program.until(wanted);
}

/** Presses digits one by one; `screen` tells what is shown after some of them. */
export async function type(program: TerminalProgram, digits: string, screen: (typed: string) => string): Promise<void> {
  for (let count = 1; count <= digits.length; count++) {
    await press(program, digits[count - 1] as string, shows(screen(digits.slice(0, count))));
  }
}
