// Questions to a card and its answers, over any stream of bytes: a serial port, a pseudo-terminal, a socket.
//
// Frames carry no number. So after an unanswered question the link says hello before the next one and drops everything
// before the answer to hello: the card answers in order, and no other answer is one byte long.

import type { Duplex } from "node:stream";
import { Channel, PROTOCOL_VERSION } from "../../firmware/wire.js";
import { realTimer, saying, type Timer } from "../files/waiting.js";
import { LineClosed, NoAnswer, OtherProtocol } from "./errors.js";
import { encodeFrame, type Frame, FrameReader } from "./frame.js";

export type { Timer };

/** The default time for an answer (ms): computing and writing takes the card well under a second. */
export const ANSWER_TIME = 5000;
/** The time for an answer to hello, and the number of hellos: opening a port may reset a board. */
const HELLO_TIME = 500;
const HELLOS = 10;
/** How often a repeatable command is sent. */
const ATTEMPTS = 3;

/** The default description of a wait. */
const ANSWER = "the card's answer";

const HELLO = Buffer.alloc(0);
const HELLO_ANSWER_SIZE = 1;
/** SW1 and SW2. */
const SHORTEST_RESPONSE = 2;

export interface LinkOptions {
  /** The clock; default: the real one. */
  timer?: Timer;
  /** Its name in errors, such as the name of the port. */
  name?: string;
  /** Called with the description of a wait, if it takes more than a few seconds. */
  onWait?: ((what: string) => void) | undefined;
}

export interface ExchangeOptions {
  /** How long to wait for the answer, in ms. */
  time?: number;
  /** Send the command again if no answer comes. Not for a command inside a secure channel, whose MAC is used up. */
  again?: boolean;
  /** The description of the wait, for people. */
  waitingFor?: string;
}

/** Observes what goes over the link. */
export interface LinkWatcher {
  hello?(): void;
  /** The card answered hello. */
  version?(version: number | undefined): void;
  command?(command: Uint8Array): void;
  response?(command: Uint8Array, response: Uint8Array): void;
  noAnswer?(): void;
  closed?(): void;
}

interface Waiting {
  readonly fits: (payload: Buffer) => boolean;
  readonly answered: (payload: Buffer) => void;
  readonly failed: (reason: LineClosed) => void;
}

const isHelloAnswer = (payload: Buffer) => payload.length === HELLO_ANSWER_SIZE;
const isResponse = (payload: Buffer) => payload.length >= SHORTEST_RESPONSE;

export class Link {
  /** Called with each frame of the front panel's channel. */
  onPanel: ((payload: Buffer) => void) | undefined;
  readonly watchers: LinkWatcher[] = [];

  readonly #stream: Duplex;
  readonly #reader = new FrameReader();
  readonly #timer: Timer;
  readonly #name: string | undefined;
  readonly #onWait: ((what: string) => void) | undefined;
  /** Whether a wait with a notice is running; inner waits then give none. */
  #telling = false;
  #waiting: Waiting | undefined;
  #closed: LineClosed | undefined;
  /** Whether the last question was answered, so that the next answer belongs to the next question. */
  #inStep = false;

