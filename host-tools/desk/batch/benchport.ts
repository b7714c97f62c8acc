// One port of a bench at work on a batch: carries out the table of portmachine.ts with a real serial port and the
// register.
//
// The port stays open from card to card, since opening it may reset a board. A present card is asked for its id again
// and again, so that a removed or exchanged card is noticed. While a card is seeded it answers no such question, and
// the work cannot continue with another card, since each command carries a MAC of the channel.

import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CardClient, type CardStatus } from "../../card/cardclient.js";
import { LineClosed, NoAnswer } from "../../card/errors.js";
import { Link } from "../../card/link.js";
import { closePort, openPort } from "../../card/port.js";
import { PortError } from "../../files/errors.js";
import { realTimer, type Timer } from "../../files/waiting.js";
import type { Step } from "../plan.js";
import type { PairedRow } from "../register/batchrows.js";
import { type BatchDesk, isMistake, whoseFault } from "./batchdesk.js";
import { type Action, type Event, isOver, type Port, START, type State, step, TABLE } from "./portmachine.js";

/** A line that is open. */
export interface OpenLine {
  readonly stream: Duplex;
  close(): Promise<void>;
}

/** An event at a port, for listeners. */
export interface PortNews {
  readonly port: string;
  readonly event: Event;
  readonly state: State;
  /** The id of the card that is there. */
  readonly card?: string | undefined;
  readonly serial?: string | undefined;
  /** The reason, as one line for people. */
  readonly why?: string | undefined;
}

export interface PortListener {
  news(news: PortNews): void;
  step(port: string, serial: string, step: Step): void;
  warning(port: string, serial: string, text: string): void;
  /** Reports what the port waits for, if the wait takes more than a few seconds. */
  waiting(what: string): void;
}

export interface BenchPortOptions {
  readonly desk: BatchDesk;
  readonly listener: PortListener;
  /** Opens the line at a path; default: a serial port. */
  readonly open?: (path: string) => Promise<OpenLine>;
  /** The clock of the line; default: the real one. */
  readonly timer?: Timer;
  /** Time between two polls of a port (ms). */
  readonly pause?: number;
  /** Time until the register is asked again whether a row is free (ms). */
  readonly askAgain?: number;
}

const PAUSE = 250;
const ASK_AGAIN = 2000;
/** An answer to hello takes milliseconds, and the link waits long enough for one. */
const HELLOS = 1;
/** A card that misses one hello may just be busy. */
const MISSED_HELLOS = 2;

/** A card that is there. */
interface Present {
  readonly id: string;
  readonly status: CardStatus;
}

export class BenchPort {
  readonly path: string;
  readonly #desk: BatchDesk;
  readonly #listener: PortListener;
  readonly #open: (path: string) => Promise<OpenLine>;
  readonly #timer: Timer;
  readonly #pause: number;
  readonly #askAgain: number;
  #line: OpenLine | undefined;
  #client: CardClient | undefined;
  #card: Present | undefined;
  #row: PairedRow | undefined;
  #serial: string | undefined;
  #why: string | undefined;
  #justOpened = false;
  /** The event that another part of the program sent, if any. */
  #outside: "complete" | "end" | undefined;
  #leave = new AbortController();
  #state: State = START.state;

  constructor(path: string, options: BenchPortOptions) {
    this.path = path;
    this.#desk = options.desk;
    this.#listener = options.listener;
    this.#open = options.open ?? openSerial;
    this.#timer = options.timer ?? realTimer;
    this.#pause = options.pause ?? PAUSE;
    this.#askAgain = options.askAgain ?? ASK_AGAIN;
  }

  get state(): State {
    return this.#state;
  }

  /** Works until the port has nothing left to do. Throws errors that end the work of the whole bench. */
  async run(): Promise<void> {
    try {
      for (let port: Port = START; !isOver(port); ) {
        const event = await this.#next(port);
        port = step(port, event);
        this.#state = port.state;
        this.#tell(event, port.state);
      }
    } finally {
      this.#forgetRow();
      await this.#close();
    }
  }

