// A bench at work on a batch: all its ports at once, until no row is pending any more.

import { setTimeout as sleep } from "node:timers/promises";
import { type BatchCounts, countRows } from "../register/batches.js";
import type { BatchDesk } from "./batchdesk.js";
import { BenchPort, type BenchPortOptions, type PortListener, type PortNews } from "./benchport.js";

/** The progress of the whole batch. */
export interface Progress extends BatchCounts {
  /** Cards that this bench has seeded since the run began. */
  readonly here: number;
  /** Estimated time until no row is pending, at the pace so far (ms); undefined: no card was seeded yet. */
  readonly timeLeft: number | undefined;
}

export interface RunListener extends PortListener {
  progress(progress: Progress): void;
}

export interface RunOptions extends Omit<BenchPortOptions, "desk" | "listener"> {
  readonly ports: readonly string[];
  /** Returns newly connected ports; given only if the user named no ports. */
  readonly morePorts?: (() => Promise<readonly string[]>) | undefined;
  /** Ends the run early: cards that are being seeded are finished, and no new one is begun. */
  readonly signal?: AbortSignal | undefined;
}

/** How a run ended. */
export interface RunEnd extends BatchCounts {
  /** Cards that were seeded in this run. */
  readonly here: number;
  /** Rows that failed in this run because of their card. */
  readonly faultyCards: number;
  /** Ports that were stopped after failures. */
  readonly stopped: readonly string[];
}

/** Other benches may finish the batch, so the register is read at this interval (ms). */
const LOOK = 1000;

/**
 * Runs until no row is pending, every port is stopped, or `signal` ends it. The first error of one port ends all ports.
 */
export async function runBatch(desk: BatchDesk, options: RunOptions, listener: RunListener): Promise<RunEnd> {
  return new BatchRun(desk, options, listener).run();
}

class BatchRun {
  readonly #desk: BatchDesk;
  readonly #options: RunOptions;
  readonly #listener: RunListener;
  readonly #ports = new Map<string, BenchPort>();
  readonly #running = new Set<Promise<void>>();
  readonly #began = performance.now();
  #here = 0;
  #toldOfPorts = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(desk: BatchDesk, options: RunOptions, listener: RunListener) {
    this.#desk = desk;
    this.#options = options;
    this.#listener = listener;
  }

  async run(): Promise<RunEnd> {
    const { signal, ports } = this.#options;
    const finish = () => this.#finish();
    signal?.addEventListener("abort", finish);
    try {
      for (const path of ports) this.#start(path);
      await this.#untilDone();
      this.#tellAll("complete");
    } catch (error) {
      this.#tellAll("end");
      throw error;
    } finally {
      await Promise.all(this.#running);
      signal?.removeEventListener("abort", finish);
    }
    if (this.#failure) throw this.#failure.error;
    const stopped = [...this.#ports.values()].filter(({ state }) => state === "stopped").map(({ path }) => path);
    return { ...(await this.#look()), here: this.#here, faultyCards: this.#desk.faultyCards, stopped };
  }

  async #untilDone(): Promise<void> {
    while (!this.#isEnded()) {
      const counts = await this.#look();
      if (counts.pending === 0) this.#tellAll("complete");
      else await this.#addPorts();
      await Promise.race([sleep(LOOK), Promise.all(this.#running)]);
    }
  }

  #finish(): void {
    if ([...this.#ports.values()].some(({ state }) => state === "seeding"))
      this.#listener.waiting("the cards that are being seeded; Ctrl-C once more leaves them half done");
    this.#tellAll("complete");
  }

  #isEnded(): boolean {
    if (this.#failure || this.#options.signal?.aborted) return true;
    // Without named ports, a new port may still appear.
    return this.#running.size === 0 && (this.#options.morePorts === undefined || this.#ports.size > 0);
  }

  async #addPorts(): Promise<void> {
    for (const path of (await this.#options.morePorts?.()) ?? []) if (!this.#ports.has(path)) this.#start(path);
    if (this.#ports.size > 0 || this.#toldOfPorts) return;
    this.#toldOfPorts = true;
    this.#listener.waiting("a serial port; plug one in");
  }

  #start(path: string): void {
    const { ports: _ports, morePorts: _more, signal: _signal, ...options } = this.#options;
    const listener: PortListener = { ...bound(this.#listener), news: (news) => this.#heard(news) };
    const port = new BenchPort(path, { ...options, desk: this.#desk, listener });
    this.#ports.set(path, port);
    const running: Promise<void> = port
      .run()
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#tellAll("end");
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  #heard(news: PortNews): void {
    if (news.event === "seeded") this.#here++;
    this.#listener.news(news);
  }

  #tellAll(event: "complete" | "end"): void {
    for (const port of this.#ports.values()) port.tell(event);
  }

  async #look(): Promise<BatchCounts> {
    const counts = await this.#desk.register.engine.read((db) => countRows(db, this.#desk.batch));
    const pace = this.#here === 0 ? undefined : (performance.now() - this.#began) / this.#here;
    const timeLeft = pace === undefined ? undefined : Math.round(pace * counts.pending);
    this.#listener.progress({ ...counts, here: this.#here, timeLeft });
    return counts;
  }
}

/** The listener's methods, bound so that they can be passed as functions. */
function bound(listener: PortListener): PortListener {
  return {
    news: (news) => listener.news(news),
    step: (port, serial, step) => listener.step(port, serial, step),
    warning: (port, serial, text) => listener.warning(port, serial, text),
    waiting: (what) => listener.waiting(what),
  };
}
