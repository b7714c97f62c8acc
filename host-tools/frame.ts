// Frames of the serial line (docs/PROTOCOL.md, Frames): channel, payload and CRC-16, in SLIP (RFC 1055).

import type { TransformCallback } from "node:stream";
import { SlipDecoder, SlipEncoder } from "@serialport/parser-slip-encoder";
import { Channel, MAX_PAYLOAD, Slip } from "../firmware/wire.js";

export interface Frame {
  readonly channel: Channel;
  readonly payload: Buffer;
}

const CRC_SIZE = 2;
/** The longest frame as SLIP sends it: every byte escaped. */
const MAX_RAW = 2 * (1 + MAX_PAYLOAD + CRC_SIZE);

/** CRC-16/IBM-3740: polynomial 1021, FFFF at the start, nothing reflected or inverted. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}

/** The bytes that go on the line for one frame. */
export function encodeFrame(channel: Channel, payload: Uint8Array): Buffer {
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`a frame holds ${MAX_PAYLOAD} bytes, not ${payload.length}`);
  const body = Buffer.concat([Buffer.of(channel), payload, Buffer.alloc(CRC_SIZE)]);
  body.writeUInt16BE(crc16(body.subarray(0, -CRC_SIZE)), body.length - CRC_SIZE);
  // The "quirk" is the Slip.END in front, which flushes noise.
  const encoder = new SlipEncoder({ bluetoothQuirk: true });
  encoder.write(body);
  return encoder.read() as Buffer;
}

/** The frame in bytes without SLIP, or nothing where they are noise. */
function parseFrame(bytes: Buffer): Frame | undefined {
  const size = bytes.length - 1 - CRC_SIZE;
  if (size < 0 || size > MAX_PAYLOAD) return undefined;
  if (crc16(bytes.subarray(0, -CRC_SIZE)) !== bytes.readUInt16BE(bytes.length - CRC_SIZE)) return undefined;
  const channel = bytes[0];
  if (channel !== Channel.APDU && channel !== Channel.PANEL) return undefined;
  return { channel, payload: bytes.subarray(1, -CRC_SIZE) };
}

/**
 * A stream: bytes of the line in, frames out, noise dropped.
 *
 * The library's decoder hands on what stands before a wrong escape as if it were a frame, takes the Slip.END
 * after a lone Slip.ESC for data, and collects without limit. So it is given whole and rightly escaped frames only.
 */
export class FrameDecoder extends SlipDecoder {
  readonly #raw = Buffer.alloc(MAX_RAW);
  #size = 0;
  #noise = false;

  constructor() {
    super({ readableObjectMode: true });
  }

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    const good: Buffer[] = [];
    for (const byte of chunk) {
      if (byte !== Slip.END) this.#collect(byte);
      else good.push(this.#take());
    }
    super._transform(Buffer.concat(good), encoding, done);
  }

  /** What the library decoded (or null: the end). */
  override push(decoded: Buffer | null): boolean {
    if (decoded === null) return super.push(null);
    const frame = parseFrame(decoded);
    return frame ? super.push(frame) : true;
  }

  #collect(byte: number): void {
    const escaped = this.#escaped;
    if (this.#size === MAX_RAW || (escaped && byte !== Slip.ESC_END && byte !== Slip.ESC_ESC)) this.#noise = true;
    if (!this.#noise) this.#raw[this.#size++] = byte;
  }

  /** The frame that an END ended, with that END; nothing where it is noise. */
  #take(): Buffer {
    const good = !this.#noise && !this.#escaped && this.#size > 0;
    const frame = good ? Buffer.from([...this.#raw.subarray(0, this.#size), Slip.END]) : Buffer.alloc(0);
    this.#size = 0;
    this.#noise = false;
    return frame;
  }

  /** Whether the last byte was ESC. It cannot be the second half of an escape: that is never ESC. */
  get #escaped(): boolean {
    return this.#size > 0 && this.#raw[this.#size - 1] === Slip.ESC;
  }
}
