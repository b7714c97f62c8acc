// Eight ports with simulated cards, an operator who acts at random, and a tool that is killed at random: the events of
// a month at a desk, within minutes. The tool is a separate process; cards and operator are in this one.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { State } from "../../../host-tools/desk/batch/portmachine.js";
import type { Card } from "../../../sim/core/card.js";
import { Random } from "../../../sim/core/random.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { Slot } from "../../support/rack.js";
import { DSC } from "../../support/simprocess.js";

/** Counts of the disturbances at the bench. */
export interface Disturbances {
  pulls: number;
  exchanges: number;
  lostPorts: number;
  kills: number;
  /** Finished cards that were put in again. */
  again: number;
  /** Runs of the tool that ended since each port was stopped. */
  stops: number;
}

/** A card is disturbed at one in this many frames. */
const PULL = 350;
const EXCHANGE = 350;
const LOSE = 700;
/** One in this many cards has the tool killed while it is seeded: at one of its frames, or before the first. */
const KILL = 20;
const FRAMES_OF_CARD = 40;
/** One in this many finished cards is put in again. */
const AGAIN = 12;
/** How long a port is away (ms). */
const AWAY = 200;
/** The tool's exit code if every port was stopped. */
const ALL_STOPPED = 3;

/** This many lines of a port explain a failure. */
const MOST_SEEN = 15;

/** The card is not done, and is put in at another port. */
const TAKE_OUT: readonly State[] = ["refused", "waiting", "stopped"];

/** A card, and the id by which the tool names it. */
export interface NamedCard {
  readonly id: string;
  readonly card: Card;
}

/** A port of the bench. */
interface Place {
  readonly path: string;
  readonly slot: Slot;
  line: PtyLine | undefined;
  /** The tool's last event for the port; undefined if there was none yet. */
  state: State | undefined;
  /** The number of frames from now after which the tool is killed. */
  killAfter: number | undefined;
  /**
  A card that was taken out before the tool noticed. It returns to the pool once the tool has noticed, so that no card
  comes back to a port unseen.
  */
  readonly inHand: Card[];
  /** The tool's events for the port, and the operator's actions there. */
  readonly seen: string[];
}

export class RandomBench {
  readonly disturbances: Disturbances = { pulls: 0, exchanges: 0, lostPorts: 0, kills: 0, again: 0, stops: 0 };
  readonly #places: readonly Place[];
  /** Cards that are not finished, or are to be put in again. */
  readonly #pool: Card[];
  readonly #ids: ReadonlyMap<Card, string>;
  readonly #random: Random;
  #tool: ChildProcessWithoutNullStreams | undefined;
  /** Cards that got a row. */
  #paired = 0;

