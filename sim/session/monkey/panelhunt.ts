// `dsc-sim monkey --port`: random keys on the front panel of a card elsewhere.
//
// Only for a card without keys and for the demo card, since cards are locked here and get other PINs. A run goes from
// off to off. A finding is played again, shorter each time, as long as the card shows it.

import { setTimeout as sleep } from "node:timers/promises";
import { Life, State } from "../../../firmware/wire.js";
import { CardClient, type CardStatus } from "../../../host-tools/card/cardclient.js";
import type { Link } from "../../../host-tools/card/link.js";
import { HOLD_TIME, KEYS, UP_TIME } from "../../core/card.js";
import { type Kept, Model, NEW_CARD } from "../../core/model/model.js";
import { DEMO } from "../demo.js";
import type { Panel } from "../panel.js";
import { PanelError, type PanelPort } from "../panelport.js";
import { DEMO_KEPT } from "./beginnings.js";
import { Counts } from "./counts.js";
import { ORACLE } from "./host.js";
import type { Progress } from "./hunt.js";
import { KeySteps } from "./keysteps.js";
import type { Finding, Run, Shown } from "./monkey.js";
import { PanelDisagreement, PanelPlay } from "./panelplay.js";
import { NEW_PIN, OTHER_PIN } from "./play.js";
import { shrinkings } from "./shrink.js";
import type { Step } from "./steps.js";

export interface PanelFound {
  readonly seed: number;
  readonly finding: Finding;
  readonly lines: readonly string[];
}

export interface PanelHunted extends Progress {
  readonly found?: PanelFound;
  /** The card's current PIN, if known. */
  readonly pin: string;
}

export interface PanelHuntOptions {
  /** Called before each step. */
  readonly isOver: (progress: Progress) => boolean;
  readonly onFound?: (seed: number, difference: Finding["difference"]) => void;
}

/** How often a finding is played again; each time takes seconds. */
const MOST_TRIES = 40;
/** How often PRESS is held until the card is off. */
const MOST_HOLDS = 5;
/** PINs that these runs give to a card; it has one of them. */
const PINS = [DEMO.pin, NEW_PIN, OTHER_PIN];

/** Plays keys until the time is over or something is found. Throws a PanelError if the card must not be played on. */
export async function huntOnPanel(port: PanelPort, seed: number, options: PanelHuntOptions): Promise<PanelHunted> {
  const counts = new Counts();
  const steps = new KeySteps(seed);
  const run = new PanelRun(port, counts);
  await run.begin();
  let runs = 0;
  while (!options.isOver({ runs, counts })) {
    if (run.isAtRest) {
      runs++;
      run.restart();
    }
    counts.steps++;
    const shown = await run.step(steps.next(run.model));
    if (!shown) continue;
    options.onFound?.(seed, shown.difference);
    return { runs, counts, pin: "", found: { seed, ...(await shorter(port, run, shown)) } };
  }
  return { runs, counts, pin: run.model.kept.pin };
}

/** A run on a panel: its steps, and its lines. */
class PanelRun {
  readonly #port: PanelPort;
  readonly #counts: Counts;
  #play: PanelPlay | undefined;
  steps: Step[] = [];
  lines: string[] = [];

  constructor(port: PanelPort, counts: Counts) {
    this.#port = port;
    this.#counts = counts;
  }

