// Frames of the serial line (docs/PROTOCOL.md, Frames): channel, payload and CRC-16, in SLIP (RFC 1055).

import { Channel, MAX_PAYLOAD, Slip } from "../../firmware/wire.js";

export interface Frame {
  readonly channel: Channel;
  readonly payload: Uint8Array;
}

const CRC_SIZE = 2;
/** The longest frame before SLIP encoding: channel, payload and CRC. */
const MAX_BODY = 1 + MAX_PAYLOAD + CRC_SIZE;

/** What each value of the CRC's high byte adds to the CRC when it is shifted out. */
const SHIFTED_OUT = Uint16Array.from({ length: 256 }, (_, high) => {
  let crc = high << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** CRC-16/IBM-3740: polynomial 1021, initial value FFFF, no reflection, no inversion. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (SHIFTED_OUT[(crc >> 8) ^ byte] as number);
  return crc;
}

/** The bytes of one frame on the line. The leading END terminates any noise before it. */
export function encodeFrame(channel: Channel, payload: Uint8Array): Uint8Array {
  if (payload.length > MAX_PAYLOAD) throw new RangeError(`a frame holds ${MAX_PAYLOAD} bytes, not ${payload.length}`);
  const body = new Uint8Array(1 + payload.length + CRC_SIZE);
  body[0] = channel;
  body.set(payload, 1);
  const crc = crc16(body.subarray(0, -CRC_SIZE));
  body.set([crc >> 8, crc & 0xff], body.length - CRC_SIZE);
  return inSlip(body);
}

/** The body between two END, with its own END and ESC escaped. */
function inSlip(body: Uint8Array): Uint8Array {
  const line = new Uint8Array(2 * body.length + 2);
  line[0] = Slip.END;
  let size = 1;
  for (const byte of body) {
    const isSpecial = byte === Slip.END || byte === Slip.ESC;
    if (isSpecial) line[size++] = Slip.ESC;
    line[size++] = isSpecial ? (byte === Slip.END ? Slip.ESC_END : Slip.ESC_ESC) : byte;
  }
  line[size++] = Slip.END;
  return line.slice(0, size);
}

/** Splits the bytes of a line into frames. All other bytes are noise and are dropped. */
export class FrameReader {
  readonly #body = new Uint8Array(MAX_BODY);
  #size = 0;
  #escaped = false;
  /** Whether the bytes since the last END cannot be a frame. */
  #noise = false;

  /** The frames that end in these bytes. */
  read(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (const byte of bytes) {
      if (byte !== Slip.END) this.#collect(byte);
      else {
        const frame = this.#noise || this.#escaped ? undefined : parseFrame(this.#body.slice(0, this.#size));
        if (frame) frames.push(frame);
        this.#size = 0;
        this.#escaped = false;
        this.#noise = false;
      }
    }
    return frames;
  }

  #collect(byte: number): void {
    if (!this.#escaped) {
      if (byte === Slip.ESC) this.#escaped = true;
      else this.#put(byte);
      return;
    }
    this.#escaped = false;
    if (byte === Slip.ESC_END) this.#put(Slip.END);
    else if (byte === Slip.ESC_ESC) this.#put(Slip.ESC);
    else this.#noise = true;
  }

  #put(byte: number): void {
    if (this.#size === MAX_BODY) this.#noise = true;
    else this.#body[this.#size++] = byte;
  }
}

/** The payloads of the frames of a channel in `bytes`. */
export function payloadsOn(channel: Channel, bytes: Uint8Array): Uint8Array[] {
  const frames = new FrameReader().read(bytes);
  return frames.filter((frame) => frame.channel === channel).map(({ payload }) => payload);
}

/** The frame in decoded bytes; empty if they are noise. */
function parseFrame(body: Uint8Array): Frame | undefined {
  const size = body.length - 1 - CRC_SIZE;
  if (size < 0) return undefined;
  const [high = 0, low = 0] = body.subarray(-CRC_SIZE);
  if (crc16(body.subarray(0, -CRC_SIZE)) !== ((high << 8) | low)) return undefined;
  const channel = body[0];
  if (channel !== Channel.APDU && channel !== Channel.PANEL) return undefined;
  return { channel, payload: body.subarray(1, -CRC_SIZE) };
}