  /** Uses `stream` without owning it: close() detaches from it and leaves it open. */
  constructor(stream: Duplex, options: LinkOptions = {}) {
    this.#stream = stream;
    this.#timer = options.timer ?? realTimer;
    this.#name = options.name;
    this.#onWait = options.onWait;
    stream.on("error", (error: Error) => this.#gone(error));
    stream.on("end", () => this.#gone());
    // An unplugged serial port passes its error with "close"; a socket passes a boolean.
    stream.on("close", (error?: unknown) => this.#gone(error instanceof Error ? error : undefined));
    stream.on("data", this.#read);
    if (stream.destroyed) this.#gone();
  }

  /** Says hello until the card answers. Returns the version of the protocol. */
  hello(attempts = HELLOS): Promise<number> {
    return this.#withNotice(ANSWER, () => this.#hello(attempts));
  }

  async #hello(attempts: number): Promise<number> {
    for (let left = attempts; left > 0; left--) {
      this.#tell((watcher) => watcher.hello?.());
      const answer = await this.#ask(HELLO, isHelloAnswer, HELLO_TIME);
      if (answer) return this.#greeted(answer[0]);
    }
    this.#tell((watcher) => watcher.noAnswer?.());
    throw new NoAnswer(this.#name);
  }

  /** Sends a command APDU; returns the response with its status word. One at a time. */
  exchange(command: Uint8Array, options: ExchangeOptions = {}): Promise<Buffer> {
    return this.#withNotice(options.waitingFor ?? ANSWER, () => this.#exchange(command, options));
  }

  async #exchange(command: Uint8Array, options: ExchangeOptions): Promise<Buffer> {
    for (let left = options.again ? ATTEMPTS : 1; left > 0; left--) {
      if (!this.#inStep) await this.hello();
      this.#tell((watcher) => watcher.command?.(command));
      const response = await this.#ask(command, isResponse, options.time ?? ANSWER_TIME);
      if (response) {
        this.#tell((watcher) => watcher.response?.(command, response));
        return response;
      }
      this.#tell((watcher) => watcher.noAnswer?.());
    }
    throw new NoAnswer(this.#name);
  }

  /** Sends a frame of the front panel's channel; such frames get no answer. */
  sendPanel(payload: Uint8Array): void {
    this.#mustBeOpen();
    this.#stream.write(encodeFrame(Channel.PANEL, payload));
  }

  /** Ends the link. A waiting question fails with LineClosed. */
  close(): void {
    this.#end(new LineClosed("the line is closed"));
  }

  /** Does `work`, and reports the wait if it takes long. */
  async #withNotice<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#telling || !this.#onWait) return work();
    this.#telling = true;
    const where = this.#name === undefined ? "" : `${this.#name}: `;
    try {
      return await saying(() => this.#onWait?.(`${where}${what}`), work, this.#timer);
    } finally {
      this.#telling = false;
    }
  }

  /** Sends a question. Returns the fitting answer; undefined if none came in time. */
  #ask(question: Uint8Array, fits: Waiting["fits"], time: number): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#waiting) throw new Error("the link takes one question at a time");
      this.#mustBeOpen();
      const line = encodeFrame(Channel.APDU, question);
      const settle = (then: () => void) => {
        stop();
        this.#waiting = undefined;
        then();
      };
      const stop = this.#timer(time, () => settle(() => resolve(undefined)));
      this.#waiting = {
        fits,
        answered: (payload) => settle(() => resolve(payload)),
        failed: (reason) => settle(() => reject(reason)),
      };
      this.#inStep = false;
      // Write last, since a stream may deliver the answer before `write` returns.
      this.#stream.write(line);
    });
  }

  #greeted(version: number | undefined): number {
    this.#tell((watcher) => watcher.version?.(version));
    if (version === PROTOCOL_VERSION) return version;
    this.#inStep = false;
    throw new OtherProtocol(`the card speaks version ${version} of the protocol, not ${PROTOCOL_VERSION}`);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw this.#closed;
  }

  readonly #read = (chunk: Uint8Array): void => {
    for (const frame of this.#reader.read(chunk)) this.#received(frame);
  };

  #received({ channel, payload }: Frame): void {
    const bytes = Buffer.from(payload);
    if (channel === Channel.PANEL) this.onPanel?.(bytes);
    else if (this.#waiting?.fits(bytes)) {
      this.#inStep = true;
      this.#waiting.answered(bytes);
    }
  }

  /**
   * The other side ended, with or without an error. The message leaves out the driver's words, which do not help
   * people.
   */
  #gone(cause?: Error): void {
    const unnamed = cause ? `the line failed: ${cause.message}` : "the line is closed";
    this.#end(
      new LineClosed(this.#name === undefined ? unnamed : `${this.#name}: the card is gone (unplugged?)`, { cause }),
    );
  }

  #end(reason: LineClosed): void {
    if (this.#closed) return;
    this.#closed = reason;
    this.#stream.off("data", this.#read);
    this.#stream.pause();
    this.#waiting?.failed(reason);
    this.#tell((watcher) => watcher.closed?.());
  }

  #tell(event: (watcher: LinkWatcher) => void): void {
    for (const watcher of this.watchers) event(watcher);
  }
}