  /**
   * Tells the port that no other card may be begun ("complete"), or that all work ends at once ("end"). In the first
   * case a card that is being seeded is finished.
   */
  tell(event: "complete" | "end"): void {
    if (this.#outside === "end") return;
    this.#outside = event;
    if (event === "complete" && this.#state === "seeding") return;
    this.#leave.abort();
    if (event === "end") this.#client?.link.close();
  }

  async #next({ state, action }: Port): Promise<Event> {
    const before = this.#fromOutside(state);
    if (before) return before;
    this.#leave = new AbortController();
    const event = await this.#do(action);
    // A row that was taken is always seeded.
    return event === "row" ? event : (this.#fromOutside(state) ?? event);
  }

  /** The event that was sent from outside, if the table handles it in this state. */
  #fromOutside(state: State): Event | undefined {
    const event = this.#outside;
    return event && TABLE[state][event][0] !== "go on" ? event : undefined;
  }

  #do(action: Action): Promise<Event> {
    this.#why = undefined;
    switch (action) {
      case "open":
        return this.#openLine();
      case "look":
        return this.#look();
      case "ask":
        return this.#ask();
      case "seed":
        return this.#seed();
      case "take out":
        return this.#watch(undefined);
      case "wait":
        return this.#watch(this.#askAgain);
      case "close":
      case "go on":
        throw new Error(`${action} is no work`);
    }
  }

