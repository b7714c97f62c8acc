// A scenario as bytes: the file is played in a session of the simulator and recorded as the bytes that go over the
// serial line of any card that takes the commands of development images.
//
// Keys are frames of the front panel; time, battery, seeds and power cuts are commands. To load a saved card, its steps
// are played again from a blank flash. One thing differs from a session: the frame of a command ends a frame that a
// scenario left unfinished. The simulator is given the same bytes, so it shows where that matters.

import { Channel, Key } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { Card, type CardWatcher, FULL_BATTERY, KEYS, type KeyName } from "../../sim/core/card.js";
import { personalize } from "../../sim/session/cardcommands.js";
import type { Setup } from "../../sim/session/cardsession.js";
import { DEMO } from "../../sim/session/demo.js";
import type { Script } from "../../sim/session/playing.js";
import { Session } from "../../sim/session/session.js";
import { encodeCommand, Op } from "../support/development.js";

/** Bytes for the card, and the command whose answer shows their effect. */
export interface Step {
  /** The line of the file that the step belongs to; 0 for the steps that make the card. */
  readonly line: number;
  readonly text: string;
  /** The bytes that the scenario itself sends. */
  readonly bytes: Buffer;
  /** Whether those are APDUs, which may keep a card busy. */
  readonly talks: boolean;
  readonly command: Uint8Array;
  /** Whether the result is compared: not before the card's memory and flash are blank. */
  readonly counts: boolean;
}

/** What a line of the file showed in the simulator's own session. */
export interface Shown {
  readonly line: number;
  readonly text: string;
  /** How many steps had been taken by then. */
  readonly steps: number;
  readonly on: boolean;
  readonly state: string;
  readonly display: string;
  /** The bytes that the card sent. */
  readonly sent: Buffer;
}

/** A scenario, ready to be played. */
export interface Play {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly shown: readonly Shown[];
}

/** A scenario that fails in the simulator, or needs what only the simulator can do. */
export class ScriptError extends Error {
  override name = "ScriptError";
}

/** Turns a scenario into steps. */
export function playOf(script: Script, module: WebAssembly.Module): Play {
  const writer = new Writer(module);
  const shown: Shown[] = [];
  const session = new Session({
    module,
    seed: 0,
    openFlash: (file) => {
      throw new ScriptError(`${script.name}: a card elsewhere has no file ${file}`);
    },
    onStart: (card, setup) => writer.start(card, setup),
  });
  for (const [index, text] of script.lines.entries()) {
    if (Session.isComment(text)) continue;
    writer.at(index + 1, text);
    const report = session.execute(text);
    if (report.error !== undefined) throw new ScriptError(`${script.name}:${index + 1}: ${text}: ${report.error}`);
    writer.finishLine();
    const { on, state, display, tx = "" } = report;
    shown.push({ line: index + 1, text, steps: writer.steps.length, on, state, display, sent: Buffer.from(tx, "hex") });
  }
  writer.end();
  return { name: script.name, steps: writer.steps, shown };
}

/** What is kept of a saved card, to play it again. */
interface Kept {
  readonly history: readonly Step[];
  readonly down: ReadonlySet<KeyName>;
  readonly power: boolean;
}

class Writer {
  readonly steps: Step[] = [];
  readonly #module: WebAssembly.Module;
  readonly #kept = new Map<string, Kept>();
  /** The steps from a blank card to this one. */
  #history: Step[] = [];
  #down = new Set<KeyName>();
  #power = true;
  #card: Card | undefined;
  #time = 0;
  #line = 0;
  #text = "";
  #bytes: Uint8Array[] = [];
  #talks = false;

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** Steps from here on belong to this line. */
  at(line: number, text: string): void {
    this.#line = line;
    this.#text = text.trim();
  }