  /** Turns the card off, and finds out what it is. */
  async begin(): Promise<void> {
    const models = await modelsOf(this.#port);
    this.#play = new PanelPlay(this.#port.panel, models, {
      counts: this.#counts,
      onLine: (line) => this.lines.push(line),
    });
    this.restart();
  }

  /** The card is off: from here on a new run begins. */
  restart(): void {
    this.steps = [];
    this.lines = [];
  }

  get model(): Model {
    return (this.#play as PanelPlay).model;
  }

  /** Whether the card is off with no key down, so that a run may end here: only flash is kept. */
  get isAtRest(): boolean {
    const { state, ram } = this.model;
    return this.steps.length > 0 && state === State.OFF && ram.contacts.closed === 0 && ram.contacts.down === 0;
  }

  /** Plays a step. Returns what it showed, if anything. */
  async step(step: Step): Promise<Shown | undefined> {
    this.steps.push(step);
    try {
      await (this.#play as PanelPlay).step(step);
    } catch (error) {
      if (!(error instanceof PanelDisagreement)) throw error;
      const { difference, model } = error;
      this.lines.push(model.display === undefined ? "# no text is expected" : `expect ${model.display}`.trim());
      return { difference, at: this.steps.length - 1 };
    }
    return undefined;
  }
}

/** Plays a finding again and again, with ever fewer steps. */
async function shorter(port: PanelPort, run: PanelRun, { difference }: Shown): Promise<Omit<PanelFound, "seed">> {
  const first: Finding = { start: { seed: 0, card: "demo" }, steps: run.steps, difference };
  let lines = run.lines;
  const shrinking = shrinkings(first);
  let tries = 0;
  for (let next = shrinking.next(); ; ) {
    if (next.done) return { finding: next.value, lines: [...headOf(next.value), ...lines] };
    const again = tries++ < MOST_TRIES ? await playAgain(port, next.value) : undefined;
    if (again?.shown?.difference.what === difference.what) lines = again.lines;
    next = shrinking.next(again?.shown);
  }
}

async function playAgain(port: PanelPort, { steps }: Run): Promise<{ shown: Shown | undefined; lines: string[] }> {
  const run = new PanelRun(port, new Counts());
  await run.begin();
  for (const step of steps) {
    const shown = await run.step(step);
    if (shown) return { shown, lines: run.lines };
  }
  return { shown: undefined, lines: run.lines };
}

function headOf({ difference: { what, expected, actual } }: Finding): string[] {
  return [`# ${what}: ${expected} expected,`, `# found: ${actual}`, "# on a card that is off: dsc-sim run --port"];
}

/** Turns the card off. Returns the possible models then. */
async function modelsOf({ panel, link }: PanelPort): Promise<Model[]> {
  for (const key of KEYS) if (panel.isDown(key)) panel.up(key);
  const status = await statusOf(link);
  const kept = keptOf(status);
  await mustAnswer(panel);
  for (let hold = 0; panel.on; hold++) {
    if (hold === MOST_HOLDS) throw new PanelError("the card does not turn off when PRESS is held");
    panel.down("press");
    await sleep(HOLD_TIME);
    panel.up("press");
    await sleep(UP_TIME);
    await mustAnswer(panel);
  }
  return kept.map((one) => {
    const model = new Model(one, ORACLE);
    model.battery = status.battery;
    return model;
  });
}

/** Read by commands, which turn the card on. */
async function statusOf(link: Link): Promise<CardStatus> {
  try {
    return await new CardClient(link).readStatus();
  } catch (error) {
    throw new PanelError((error as Error).message, { cause: error });
  }
}

async function mustAnswer(panel: Panel): Promise<void> {
  if (!(await panel.look())) throw new PanelError("the card no longer answers");
}

/** The possible flash contents of a card with that status: several, since the PIN is not reported. */
function keptOf({ life, serial, suite, pinCheck, tries, triesLeft, unlockTriesLeft }: CardStatus): Kept[] {
  if (life !== "personalized") return [{ ...NEW_CARD, life: life === "blank" ? Life.BLANK : Life.SEEDED }];
  if (serial !== DEMO.serial || suite !== DEMO.suite || pinCheck !== "card" || tries !== DEMO.tries) {
    throw new PanelError(`the card is ${serial}, not the demo card: the monkey would lock it, and change its PIN`);
  }
  return PINS.map((pin) => ({ ...DEMO_KEPT, pin, left: triesLeft, codes: unlockTriesLeft }));
}
