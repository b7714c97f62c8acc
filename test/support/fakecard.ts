// A fake card for testing the host's side of the serial line, with independent SLIP, CRC, CMAC and SCP03 on
// node:crypto.
//
// It is the stream for a Link: the host's writes arrive at the card, and the card's answers are read.

import { createCipheriv, createDecipheriv } from "node:crypto";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Timer } from "../../host-tools/card/link.js";

/** A frame as its bytes without SLIP: channel and payload. */
export interface PlainFrame {
  channel: number;
  payload: Buffer;
}

/** CRC-16/IBM-3740 by polynomial division over GF(2): the message, its first 16 bits inverted, then 16 zeros. */
export function crcByDivision(bytes: Uint8Array): number {
  const bits = [...bytes, 0, 0].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte >> bit) & 1));
  for (let i = 0; i < 16; i++) bits[i] = 1 - (bits[i] as number);
  const divisor = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  for (let at = 0; at + 16 < bits.length; at++) {
    if (!bits[at]) continue;
    for (const [i, bit] of divisor.entries()) bits[at + i] = (bits[at + i] as number) ^ bit;
  }
  return Number.parseInt(bits.slice(-16).join(""), 2);
}

/** The bytes on the line for a frame. */
export function lineBytes(channel: number, payload: Uint8Array): Buffer {
  const body = [channel, ...payload];
  const crc = crcByDivision(Uint8Array.from(body));
  const escaped = [...body, crc >> 8, crc & 0xff].map((byte) =>
    byte === 0xc0 ? "dbdc" : byte === 0xdb ? "dbdd" : byte.toString(16).padStart(2, "0"),
  );
  return Buffer.from(`c0${escaped.join("")}c0`, "hex");
}

/** The frames in the bytes from a line, without the noise: the bytes as text, split at the delimiters. */
export function framesIn(line: Uint8Array): PlainFrame[] {
  const bytes = [...line].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const ended = bytes.split("c0").slice(0, -1);
  return ended.flatMap((text) => {
    const plain = text.trim().replaceAll("db dc", "C0").replaceAll("db dd", "DB");
    const frame = Buffer.from(plain.replaceAll(" ", ""), "hex");
    if (/db/.test(plain) || frame.length < 3 || frame.length > 264 || crcByDivision(frame) !== 0) return [];
    const [channel = 0] = frame;
    return channel > 1 ? [] : [{ channel, payload: frame.subarray(1, -2) }];
  });
}

/** One block, encrypted. */
export function aes(key: Uint8Array, block: Uint8Array): Buffer {
  return createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(block);
}

/** AES-CMAC (RFC 4493). */
export function cmac(key: Uint8Array, message: Uint8Array): Buffer {
  const whole = message.length > 0 && message.length % 16 === 0;
  const filled = whole ? Buffer.from(message) : padded(message);
  let subkey = double(aes(key, Buffer.alloc(16)));
  if (!whole) subkey = double(subkey);
  for (let i = 0; i < 16; i++) filled[filled.length - 16 + i] = (filled.at(i - 16) as number) ^ (subkey[i] as number);
  return createCipheriv("aes-128-cbc", key, Buffer.alloc(16)).setAutoPadding(false).update(filled).subarray(-16);
}

function double(block: Buffer): Buffer {
  const number = BigInt(`0x${block.toString("hex")}`);
  const doubled = BigInt.asUintN(128, number << 1n) ^ (number >> 127n ? 0x87n : 0n);
  return Buffer.from(doubled.toString(16).padStart(32, "0"), "hex");
}

function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.of(0x80), Buffer.alloc(15 - (data.length % 16))]);
}

/** The key derivation of GPC_SPE_014 §4.1.5, one block. */
export function derive(key: Uint8Array, constant: number, context: Uint8Array, bits: number): Buffer {
  const head = Buffer.from(`${"00".repeat(11)}${constant.toString(16).padStart(2, "0")}00`, "hex");
  return cmac(key, Buffer.concat([head, Buffer.of(0, bits, 1), context])).subarray(0, bits / 8);
}

/** A command as the fake card understood it. */
export interface Seen {
  cla: number;
  ins: number;
  p1: number;
  p2: number;
  /** Without MAC and encryption. */
  data: Buffer;
  /** The security level of its channel; 0 outside a channel. */
  level: number;
}