  /** The first steps make the session's card of a blank one. */
  start(card: Card, setup: Setup): void {
    if (setup.flash.some((byte) => byte !== 0xff)) throw new ScriptError("a card elsewhere begins blank");
    const [line, text] = [this.#line, this.#text];
    this.at(0, setup.demo ? "demo" : "a blank card");
    this.#command(Op.PASS, 0, false, false);
    this.#command(Op.BLANK, 0, false, false);
    this.#command(Op.BATTERY, FULL_BATTERY);
    if (setup.demo) this.#personalize(setup.seed);
    this.#command(Op.SEED, setup.seed);
    this.at(line, text);
    this.#watch(card);
  }

  /** Adds the time that has passed and the bytes that wait for a command. */
  finishLine(): void {
    this.#passTime();
    if (this.#bytes.length > 0) this.#command(Op.STATUS);
  }

  /** Flash is compared once more. */
  end(): void {
    this.#command(Op.STATUS);
  }

  /** Makes the demo card as sim/session/demo.ts does, but on another card under a seed of its own. */
  #personalize(seed: number): void {
    this.#command(Op.SEED, ~seed);
    const desk = new Card(this.#module, { seed: ~seed });
    this.#watch(desk);
    personalize(desk, DEMO);
    this.finishLine();
    this.#command(Op.BATTERY, 0);
    this.#command(Op.BATTERY, FULL_BATTERY);
  }

  #watch(card: Card): void {
    this.#card = card;
    this.#time = card.time;
    card.watchers.push(this.#watcher());
  }

  #watcher(): CardWatcher {
    return {
      key: (key, down) => this.#key(key, down),
      battery: (millivolts) => this.#battery(millivolts),
      cutAt: (count, mode) => {
        this.finishLine();
        this.#command(Op.CUT_AT, count, mode === "torn");
      },
      cut: () => {
        this.#power = false;
      },
      serial: (bytes) => this.#serial(bytes),
      kept: (name, back) => (back ? this.#load(name) : this.#save(name)),
    };
  }

  #key(key: KeyName, down: boolean): void {
    this.#passTime();
    if (this.#talks) this.finishLine();
    if (down) this.#down.add(key);
    else this.#down.delete(key);
    if (this.#power) this.#contact(key, down);
  }

  #contact(key: KeyName, down: boolean): void {
    const number = key === "ok" ? Key.OK : key === "press" ? Key.PRESS : Number(key);
    this.#bytes.push(encodeFrame(Channel.PANEL, Uint8Array.of(number, down ? 1 : 0)));
  }

  /** After a new battery, the front panel must report the state of the contacts again. */
  #battery(millivolts: number): void {
    this.finishLine();
    this.#command(Op.BATTERY, millivolts);
    const fresh = !this.#power && millivolts !== 0;
    this.#power = millivolts !== 0;
    if (fresh) for (const key of KEYS) if (this.#down.has(key)) this.#contact(key, true);
  }

  #serial(bytes: Uint8Array): void {
    this.finishLine();
    this.#bytes.push(Buffer.from(bytes));
    this.#talks = true;
  }

  #save(name: string): void {
    this.finishLine();
    this.#kept.set(name, { history: [...this.#history], down: new Set(this.#down), power: this.#power });
  }

  #load(name: string): void {
    const kept = this.#kept.get(name);
    if (!kept) return;
    const again = (step: Step) => ({ ...step, line: this.#line, text: `${this.#text} (again: ${step.text})` });
    this.steps.push(...kept.history.map(again));
    this.#history = [...kept.history];
    this.#down = new Set(kept.down);
    this.#power = kept.power;
    this.#time = this.#card?.time ?? 0;
    this.#command(Op.CUT_AT, 0);
  }

  #passTime(): void {
    const now = this.#card?.time ?? 0;
    if (now > this.#time) this.#command(Op.PASS, now - this.#time);
    this.#time = now;
  }

  #command(op: Op, number = 0, flag = false, counts = true): void {
    const step: Step = {
      line: this.#line,
      text: this.#text,
      bytes: Buffer.concat(this.#bytes),
      talks: this.#talks,
      command: encodeCommand(op, number, flag),
      counts,
    };
    this.#bytes = [];
    this.#talks = false;
    this.steps.push(step);
    this.#history.push(step);
  }
}
