// A simulated card with its surroundings: flash file, serial line and record; driven by script or in the terminal.

import { randomInt } from "node:crypto";
import { withoutControls } from "../../host-tools/files/commandline.js";
import type { Card } from "../core/card.js";
import type { Report, SessionOptions } from "../session/cardsession.js";
import { loadFirmware } from "../session/firmware.js";
import { openFlashFile } from "../session/flashfile.js";
import { needInput, runHeadless } from "../session/headless.js";
import { PtyLine } from "../session/pty.js";
import { Recorder } from "../session/record.js";
import { hashOf } from "../session/recordmarks.js";
import { Session } from "../session/session.js";
import { onSignals } from "../session/signals.js";
import { UserError } from "../session/usererror.js";
import { HIGHEST_SEED } from "./options.js";

/** The options of the command line about the card. */
export interface CardOptions {
  flash?: string;
  demo?: boolean;
  seed?: number;
  record?: string;
  pty?: string;
  ascii?: boolean;
}

/** How often the time of a card on a line is advanced, in ms. */
const TICK = 10;
const NOT_BLANK = "the card is not blank, so --demo did not change it";

/** Runs the commands on stdin; `onError` is called for each that had an error. */
export async function headless(options: CardOptions, onError: () => void): Promise<void> {
  needInput();
  const disarm = onSignals((code) => process.exit(code));
  try {
    await withSession(options, async (session) => {
      await runHeadless(session, process.stdin, process.stdout, onError);
      // A session without commands still leaves a record.
      session.begin();
    });
  } finally {
    disarm();
  }
}

/** Calls `watch` with the card when its session begins. */
export type OnBegin = (watch: (card: Card) => void) => void;

/**
 * Calls `run` with a session, its record and its serial line. `noFiles`: the reason why lines of the session must not
 * open a flash file; undefined if they may.
 */
export async function withSession<T>(
  options: CardOptions,
  run: (session: Session, onBegin: OnBegin) => Promise<T>,
  noFiles?: string,
): Promise<T> {
  const recorder = recorderFor(options, complain);
  const watches: ((card: Card) => void)[] = [];
  let begun: Card | undefined;
  let line: PtyLine | undefined;
  let clock: NodeJS.Timeout | undefined;
  try {
    const session = sessionFor(options, {
      onNotBlank: () => say(NOT_BLANK),
      onStart: (card, setup) => {
        begun = card;
        recorder?.start(card, setup);
        for (const watch of watches) watch(card);
      },
      ...(noFiles !== undefined && { openFlash: () => refuseFile(noFiles) }),
    });
    if (options.pty !== undefined) {
      line = new PtyLine(session.card, options.pty);
      clock = realTime(session);
    }
    return await run(session, (watch) => (begun ? watch(begun) : void watches.push(watch)));
  } finally {
    clearInterval(clock);
    line?.close();
    recorder?.close();
  }
}

function refuseFile(why: string): never {
  throw new UserError(`flash: ${why}`);
}

/** Shows the card in the terminal until the user quits. */
export async function inTerminal(options: CardOptions): Promise<void> {
  const notes: string[] = [];
  const note = (error: UserError) => {
    notes.push(error.message);
    process.exitCode = error.exitCode;
  };
  const recorder = recorderFor(options, note);
  let line: PtyLine | undefined;
  try {
    const session = sessionFor(options, {
      onStart: (card, setup) => recorder?.start(card, setup),
      onNotBlank: () => notes.push(NOT_BLANK),
    });
    const { card } = session;
    if (options.pty !== undefined) line = new PtyLine(card, options.pty);
    session.begin();
    const { ASCII, runTerminal } = await import("../terminal/terminal.js");
    const around = { record: options.record, line: options.pty, flash: options.flash };
    const command = (text: string) => outcome(session.execute(text));
    await runTerminal(card, { notes, around, command, ...(options.ascii && { art: ASCII }) });
  } finally {
    line?.close();
    recorder?.close();
  }
  for (const text of notes) say(text);
}

/** The result of a command, in a line. */
function outcome({ error, display }: Report): string {
  return error ?? (display === "" ? "done; the display is blank" : `done; the display is ${display}`);
}

/** Prints a line for the user. */
export function say(text: string): void {
  process.stderr.write(`dsc-sim: ${withoutControls(text)}\n`);
}

/** Prints an error, and continues. */
export function complain(error: UserError): void {
  say(error.message);
  process.exitCode = error.exitCode;
}

/** A seed for a user who gave none. */
export function freshSeed(): number {
  return randomInt(HIGHEST_SEED);
}

function recorderFor({ record }: CardOptions, failed: (error: UserError) => void): Recorder | undefined {
  return record === undefined ? undefined : new Recorder(record, hashOf(loadFirmware()), failed);
}

/** A session whose first lines may still change the card. */
function sessionFor(
  options: CardOptions,
  more: Pick<SessionOptions, "onStart" | "onNotBlank"> & Partial<SessionOptions>,
): Session {
  return new Session({
    module: loadFirmware(),
    seed: options.seed ?? freshSeed(),
    ...(options.demo && { demo: true }),
    ...(options.flash !== undefined && { flash: openFlashFile(options.flash) }),
    openFlash: openFlashFile,
    ...more,
  });
}

/** Advances the card's time in real time, since somebody may wait at the other end of the line. */
function realTime(session: Session): NodeJS.Timeout {
  session.begin();
  let last = performance.now();
  return setInterval(() => {
    const ms = Math.floor(performance.now() - last);
    last += ms;
    session.card.wait(ms);
  }, TICK);
}