  async #openLine(): Promise<Event> {
    await this.#close();
    while (!this.#leave.signal.aborted) {
      try {
        this.#line = await this.#open(this.path);
        const onWait = (what: string) => this.#listener.waiting(what);
        this.#client = new CardClient(new Link(this.#line.stream, { name: this.path, timer: this.#timer, onWait }));
        this.#justOpened = true;
        return "opened";
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        this.#tellWhy(error.message);
      }
      await this.#rest();
    }
    return "lost";
  }

  /** Reports a missing port once, with the reason. */
  #tellWhy(why: string): void {
    if (this.#why === why) return;
    this.#why = why;
    this.#tell("lost", "away");
  }

  /** Reports a port that was just opened as empty once nobody answers. */
  async #look(): Promise<Event> {
    const wasOpened = this.#justOpened;
    this.#justOpened = false;
    this.#forgetCard();
    const client = this.#mustBeOpen();
    for (let looks = 1; !this.#leave.signal.aborted; looks++) {
      try {
        await client.link.hello(HELLOS);
        await client.closeChannel();
        return await this.#greet(client);
      } catch (error) {
        if (error instanceof LineClosed) return this.#lost();
        if (!(error instanceof NoAnswer)) return this.#dead(error);
      }
      if (looks === 1 && wasOpened) this.#tell("gone", "empty");
      await this.#rest();
    }
    return "lost";
  }

  async #greet(client: CardClient): Promise<Event> {
    const status = await client.readStatus();
    if (status.id === undefined)
      return this.#dead(new PortError("the card has no card id: its firmware is of the first release"));
    this.#card = { id: status.id, status };
    return "card";
  }

  async #dead(error: unknown): Promise<Event> {
    if (isMistake(error)) throw error;
    this.#why = (error as Error).message;
    await this.#desk.refuse(this.path, this.#card?.id, this.#why);
    return "dead";
  }

  async #ask(): Promise<Event> {
    const client = this.#mustBeOpen();
    this.#forgetRow();
    try {
      // After an exchange of cards or a wait, another card may be there.
      const answer = await this.#greet(client);
      if (answer !== "card") return answer;
    } catch (error) {
      return this.#afterError(error);
    }
    const { id, status } = this.#card as Present;
    const pairing = await this.#desk.pair(this.path, { ...status, id });
    switch (pairing.kind) {
      case "row":
        this.#row = pairing.row;
        this.#serial = pairing.row.serial;
        return "row";
      case "known":
        this.#serial = pairing.serial;
        return "known";
      case "refused":
        this.#why = pairing.why;
        return "foreign";
      default:
        return pairing.kind;
    }
  }

  /** The event for a card that answered before and now does not, or answers with an error. */
  async #afterError(error: unknown): Promise<Event> {
    if (error instanceof LineClosed) return this.#lost();
    return error instanceof NoAnswer ? "gone" : this.#dead(error);
  }

  async #seed(): Promise<Event> {
    const client = this.#mustBeOpen();
    const row = this.#row;
    if (!row) throw new Error("a card without a row");
    try {
      const onStep = (each: Step) => this.#listener.step(this.path, row.serial, each);
      const warnings = await this.#desk.seed(this.path, client, row, onStep);
      for (const warning of warnings) this.#listener.warning(this.path, row.serial, warning);
      return "seeded";
    } catch (error) {
      return await this.#failed(client, row, error);
    } finally {
      this.#forgetRow();
    }
  }

  /** A removed or exchanged card explains any error of a command. */
  async #failed(client: CardClient, row: PairedRow, error: unknown): Promise<Event> {
    const whose = whoseFault(error);
    const there = await this.#whoIsThere(client);
    if (this.#outside === "end") return "lost";
    const event = typeof there === "string" ? there : there.id === row.cardId ? "failed" : "swapped";
    this.#why = event === "failed" || whose === "row" ? (error as Error).message : WHY[event];
    await this.#desk.fail(this.path, row, {
      why: this.#why,
      whose: event === "failed" || whose === "row" ? whose : "away",
    });
    if (event === "lost") await this.#lost();
    return event;
  }

  /** The card that answers, if any. A device of another kind, or a card of another version, has no id. */
  async #whoIsThere(client: CardClient): Promise<{ readonly id: string | undefined } | "gone" | "lost"> {
    for (let missed = 0; missed < MISSED_HELLOS; missed++) {
      try {
        await client.link.hello(HELLOS);
        await client.closeChannel();
        return { id: await client.readId() };
      } catch (error) {
        if (error instanceof LineClosed) return "lost";
        if (isMistake(error)) throw error;
        if (!(error instanceof NoAnswer)) return { id: undefined };
      }
    }
    return "gone";
  }

  /** Watches the card until it is taken out, or for this long (ms). */
  async #watch(time: number | undefined): Promise<Event> {
    const client = this.#mustBeOpen();
    const end = time === undefined ? Number.POSITIVE_INFINITY : performance.now() + time;
    while (!this.#leave.signal.aborted) {
      await this.#rest();
      if (this.#leave.signal.aborted) break;
      const there = await this.#whoIsThere(client);
      if (there === "lost") return this.#lost();
      if (there === "gone") return "gone";
      if (there.id !== this.#card?.id) return "swapped";
      if (performance.now() >= end) return "again";
    }
    return "gone";
  }

  async #lost(): Promise<Event> {
    await this.#close();
    return "lost";
  }

  #mustBeOpen(): CardClient {
    if (!this.#client) throw new Error("the port is not open");
    return this.#client;
  }

  async #rest(): Promise<void> {
    await sleep(this.#pause, undefined, { signal: this.#leave.signal }).catch(() => {});
  }

  #forgetRow(): void {
    this.#row?.pin?.fill(0);
    this.#row = undefined;
  }

  #forgetCard(): void {
    this.#forgetRow();
    this.#card = undefined;
    this.#serial = undefined;
  }

  async #close(): Promise<void> {
    this.#client?.link.close();
    this.#client = undefined;
    const line = this.#line;
    this.#line = undefined;
    await line?.close();
  }

  #tell(event: Event, state: State): void {
    const why = WITH_REASON.includes(event) ? this.#why : undefined;
    const there = state === "away" || state === "empty" ? undefined : this.#card?.id;
    this.#listener.news({ port: this.path, event, state, card: there, serial: this.#serial, why });
  }
}

const WITH_REASON: readonly Event[] = ["dead", "foreign", "failed", "gone", "swapped", "lost"];

const WHY: Readonly<Record<"gone" | "swapped" | "lost", string>> = {
  gone: "the card was taken out while it was seeded",
  swapped: "another card was put in its place while it was seeded; nothing was written to that one",
  lost: "the port was lost while the card was seeded",
};

async function openSerial(path: string): Promise<OpenLine> {
  const stream = await openPort(path);
  return { stream, close: () => closePort(stream) };
}