export interface Answer {
  data?: Uint8Array;
  sw: number;
}

interface Session {
  level: number;
  enc: Buffer;
  mac: Buffer;
  rmac: Buffer;
  chaining: Buffer;
  counter: number;
  hostCryptogram: Buffer;
}

const CARD_CHALLENGE = Buffer.from("c0db00db00c00102", "hex");

export class FakeCard extends Duplex {
  /** The number of frames to ignore before anything is answered. */
  deaf = 0;
  /** Changes the bytes of an answer on the line: drops bytes, adds noise, sends something else first. */
  spoil: ((line: Buffer) => Buffer) | undefined;
  /** Changes the next response inside a channel, after its MAC. */
  forge: ((response: Buffer) => Buffer) | undefined;
  /** The answer to a command; default: the same data. */
  answer: (command: Seen) => Answer = ({ data }) => ({ data, sw: 0x9000 });
  /** Whether the host's cryptogram is refused, right or wrong. */
  refusesHost = false;
  /** Whether a warning (63xx) is answered under R-MAC, as GPC_SPE_014 §6.2.5 says. */
  warningsSigned = true;
  kdd = Buffer.from("IB3000123\0", "ascii");
  kvn = 0xff;
  keys = { enc: testKey(), mac: testKey(), dek: testKey() };
  version = 1;
  readonly seen: Seen[] = [];
  /** Payloads that came on channel 1. */
  readonly panel: Buffer[] = [];
  hellos = 0;

  #line = Buffer.alloc(0);
  #session: Session | undefined;
  #open = false;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#line = Buffer.concat([this.#line, chunk]);
    const end = this.#line.lastIndexOf(0xc0) + 1;
    const frames = framesIn(this.#line.subarray(0, end));
    this.#line = this.#line.subarray(end);
    for (const frame of frames) this.#frame(frame);
    done();
  }

  /** Sends a frame by itself. */
  say(channel: number, payload: Uint8Array): void {
    const line = lineBytes(channel, payload);
    this.push(this.spoil ? this.spoil(line) : line);
  }

  #frame({ channel, payload }: PlainFrame): void {
    if (channel === 0 && payload.length === 0) this.hellos++;
    if (this.deaf > 0) this.deaf--;
    else if (channel === 1) this.panel.push(payload);
    else if (payload.length === 0) this.say(0, Buffer.of(this.version));
    else this.say(0, this.#command(payload));
  }

  #command(apdu: Buffer): Buffer {
    const [cla = 0, ins = 0, p1 = 0, p2 = 0, length = 0] = apdu;
    const data = apdu.length > 5 ? apdu.subarray(5, 5 + length) : Buffer.alloc(0);
    if (ins === 0x50) return this.#initializeUpdate(data);
    if (ins === 0x82) return this.#externalAuthenticate(p1, apdu);
    if (this.#open && cla & 4) return this.#secure({ cla, ins, p1, p2, data, level: 0 });
    this.#open = false;
    if (cla & 4) return Buffer.of(0x69, 0x82);
    return response(this.#answered({ cla, ins, p1, p2, data, level: 0 }));
  }

  #answered(command: Seen): Answer {
    this.seen.push(command);
    return this.answer(command);
  }