  /**
  `folder` is for the links of the ports. The same seed draws the same numbers, but the machine decides when frames
  come.
  */
  constructor(folder: string, ports: number, cards: readonly NamedCard[], seed: number) {
    this.#random = new Random(seed);
    this.#pool = cards.map(({ card }) => card);
    this.#ids = new Map(cards.map(({ id, card }) => [card, id]));
    this.#places = Array.from({ length: ports }, (_, at) => ({
      path: join(folder, `port${at}`),
      slot: new Slot(),
      line: undefined,
      state: undefined,
      killAfter: undefined,
      inHand: [],
      seen: [],
    }));
    for (const place of this.#places) place.slot.onFrame = () => this.#disturb(place);
  }

  get ports(): readonly string[] {
    return this.#places.map(({ path }) => path);
  }

  /** Runs the tool, and again whenever it was killed or its ports were stopped. Returns what it printed last, and its exit code. */
  async run(
    args: readonly string[],
    afterKill: () => Promise<void>,
  ): Promise<{ readonly code: number | null; readonly last: string }> {
    for (;;) {
      const { code, signal, last } = await this.#runOnce(args);
      if (signal === "SIGKILL") {
        this.disturbances.kills++;
        await afterKill();
      } else if (code === ALL_STOPPED) this.disturbances.stops++;
      else return { code, last };
    }
  }

  /** The last lines of the port at which the tool reported this event of a card, up to that event. */
  before(event: string, card: string): readonly string[] {
    const isIt = (line: string) => told(line).event === event && told(line).card === card;
    for (const { path, seen } of this.#places) {
      const at = seen.findLastIndex(isIt);
      if (at >= 0) return seen.slice(Math.max(0, at - MOST_SEEN), at + 1).map((line) => `  ${path}: ${line}`);
    }
    return [];
  }

  close(): void {
    this.#tool?.kill("SIGKILL");
    for (const place of this.#places) this.#unplug(place);
  }

  /**
   * Runs the tool. Each port is plugged after the tool was started: a child inherits the open pseudo-terminals of its parent, and
   * a line that the tool holds at both ends is never lost to it.
   */
  #runOnce(args: readonly string[]): Promise<{ code: number | null; signal: string | null; last: string }> {
    for (const place of this.#places) {
      place.killAfter = undefined;
      place.state = undefined;
      place.seen.push("the tool begins");
      this.#putBack(place);
      this.#unplug(place);
    }
    const tool = spawn(process.execPath, [DSC, ...args, ...this.ports.flatMap((port) => ["--port", port]), "--json"]);
    this.#tool = tool;
    for (const place of this.#places) this.#plug(place);
    tool.stderr.pipe(process.stderr);
    let last = "";
    createInterface({ input: tool.stdout }).on("line", (line) => {
      last = line;
      this.#hear(line);
    });
    return new Promise((resolve) => tool.on("close", (code, signal) => resolve({ code, signal, last })));
  }

  /** The operator follows the tool's messages. */
  #hear(line: string): void {
    const { port, state, event, card } = told(line);
    const place = this.#places.find(({ path }) => path === port);
    if (!place) return;
    place.state = state ?? place.state;
    place.seen.push(line);
    if (state !== undefined) this.#putBack(place);
    if (event === "row" && ++this.#paired % KILL === 0) this.#killAt(place, this.#random.next() % FRAMES_OF_CARD);
    if (state === "done") this.#later(() => this.#takeOut(place, card, event === "known" || !this.#oneIn(AGAIN)));
    if (state !== undefined && TAKE_OUT.includes(state)) this.#later(() => this.#takeOut(place, card, false));
    if (state === "empty") this.#later(() => this.#serve());
  }

  /** The tool is killed between pairing and binding, or during the steps after that. */
  #killAt(place: Place, frame: number): void {
    if (frame === 0) this.#tool?.kill("SIGKILL");
    else place.killAfter = frame;
  }

  #later(act: () => void): void {
    setTimeout(act, this.#random.next() % 30);
  }

  /** Takes out the card that the tool names, and sometimes puts another in at once. */
  #takeOut(place: Place, id: string | undefined, isDone: boolean): void {
    const there = place.slot.card;
    if (there && this.#ids.get(there) !== id) return;
    const card = place.slot.pull();
    if (card && !isDone) {
      this.#pool.push(card);
      this.disturbances.again++;
    }
    if (place.state !== "stopped" && !this.#oneIn(4)) this.#putIn(place);
    this.#serve();
  }

  /** Puts cards in wherever the tool waits for one, because a port may have asked while there was none. */
  #serve(): void {
    for (const place of this.#places) if (place.state === "empty") this.#putIn(place);
  }

  #putIn({ slot }: Place): void {
    const card = slot.card ? undefined : this.#drawCard();
    if (card) slot.put(card);
  }

  #drawCard(): Card | undefined {
    return this.#pool.splice(this.#random.next() % Math.max(1, this.#pool.length), 1)[0];
  }

  #putBack({ inHand }: Place): void {
    if (inHand.length === 0) return;
    this.#pool.push(...inHand.splice(0));
    this.#later(() => this.#serve());
  }

  /** What happens before a frame reaches a card. */
  #disturb(place: Place): void {
    const { slot } = place;
    if (place.killAfter !== undefined && --place.killAfter === 0) this.#tool?.kill("SIGKILL");
    if (this.#oneIn(LOSE)) setImmediate(() => this.#lose(place));
    if (!slot.card) return;
    const pulled = this.#oneIn(PULL);
    if (!pulled && !this.#oneIn(EXCHANGE)) return;
    const card = slot.pull();
    if (!pulled) this.#putIn(place);
    if (card) place.inHand.push(card);
    place.seen.push(`${card && this.#ids.get(card)} is ${pulled ? "pulled" : "exchanged"} before a frame reaches it`);
    // While the tool looks for a card it does not know this one yet, and so reports nothing when the card is gone.
    if (place.state === "empty") this.#putBack(place);
    if (pulled) this.disturbances.pulls++;
    else this.disturbances.exchanges++;
  }

  #lose(place: Place): void {
    if (!place.line) return;
    this.disturbances.lostPorts++;
    place.seen.push("the port is lost");
    this.#unplug(place);
    setTimeout(() => this.#plug(place), AWAY);
  }

  #plug(place: Place): void {
    place.line ??= new PtyLine(place.slot as unknown as Card, place.path);
  }

  #unplug(place: Place): void {
    place.line?.close();
    place.line = undefined;
  }

  #oneIn(count: number): boolean {
    return this.#random.next() % count === 0;
  }
}

interface Told {
  readonly port?: string;
  readonly state?: State;
  readonly event?: string;
  readonly card?: string;
}

function told(line: string): Told {
  try {
    return JSON.parse(line) as Told;
  } catch {
    // A tool that was killed may have left half a line.
    return {};
  }
}
