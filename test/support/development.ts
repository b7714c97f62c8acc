// The commands of development images, and the bytes of a card between them (docs/PROTOCOL.md, Development).

import { Channel, Slip, State } from "../../firmware/wire.js";
import { crc16, encodeFrame } from "../../host-tools/card/frame.js";

export const Op = {
  PASS: 0x80,
  BATTERY: 0x81,
  SEED: 0x82,
  CUT_AT: 0x83,
  BLANK: 0x84,
  STATUS: 0x85,
  RELEASE: 0x86,
  TRAP: 0x87,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** op | number (4) | flag */
const COMMAND_SIZE = 6;
/** op | power | cut | on | state | text (8) | due (4) */
const ANSWER_SIZE = 17;
const STATUS_SIZE = ANSWER_SIZE + 8;
const TEXT_AT = 5;
const DUE_AT = 13;

/** The answer to a command: everything visible of the card. */
export interface Answer {
  readonly op: number;
  readonly power: boolean;
  /** Power failed at an armed cut since the last answer. */
  readonly cut: boolean;
  readonly on: boolean;
  readonly state: number;
  /** Eight characters. */
  readonly text: string;
  /** Milliseconds until the card does something by itself. */
  readonly due: number;
  /** Flash operations so far, and CRC-32C of the flash. Only STATUS reports them. */
  readonly operations?: number;
  readonly crc?: number;
}

/** What the card sent up to the answer to a command. */
export interface Observed {
  readonly answer: Answer;
  /** The bytes before that answer. */
  readonly sent: Buffer;
}

export function encodeCommand(op: Op, number = 0, flag = false): Uint8Array {
  const payload = Buffer.alloc(COMMAND_SIZE);
  payload.writeUInt8(op, 0);
  payload.writeUInt32BE(number >>> 0, 1);
  payload.writeUInt8(flag ? 1 : 0, 5);
  return encodeFrame(Channel.PANEL, payload);
}

export function decodeCommand(payload: Buffer): { op: number; number: number; flag: boolean } | undefined {
  if (payload.length !== COMMAND_SIZE) return undefined;
  return { op: payload.readUInt8(0), number: payload.readUInt32BE(1), flag: payload[5] !== 0 };
}

export function encodeAnswer(answer: Answer): Uint8Array {
  const status = answer.operations !== undefined;
  const payload = Buffer.alloc(status ? STATUS_SIZE : ANSWER_SIZE);
  payload.set([answer.op, Number(answer.power), Number(answer.cut), Number(answer.on), answer.state]);
  payload.write(answer.text, TEXT_AT, "latin1");
  payload.writeUInt32BE(answer.due, DUE_AT);
  if (status) payload.writeUInt32BE(answer.operations ?? 0, ANSWER_SIZE);
  if (status) payload.writeUInt32BE(answer.crc ?? 0, ANSWER_SIZE + 4);
  return encodeFrame(Channel.PANEL, payload);
}

/** undefined for a screen of the front panel. */
function decodeAnswer(payload: Buffer): Answer | undefined {
  const status = payload.length === STATUS_SIZE;
  if (!status && payload.length !== ANSWER_SIZE) return undefined;
  return {
    op: payload.readUInt8(0),
    power: payload[1] !== 0,
    cut: payload[2] !== 0,
    on: payload[3] !== 0,
    state: payload.readUInt8(4),
    text: payload.toString("latin1", TEXT_AT, DUE_AT),
    due: payload.readUInt32BE(DUE_AT),
    ...(status && { operations: payload.readUInt32BE(ANSWER_SIZE), crc: payload.readUInt32BE(ANSWER_SIZE + 4) }),
  };
}

/** A frame without SLIP and CRC. */
export interface Plain {
  readonly channel: number;
  readonly payload: Buffer;
}

/** The frame between two Slip.ENDs; undefined if it is noise. */
export function decodeFrame(body: Buffer): Plain | undefined {
  const text = body.toString("latin1");
  if (/\xdb(?![\xdc\xdd])/.test(text)) return undefined;
  const plain = text.replace(/\xdb([\xdc\xdd])/g, (_, code: string) => (code === "\xdc" ? "\xc0" : "\xdb"));
  const bytes = Buffer.from(plain, "latin1");
  // The CRC of data followed by its own CRC is zero.
  if (bytes.length < 3 || crc16(bytes) !== 0) return undefined;
  return { channel: bytes.readUInt8(0), payload: bytes.subarray(1, -2) };
}

/** Splits a card's output into the parts up to each answer. */
export class Splitter {
  readonly #observed: (observed: Observed) => void;
  readonly #heard: (frame: Plain) => void;
  #bytes: number[] = [];
  /** The start of the incoming frame: its Slip.END, if it has one. */
  #start = 0;
  #body: number[] = [];

  /** `heard` is called with each frame that is no answer. */
  constructor(observed: (observed: Observed) => void, heard: (frame: Plain) => void = () => {}) {
    this.#observed = observed;
    this.#heard = heard;
  }

  /** The bytes after the last answer. */
  get rest(): Buffer {
    return Buffer.from(this.#bytes);
  }

  take(bytes: Uint8Array): void {
    for (const byte of bytes) this.#byte(byte);
  }

  #byte(byte: number): void {
    const at = this.#bytes.push(byte) - 1;
    if (byte !== Slip.END) this.#body.push(byte);
    else if (this.#body.length === 0) this.#start = at;
    else this.#complete();
  }

  #complete(): void {
    const frame = decodeFrame(Buffer.from(this.#body));
    const answer = frame?.channel === Channel.PANEL ? decodeAnswer(frame.payload) : undefined;
    this.#body = [];
    if (answer) {
      const sent = Buffer.from(this.#bytes.slice(0, this.#start));
      this.#bytes = [];
      this.#start = 0;
      this.#observed({ answer, sent });
    } else {
      this.#start = this.#bytes.length;
      if (frame) this.#heard(frame);
    }
  }
}

/** The payloads of channel 0 in a card's output. */
export function answersOnChannel0(sent: Buffer): string[] {
  const bodies = sent.toString("latin1").split(String.fromCharCode(Slip.END));
  const frames = bodies.map((body) => decodeFrame(Buffer.from(body, "latin1")));
  return frames.flatMap((frame) => (frame?.channel === Channel.APDU ? [frame.payload.toString("hex")] : []));
}

/** The operation of a command for people. */
export function nameOfOp(op: number): string {
  return Object.entries(Op).find(([, number]) => number === op)?.[0] ?? `operation 0x${op.toString(16)}`;
}

/** An answer for people. */
export function describeAnswer(answer: Answer): string {
  const parts = [
    answer.power ? (answer.on ? "on" : "off") : "no power",
    State[answer.state] ?? `state ${answer.state}`,
    JSON.stringify(answer.text.trimEnd()),
  ];
  if (answer.cut) parts.push("power was cut");
  if (answer.operations !== undefined) {
    parts.push(`${answer.operations} flash operations`, `flash ${answer.crc?.toString(16).padStart(8, "0")}`);
  }
  return parts.join(", ");
}