  #initializeUpdate(hostChallenge: Buffer): Buffer {
    const context = Buffer.concat([hostChallenge, CARD_CHALLENGE]);
    const mac = derive(this.keys.mac, 6, context, 128);
    this.#open = false;
    this.#session = {
      level: 0,
      enc: derive(this.keys.enc, 4, context, 128),
      mac,
      rmac: derive(this.keys.mac, 7, context, 128),
      chaining: Buffer.alloc(16),
      counter: 0,
      hostCryptogram: derive(mac, 1, context, 64),
    };
    const about = Buffer.of(this.kvn, 0x03, 0x60);
    const data = Buffer.concat([this.kdd, about, CARD_CHALLENGE, derive(mac, 0, context, 64)]);
    return response({ data, sw: 0x9000 });
  }

  #externalAuthenticate(level: number, apdu: Buffer): Buffer {
    const session = this.#session;
    if (!session) return Buffer.of(0x69, 0x85);
    const right = this.#macIsRight(session, apdu) && apdu.subarray(5, 13).equals(session.hostCryptogram);
    session.level = level;
    this.#open = right && !this.refusesHost;
    return this.#open ? Buffer.of(0x90, 0x00) : Buffer.of(0x63, 0x00);
  }

  /** Checks the C-MAC of an APDU without Le, and chains on. */
  #macIsRight(session: Session, apdu: Buffer): boolean {
    const mac = cmac(session.mac, Buffer.concat([session.chaining, apdu.subarray(0, -8)]));
    session.chaining = mac;
    return mac.subarray(0, 8).equals(apdu.subarray(-8));
  }

  #secure(command: Seen): Buffer {
    const session = this.#session as Session;
    const { cla, ins, p1, p2, data } = command;
    session.counter++;
    if (!this.#macIsRight(session, Buffer.concat([Buffer.of(cla, ins, p1, p2, data.length), data]))) {
      this.#open = false;
      return Buffer.of(0x69, 0x88);
    }
    const inner = data.subarray(0, -8);
    const plain = session.level & 2 && inner.length ? this.#decrypted(session, inner) : inner;
    const answer = this.#answered({ ...command, data: plain, level: session.level });
    const bytes = this.#protected(session, answer);
    const forged = this.forge ? this.forge(bytes) : bytes;
    this.forge = undefined;
    return forged;
  }

  #decrypted(session: Session, data: Buffer): Buffer {
    const plain = createDecipheriv("aes-128-cbc", session.enc, icv(session, 0)).setAutoPadding(false).update(data);
    return plain.subarray(0, plain.lastIndexOf(0x80));
  }

  #protected({ ...session }: Session, { data = Buffer.alloc(0), sw }: Answer): Buffer {
    const protectedStatus = sw === 0x9000 || (sw >> 8 === 0x63 && this.warningsSigned);
    if (!protectedStatus) return response({ sw });
    const encrypt = session.level & 0x20 && data.length;
    const outer = encrypt
      ? createCipheriv("aes-128-cbc", session.enc, icv(session, 0x80)).setAutoPadding(false).update(padded(data))
      : Buffer.from(data);
    const mac = cmac(session.rmac, Buffer.concat([session.chaining, response({ data: outer, sw })])).subarray(0, 8);
    return response({ data: session.level & 0x10 ? Buffer.concat([outer, mac]) : outer, sw });
  }
}

function icv({ enc, counter }: Session, mark: number): Buffer {
  return aes(enc, Buffer.from([mark, ...new Array(14).fill(0), counter]));
}

function response({ data = Buffer.alloc(0), sw }: Answer): Buffer {
  return Buffer.concat([data, Buffer.of(sw >> 8, sw & 0xff)]);
}

function testKey(): Buffer {
  return Buffer.from("404142434445464748494a4b4c4d4e4f", "hex");
}

/** A clock that stands still until it is moved. */
export class FakeClock {
  #now = 0;
  #timers: { due: number; call: () => void }[] = [];
  /** Work in real time: the clock stands still meanwhile. */
  readonly #outside = new Set<Promise<unknown>>();

  /** What a Link takes. */
  readonly timer: Timer = (ms, call) => {
    const timer = { due: this.#now + ms, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Work outside the test's process, such as a database's: no time passes until it is done. */
  outside<T>(work: Promise<T>): Promise<T> {
    const done = () => void this.#outside.delete(work);
    this.#outside.add(work);
    work.then(done, done);
    return work;
  }

  /** Handles everything that can happen now, then advances to the next timer, until `done` settles. */
  async until<T>(done: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    done.then(mark, mark);
    for (;;) {
      await quiet();
      if (settled) return done;
      if (this.#outside.size > 0) {
        await Promise.allSettled(this.#outside);
        continue;
      }
      const next = this.#timers.sort((a, b) => a.due - b.due).shift();
      if (!next) throw new Error("nothing will ever happen");
      this.#now = next.due;
      next.call();
    }
  }

  /** The time since the beginning, in ms. */
  get now(): number {
    return this.#now;
  }
}

/** Waits until the streams have passed on their contents. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 4; i++) await setImmediate();
}
