// A session with a card elsewhere, through its front panel: the same commands, in real time. A command that only a
// simulated card supports is an error in its line.

import type { KeyName } from "../core/card.js";
import { type ErrorReport, errorReport, type Report } from "./cardsession.js";
import { DEMO } from "./demo.js";
import { LineError } from "./language/arguments.js";
import { type Parsed, parseLine } from "./language/parse.js";
import type { HostKeys, SetUp, Steps, Wait } from "./language/steps.js";
import type { Panel } from "./panel.js";
import { PanelError } from "./panelport.js";
import { response } from "./session.js";

/**
 * The time that a board may take to show the effect of a key, in ms: computing and the line take time. Shorter than a
 * message stays on the screen.
 */
const SCREEN_TIMEOUT = 1500;
/** The time that a hold and its effects may take to turn a board off, in ms. */
const OFF_TIME = 3000;

/** Lets real time pass: `ms`, or less if `until` holds before. Returns whether it held in the end. */
export type Pass = (wait: Wait) => Promise<boolean>;

export interface BoardOptions {
  /** The board's card is the demo card. */
  readonly demo?: boolean;
  readonly pass?: Pass;
}

export class BoardSession {
  readonly #panel: Panel;
  readonly #pass: Pass;
  readonly #start: number;
  #demo: boolean;
  #given: Pick<HostKeys, "key" | "unlockKey"> | undefined;
  #started = false;
  #ended = false;

  private constructor(panel: Panel, { demo = false, pass = realTime(panel) }: BoardOptions) {
    this.#panel = panel;
    this.#pass = pass;
    this.#demo = demo;
    this.#start = panel.time;
  }

  /** Begins with a card that is off, since its earlier input is unknown. Throws a PanelError if it stays on. */
  static async begin(panel: Panel, options: BoardOptions = {}): Promise<BoardSession> {
    const session = new BoardSession(panel, options);
    for (const key of ["press", "ok", ..."0123456789"] as KeyName[]) if (panel.isDown(key)) panel.up(key);
    if (!panel.on) return session;
    panel.down("press");
    await session.#pass({ ms: OFF_TIME, until: () => !panel.on });
    panel.up("press");
    await session.#pass({ ms: OFF_TIME / 10 });
    if (panel.on) throw new PanelError("the card does not turn off by its PRESS key");
    return session;
  }

  /** Runs one line; `number` is its number in its file, for errors. Throws a PanelError if the card is gone. */
  async execute(line: string, number?: number): Promise<Report> {
    let error: ErrorReport | undefined;
    try {
      await this.#carryOut(parseLine(line));
    } catch (thrown) {
      error = errorReport(thrown, number);
    }
    const { on, state, display, time } = this.#panel;
    return { t: Math.round(time - this.#start), on, state, display, ...error };
  }

  async #carryOut({ word, command, carried }: Parsed): Promise<void> {
    if (this.#ended) throw new LineError(`${word}: nothing may follow the end`);
    if (command.simulatorOnly || carried.on === "simulator")
      throw new LineError(`${word}: only a simulated card can do this, not a board on a port`);
    if (carried.on === "setup") return this.#setUp(word, carried.apply);
    this.#started = true;
    if (carried.on === "end") {
      this.#ended = true;
      return;
    }
    const context = {
      extra: {},
      sent: new Uint8Array(),
      timeoutMs: SCREEN_TIMEOUT,
      keys: () => this.#keys(),
      response,
    };
    await this.#take(carried.act(this.#panel, context));
  }

  #setUp(word: string, apply: (setup: SetUp) => void): void {
    if (this.#started) throw new LineError(`${word}: only as one of the first lines of a file`);
    apply({
      seed: () => {},
      flash: () => {},
      demo: () => {
        this.#demo = true;
      },
      keys: (key, unlockKey) => {
        this.#given = { key, unlockKey };
      },
    });
  }

  #keys(): HostKeys {
    const { suite, key, unlockKey } = DEMO;
    if (this.#given) return { suite, ...this.#given };
    return { suite, key, unlockKey: this.#demo ? unlockKey : undefined };
  }

  async #take(steps: Steps | undefined): Promise<void> {
    if (!steps) return;
    let next = steps.next();
    while (!next.done) {
      const met = await this.#pass(next.value);
      if (!this.#panel.open) throw new PanelError("the card is gone; the line was closed");
      next = steps.next(met);
    }
  }
}

/** Real time, with a check of the panel whenever it changes. */
function realTime(panel: Panel): Pass {
  return ({ ms, until = () => false }) =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        const at = panel.watchers.indexOf(watcher);
        if (at >= 0) panel.watchers.splice(at, 1);
        resolve(until());
      };
      const look = () => {
        if (until()) end();
      };
      const watcher = { display: look, power: look };
      const timer = setTimeout(end, ms);
      panel.watchers.push(watcher);
      void panel.closed.then(end);
      look();
    });
}
