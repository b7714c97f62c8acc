// The display of a bench that seeds a batch. On a terminal: a bar for each port and one for the batch. Elsewhere: a
// line for each event that the user should know. With --json: one JSON object per line for every event.

import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Progress, RunListener } from "../desk/batch/batchrun.js";
import type { PortNews } from "../desk/batch/benchport.js";
import type { State } from "../desk/batch/portmachine.js";
import type { Step } from "../desk/plan.js";
import type { BatchCounts } from "../desk/register/batches.js";
import { isScreen } from "../files/commandline.js";
import { visible } from "./lists.js";
import { showEvent, warn } from "./output.js";

/** States in which somebody has to take out a card or check the port. */
const CALLS: readonly State[] = ["done", "refused", "waiting", "stopped"];
const BELL = "\x07";
const STEPS: readonly Step[] = ["channel", "keep", "store", "prove", "rotate", "finish", "mark"];
const BAR = 12;

/** The display, in use until `end`. */
export interface BenchDisplay extends RunListener {
  end(): void;
}

/** The display that fits the output. */
export function benchDisplay(json: boolean): BenchDisplay {
  if (json) return new EventDisplay();
  return isScreen(process.stderr) ? new BarDisplay() : new LineDisplay();
}

/** An event at a port, in a line for people; undefined if nobody needs to know it. */
export function sentenceOf({ port, state, event, serial, why }: PortNews): string | undefined {
  const whose = serial === undefined ? port : `${port}: ${serial}`;
  const reason = visible(why);
  switch (state) {
    case "away":
      return reason === "" ? undefined : `${reason}; waiting for the port`;
    case "empty":
      // There may already be a card at the port.
      if (event === "opened") return undefined;
      return reason === "" ? `${port}: PUT A CARD IN` : `${whose}: ${reason}`;
    case "asking":
      return event === "swapped" && reason !== "" ? `${whose}: ${reason}` : undefined;
    case "done":
      return `${whose} is done${event === "known" ? " already" : ""}: TAKE THE CARD OUT`;
    case "refused":
      return `${whose}: ${reason}: TAKE THE CARD OUT`;
    case "waiting":
      return `${port}: no row is free for this card; the rest wait for the cards that were begun for them`;
    case "stopped":
      return `${port}: STOPPED after three failures in a row, the last one: ${reason}; look at the port and its contacts`;
    default:
      return undefined;
  }
}

/** The progress of the whole batch, in a line. */
export function progressLine(progress: Progress): string {
  const { pending, timeLeft } = progress;
  return `${countsInWords(progress)}${pending === 0 || timeLeft === undefined ? "" : `, ${inWords(timeLeft)} left`}`;
}

export function countsInWords({ done, failed, pending }: BatchCounts): string {
  const failures = failed === 0 ? "" : `, ${failed} failed`;
  return `${done} of ${done + failed + pending} done${failures}`;
}

function inWords(time: number): string {
  const seconds = Math.ceil(time / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Prints one JSON object per line. */
class EventDisplay implements BenchDisplay {
  #last = "";

  news({ port, event, state, card, serial, why }: PortNews): void {
    const act = CALLS.includes(state);
    showEvent({ event, port, state, ...(card && { card }), ...(serial && { serial }), ...(why && { why }), act });
  }

  step(port: string, serial: string, step: Step): void {
    showEvent({ event: "step", port, serial, step });
  }

  progress({
    done,
    failed,
    pending,
    timeLeft = null,
  }: Omit<Progress, "timeLeft"> & { timeLeft?: number | undefined | null }): void {
    const counts = JSON.stringify({ done, failed, pending });
    if (counts === this.#last) return;
    this.#last = counts;
    showEvent({ event: "progress", done, failed, pending, timeLeft });
  }

  warning(port: string, serial: string, text: string): void {
    showEvent({ event: "warning", port, serial, text });
  }

  waiting(what: string): void {
    showEvent({ event: "waiting", text: what });
  }

  end(): void {}
}

/** Prints lines on stderr. */
class LineDisplay implements BenchDisplay {
  readonly #warned = new Set<string>();
  #last = "";

  news(news: PortNews): void {
    const sentence = sentenceOf(news);
    if (sentence) this.say(sentence);
  }

  step(_port: string, _serial: string, _step: Step): void {}

  progress(progress: Progress): void {
    const counts = `${progress.done} ${progress.failed} ${progress.pending}`;
    if (counts !== this.#last) this.say(progressLine(progress));
    this.#last = counts;
  }

  /** A warning that is the same for each card is printed once. */
  warning(_port: string, serial: string, text: string): void {
    const general = text.replaceAll(serial, "");
    if (this.#warned.has(general)) return;
    this.#warned.add(general);
    this.warn(text);
  }

  waiting(what: string): void {
    this.say(`still waiting: ${what}`);
  }

  end(): void {}

  protected say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  protected warn(text: string): void {
    warn(text);
  }
}

/** A bar for each port and one for the batch, below the printed lines. */
class BarDisplay extends LineDisplay {
  readonly #bars = new MultiBar(
    { format: "{port} [{bar}] {said}", barsize: BAR, hideCursor: true, forceRedraw: true, autopadding: false },
    Presets.legacy,
  );
  readonly #all = this.#bars.create(1, 0, { port: "all", said: "" });
  readonly #ports = new Map<string, SingleBar>();

  override news(news: PortNews): void {
    super.news(news);
    this.#show(news.port, news.state === "done" ? STEPS.length : 0, `${news.serial ?? ""} ${WORDS[news.state]}`);
    if (CALLS.includes(news.state)) process.stderr.write(BELL);
  }

  override step(port: string, serial: string, step: Step): void {
    this.#show(port, STEPS.indexOf(step), `${serial} ${step}`);
  }

  override progress(progress: Progress): void {
    const { done, failed, pending } = progress;
    this.#all.setTotal(Math.max(1, done + failed + pending));
    this.#all.update(done, { port: "all", said: progressLine(progress) });
  }

  override end(): void {
    this.#bars.stop();
  }

  protected override say(text: string): void {
    this.#bars.log(`${text}\n`);
  }

  protected override warn(text: string): void {
    this.say(`warning: ${text}`);
  }

  #show(port: string, value: number, said: string): void {
    const bar = this.#ports.get(port) ?? this.#bars.create(STEPS.length, 0, { port, said: "" });
    this.#ports.set(port, bar);
    bar.update(value, { port, said: said.trim() });
  }
}

const WORDS: Record<State, string> = {
  away: "no port",
  empty: "put a card in",
  asking: "…",
  seeding: "…",
  done: "done: TAKE IT OUT",
  refused: "TAKE IT OUT",
  waiting: "no row is free",
  stopped: "STOPPED",
  ended: "",
};
