// `dsc-sim monkey`: random runs, their progress, and the file of a finding.

import { counted } from "../../host-tools/files/counted.js";
import { DEMO } from "../session/demo.js";
import { loadFirmware } from "../session/firmware.js";
import { clearAbandoned, writeFinding } from "../session/monkey/findingfile.js";
import { type Found, hunt, type Progress } from "../session/monkey/hunt.js";
import { huntOnPanel } from "../session/monkey/panelhunt.js";
import { openPanel, PanelError } from "../session/panelport.js";
import { endWithOthers } from "./lifetime.js";
import type { MonkeyOptions } from "./monkeyoptions.js";
import { ProgressLine } from "./progressline.js";
import { freshSeed, say } from "./simulate.js";

/** The default duration, in ms. */
const USUAL = 60_000;

/** Plays, and prints the result. Returns whether the card always agreed with the model. */
export async function monkey(options: MonkeyOptions): Promise<boolean> {
  const disarm = endWithOthers();
  clearAbandoned(process.cwd());
  try {
    return await (options.port === undefined ? onSimulator(options) : onBoard(options, options.port));
  } finally {
    disarm();
  }
}

async function onSimulator(options: MonkeyOptions): Promise<boolean> {
  const watch = new Watch(options);
  const { found, ...progress } = await hunt(loadFirmware(), watch.seed, {
    isOver: (progress) => watch.isOver(progress),
    onFound: (seed, { difference }) => watch.found(seed, difference.what),
  });
  watch.end(progress, found);
  return found === undefined;
}

async function onBoard(options: MonkeyOptions, path: string): Promise<boolean> {
  const watch = new Watch(options);
  const port = await openPanel(path);
  try {
    const { found, pin, ...progress } = await huntOnPanel(port, watch.seed, {
      isOver: (progress) => watch.isOver(progress),
      onFound: (seed, { what }) => watch.found(seed, what),
    });
    watch.end(progress, found && { ...found, shown: true }, `--port ${path} `);
    if (pin !== "" && pin !== DEMO.pin) say(`the demo card's PIN is ${pin} now`);
    return found === undefined;
  } catch (error) {
    throw port.panel.open ? naming(path, error) : new PanelError(`${path}: the card is gone; the line was closed`);
  } finally {
    await port.close();
  }
}

/** Adds the port's name to an error of the card. */
function naming(path: string, error: unknown): unknown {
  return error instanceof PanelError ? new PanelError(`${path}: ${error.message}`, { cause: error }) : error;
}

/** Limits the duration, and prints the progress. */
class Watch {
  readonly seed: number;
  readonly #options: MonkeyOptions;
  readonly #started = performance.now();
  readonly #line = new ProgressLine(process.stderr);

  constructor(options: MonkeyOptions) {
    this.#options = options;
    this.seed = options.seed ?? freshSeed();
    say(`seed ${this.seed}`);
  }

  isOver(progress: Progress): boolean {
    const { runs, for: time = USUAL } = this.#options;
    this.#line.show(describe(progress, this.#ms));
    return runs === undefined ? this.#ms >= time : progress.runs >= runs;
  }

  found(seed: number, what: string): void {
    this.#line.say(`seed ${seed}: ${what}; making it short`);
  }

  /** Prints the last lines. `where`: the options of `run` that play the file of a finding. */
  end(progress: Progress, found: Told | undefined, where = ""): void {
    this.#line.end();
    if (found) tell(found, where, writeFinding(process.cwd(), found.seed, found.lines));
    else process.stdout.write(`${describe(progress, this.#ms)}: no difference\n`);
  }

  get #ms(): number {
    return performance.now() - this.#started;
  }
}

type Told = Pick<Found, "seed" | "finding" | "lines" | "shown">;

function tell({ seed, finding, shown }: Told, where: string, path: string): void {
  const { what, expected, actual } = finding.difference;
  const { length } = finding.steps;
  const steps = counted(length, "step");
  process.stdout.write(`seed ${seed}: ${what}: ${expected} expected, ${actual} found\n`);
  process.stdout.write(
    shown
      ? `${steps} ${length === 1 ? "shows" : "show"} it: dsc-sim run ${where}${path}\n`
      : `${steps}, in ${path}; no screen and no answer shows it: dsc-sim monkey --seed ${seed} --runs 1\n`,
  );
}

function describe({ runs, counts }: Progress, ms: number): string {
  const perSecond = Math.round(counts.steps / Math.max(ms / 1_000, 0.001));
  const parts = [counted(runs, "run"), counted(counts.steps, "step"), `${perSecond} steps/s`];
  parts.push(counted(counts.states.size, "state"), counted(counts.transitions.size, "transition"));
  parts.push(counted(counts.cuts, "power cut"));
  return parts.join(", ");
}
