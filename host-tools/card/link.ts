// Questions to a card and its answers, over any stream of bytes: a serial port, a pseudo-terminal, a socket.
//
// Frames carry no number. So after a question that nobody answered the link says hello before the next one,
// and drops what comes before the answer to that: the card answers in turn, and no other answer is one byte long.

import type { Duplex } from "node:stream";
import { Channel, PROTOCOL_VERSION } from "../../firmware/wire.js";
import { realTimer, saying, type Timer } from "../files/waiting.js";
import { encodeFrame, type Frame, FrameReader } from "./frame.js";

export type { Timer };

/** How long a card may take to answer (ms), unless told: what it computes and writes takes well under a second. */
export const ANSWER_TIME = 5000;
/** How long it may take to answer hello, and how often that is said: opening a port may reset a board. */
const HELLO_TIME = 500;
const HELLOS = 10;
/** How often a command is sent that may be sent again. */
const ATTEMPTS = 3;

/** What is waited for, unless told. */
const ANSWER = "the card's answer";

const HELLO = Buffer.alloc(0);
const HELLO_ANSWER_SIZE = 1;
/** SW1 and SW2. */
const SHORTEST_RESPONSE = 2;

/** Nobody answered. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
  constructor(name?: string) {
    super(`${name === undefined ? "" : `${name}: `}the card does not answer`);
  }
}

/** The line ended or failed: unplugged, or closed from this side. */
export class LineClosed extends Error {
  override name = "LineClosed";
}

/** The card speaks another version of the protocol. */
export class OtherProtocol extends Error {
  override name = "OtherProtocol";
  constructor(readonly version: number | undefined) {
    super(`the card speaks version ${version} of the protocol, not ${PROTOCOL_VERSION}`);
  }
}

export interface LinkOptions {
  /** The clock; the real one unless given. */
  timer?: Timer;
  /** What errors call it, such as the name of the port. */
  name?: string;
  /** Told what is waited for where that takes more than a few seconds. */
  onWait?: ((what: string) => void) | undefined;
}

export interface ExchangeOptions {
  /** How long to wait for the answer, in ms. */
  time?: number;
  /** Send it again where no answer came. Not for a command inside a secure channel: its MAC is used up. */
  again?: boolean;
  /** What is waited for, in words for people. */
  waitingFor?: string;
}

/** What goes over the link, for those who watch. */
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
  /** A wait that is told of, and may have others in it. */
  #telling = false;
  #waiting: Waiting | undefined;
  #closed: LineClosed | undefined;
  /** The last question was answered: whatever comes next answers the next. */
  #inStep = false;

  /** Speaks over `stream`, which stays its owner's: close() lets go of it and leaves it open. */
  constructor(stream: Duplex, options: LinkOptions = {}) {
    this.#stream = stream;
    this.#timer = options.timer ?? realTimer;
    this.#name = options.name;
    this.#onWait = options.onWait;
    stream.on("error", (error: Error) => this.#gone(error));
    stream.on("end", () => this.#gone());
    // A serial port that is unplugged gives its error with "close"; a socket gives a boolean.
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

  /** Sends a frame of the front panel's channel; those are not answered. */
  sendPanel(payload: Uint8Array): void {
    this.#mustBeOpen();
    this.#stream.write(encodeFrame(Channel.PANEL, payload));
  }

  /** Ends the link. A question that waits fails with LineClosed. */
  close(): void {
    this.#end(new LineClosed("the line is closed"));
  }

  /** Does `work`, and tells what is waited for where that takes long. */
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

  /** Sends a question. Returns the answer that fits, or nothing where none came in time. */
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
      // Last: a stream may bring the answer before this returns.
      this.#stream.write(line);
    });
  }

  #greeted(version: number | undefined): number {
    this.#tell((watcher) => watcher.version?.(version));
    if (version === PROTOCOL_VERSION) return version;
    this.#inStep = false;
    throw new OtherProtocol(version);
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

  /** The other side ended, with an error or without: a driver's words say little to people. */
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
