// A serial port of the browser (Web Serial) as a line of frames. Frames of the front panel go to their listener; a command
// gets its answer.

import { Channel, Cla, Ins, PROTOCOL_VERSION, Sw } from "../../firmware/wire.js";
import { ANY, decodeResponse, encodeCommand, refusal } from "../../host-tools/card/apdu.js";
import { encodeFrame, FrameReader } from "../../host-tools/card/frame.js";
import type { PanelLine } from "../common/frontpanel.js";

/** The part of Web Serial that the page uses; TypeScript's library does not have it. */
export interface SerialPort {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  open(options: { baudRate: number }): Promise<void>;
  close(): Promise<void>;
}
export interface Serial {
  requestPort(): Promise<SerialPort>;
}

/** Web Serial, if the browser has it. */
export function webSerial(): Serial | undefined {
  return (navigator as { serial?: Serial }).serial;
}

const BAUD_RATE = 115_200;
/** Time limits for an answer and for a hello, in ms. Several hellos are sent, since opening a port may restart the board. */
const ANSWER_TIME = 5000;
const HELLO_TIME = 500;
const HELLOS = 10;
const NO_ANSWER = "the card does not answer";

export class SerialLine implements PanelLine {
  /** Resolves when either side has ended the line. */
  readonly closed: Promise<void>;

  #hear: (report: Uint8Array) => void = () => {};
  readonly #port: SerialPort;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #answered: ((payload: Uint8Array) => void) | undefined;
  #open = true;

  private constructor(port: SerialPort, readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>) {
    this.#port = port;
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.closed = this.#untilEnd();
  }

  /** Lets the user choose a port and opens it. */
  static async choose(serial: Serial): Promise<SerialLine> {
    const port = await serial.requestPort();
    await port.open({ baudRate: BAUD_RATE });
    if (!port.readable || !port.writable) throw new Error("the port cannot be used");
    return new SerialLine(port, port.readable, port.writable);
  }

  onReport(hear: (report: Uint8Array) => void): void {
    this.#hear = hear;
  }

  onClosed(tell: () => void): void {
    void this.closed.then(tell);
  }

  /** Sends a frame of the front panel, which gets no answer. */
  sendPanel(payload: Uint8Array): void {
    this.#send(Channel.PANEL, payload);
  }

  /** Reads a data object of the card; undefined if it has none with that tag. */
  async getData(tag: number): Promise<Uint8Array | undefined> {
    const command = { cla: Cla.GP, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff, le: ANY };
    const answer = await this.#ask(encodeCommand(command), (payload) => payload.length >= 2, ANSWER_TIME);
    if (!answer) throw new Error(NO_ANSWER);
    const { data, sw } = decodeResponse(answer);
    if (sw === Sw.NO_SUCH_DATA) return undefined;
    if (sw !== Sw.DONE) throw refusal(command.ins, sw);
    return data;
  }

  /** Sends hellos until the card answers. Anything before that answer belongs to earlier commands. */
  async hello(): Promise<void> {
    for (let left = HELLOS; left > 0; left--) {
      const answer = await this.#ask(new Uint8Array(), (payload) => payload.length === 1, HELLO_TIME);
      if (answer?.[0] === PROTOCOL_VERSION) return;
      if (answer) throw new Error(`the card speaks version ${answer[0]} of the protocol, not ${PROTOCOL_VERSION}`);
    }
    throw new Error(NO_ANSWER);
  }

  /** Closes the port. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    await this.closed;
  }

  #ask(payload: Uint8Array, fits: (answer: Uint8Array) => boolean, time: number): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const done = (answer?: Uint8Array) => {
        clearTimeout(timeout);
        this.#answered = undefined;
        resolve(answer);
      };
      const timeout = setTimeout(done, time);
      this.#answered = (answer) => {
        if (fits(answer)) done(answer);
      };
      this.#send(Channel.APDU, payload);
    });
  }

  #send(channel: Channel, payload: Uint8Array): void {
    // `closed` reports a line that is gone.
    if (this.#open) this.#writer.write(encodeFrame(channel, payload)).catch(() => {});
  }

  async #untilEnd(): Promise<void> {
    await this.#read();
    await this.#release();
  }

  async #read(): Promise<void> {
    const frames = new FrameReader();
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) return;
        for (const { channel, payload } of frames.read(value)) {
          if (channel === Channel.PANEL) this.#hear(payload);
          else this.#answered?.(payload);
        }
      }
    } catch {
      // The board was unplugged: the line ended.
    }
  }

  async #release(): Promise<void> {
    this.#open = false;
    this.#reader.releaseLock();
    await this.#writer.close().catch(() => {});
    await this.#port.close().catch(() => {});
  }
}
