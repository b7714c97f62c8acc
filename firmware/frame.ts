// Frames on the serial line: SLIP (RFC 1055) around channel | payload | CRC-16. docs/PROTOCOL.md.

import { crc16 } from "./crypto/crc16";
import * as host from "./host";
import { MAX_PAYLOAD, Slip } from "./wire";

/** The frame being received: channel | payload | CRC-16. The answer is built in the same place. */
const FRAME: usize = memory.data(264);
const FRAME_SIZE: u32 = 1 + MAX_PAYLOAD + 2;
const SHORTEST: u32 = 3;
export const PAYLOAD: usize = FRAME + 1;

const OUT: usize = memory.data(32);
const OUT_SIZE: u32 = 32;

@unmanaged
class Line {
  /** Bytes in FRAME. */
  length: u32;
  /** The last byte was ESC. */
  escaped: bool;
  /** The frame is noise: too long, or wrongly escaped. */
  spoilt: bool;
  /** Bytes in OUT. */
  out: u32;
}
const line = changetype<Line>(memory.data(offsetof<Line>()));

/** Takes a byte. Returns whether it completed a frame: `channel`, PAYLOAD and `payloadLength` hold it. */
export function receive(byte: u32): bool {
  if (byte === Slip.END) return complete();
  if (line.escaped) {
    line.escaped = false;
    if (byte === Slip.ESC_END) add(Slip.END);
    else if (byte === Slip.ESC_ESC) add(Slip.ESC);
    else line.spoilt = true;
  } else if (byte === Slip.ESC) {
    line.escaped = true;
  } else {
    add(byte);
  }
  return false;
}

/** The channel of the completed frame. */
export function channel(): u32 {
  return load<u8>(FRAME);
}

/** The length of its payload. */
export function payloadLength(): u32 {
  return line.length - SHORTEST;
}

/** Wipes this frame and starts the next. */
export function next(): void {
  memory.fill(FRAME, 0, FRAME_SIZE);
  line.length = 0;
  line.escaped = false;
  line.spoilt = false;
}

/** Sends `length` bytes at PAYLOAD on the channel of the received frame. */
export function answer(length: u32): void {
  send(FRAME, 1 + length);
}

/** Sends a frame: `length` bytes at `content`. The first byte is the channel. */
export function send(content: usize, length: u32): void {
  const crc = crc16(content, length);
  put(Slip.END);
  for (let i: u32 = 0; i < length; i++) putEscaped(load<u8>(content + i));
  putEscaped(crc >> 8);
  putEscaped(crc & 0xff);
  put(Slip.END);
  flush();
}

function complete(): bool {
  const whole = !line.spoilt && !line.escaped && line.length >= SHORTEST && isIntact();
  if (!whole) next();
  return whole;
}

function isIntact(): bool {
  const end = FRAME + line.length - 2;
  return crc16(FRAME, line.length - 2) === bswap<u16>(load<u16>(end));
}

function add(byte: u32): void {
  if (line.length === FRAME_SIZE) {
    line.spoilt = true;
    return;
  }
  store<u8>(FRAME + line.length, byte as u8);
  line.length++;
}

function putEscaped(byte: u32): void {
  if (byte === Slip.END) {
    put(Slip.ESC);
    put(Slip.ESC_END);
  } else if (byte === Slip.ESC) {
    put(Slip.ESC);
    put(Slip.ESC_ESC);
  } else {
    put(byte);
  }
}

function put(byte: u32): void {
  if (line.out === OUT_SIZE) flush();
  store<u8>(OUT + line.out, byte as u8);
  line.out++;
}

function flush(): void {
  host.serial_send(OUT, line.out);
  memory.fill(OUT, 0, OUT_SIZE);
  line.out = 0;
}
