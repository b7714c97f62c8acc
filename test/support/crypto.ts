// The firmware's crypto as tests call it: build/crypto-test.wasm, bytes in and bytes out.
//
// Arguments lie in the module's buffer with a gap after each; a function that writes into a gap is detected.

import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HashName } from "../../host-tools/card/hashes.js";
import { ROOT } from "../../host-tools/files/project.js";
import type { OcraInput, Suite } from "../../host-tools/seeds/suite.js";

/** The hashes, and their numbers in firmware/crypto/hash.ts. */
export const HASHES = { SHA1: 1, SHA256: 2, SHA512: 3 } as const;
export const HASH_NAMES = Object.keys(HASHES) as HashName[];

/** What test/firmware/module/crypto.ts exports. An address and a length go in as numbers. */
interface Module {
  memory: WebAssembly.Memory;
  buffer(): number;
  digest(algorithm: number, data: number, length: number, out: number): number;
  hmac(
    algorithm: number,
    key: number,
    keyLength: number,
    data: number,
    length: number,
    split: number,
    out: number,
  ): number;
  aesEncrypt(key: number, block: number): void;
  cbcEncrypt(key: number, iv: number, data: number, length: number): void;
  cbcDecrypt(key: number, iv: number, data: number, length: number): void;
  crc16(data: number, length: number): number;
  cmac(key: number, data: number, length: number, split: number, out: number): void;
  derive(key: number, constant: number, context: number, length: number, out: number, bits: number): void;
  sivSeal(key: number, plain: number, length: number, sealed: number): void;
  sivOpen(key: number, sealed: number, length: number, plain: number): number;
  crc32(seed: number, data: number, length: number): number;
  ocraParse(text: number, length: number): number;
  ocraField(field: number): number;
  ocraRespond(
    text: number,
    length: number,
    key: number,
    keyLength: number,
    counter: bigint,
    challenge: number,
    challengeLength: number,
    pin: number,
    session: number,
    sessionLength: number,
    time: bigint,
    out: number,
  ): number;
}

const GAP = Buffer.alloc(8, 0xa5);
const LARGEST_DIGEST = 64;

const binary = new WebAssembly.Module(readFileSync(join(ROOT, "build/crypto-test.wasm")));
const firmware = new WebAssembly.Instance(binary).exports as unknown as Module;

/** The arguments of one call, laid out in the buffer. */
class Arguments {
  private next = firmware.buffer();
  private readonly gaps: number[] = [];

  /** Puts bytes in; returns their address. */
  put(bytes: Uint8Array): number {
    const at = this.next;
    const memory = new Uint8Array(firmware.memory.buffer);
    memory.set(bytes, at);
    memory.set(GAP, at + bytes.length);
    this.gaps.push(at + bytes.length);
    this.next = at + bytes.length + GAP.length;
    return at;
  }

  /** Makes room for a result; returns its address. */
  room(size: number): number {
    return this.put(new Uint8Array(size));
  }

  /** The bytes at an address after the call, which must have left the gaps alone. */
  take(at: number, size: number): Buffer {
    for (const gap of this.gaps) deepStrictEqual(bytesAt(gap, GAP.length), GAP, "written outside of the result");
    return bytesAt(at, size);
  }
}

function bytesAt(at: number, size: number): Buffer {
  return Buffer.from(new Uint8Array(firmware.memory.buffer, at, size));
}

/** The module's memory between two calls: everything before the buffer. */
export function kept(): Buffer {
  return bytesAt(0, firmware.buffer());
}

export function digest(hash: HashName, message: Uint8Array): Buffer {
  const args = new Arguments();
  const data = args.put(message);
  const out = args.room(LARGEST_DIGEST);
  return args.take(out, firmware.digest(HASHES[hash], data, message.length, out));
}

/** Begins a hash that never ends: its message reaches beyond the memory, and the module traps. */
export function interruptDigest(hash: HashName): void {
  const size = firmware.memory.buffer.byteLength;
  firmware.digest(HASHES[hash], size - 200, 400, firmware.buffer());
}

/** HMAC of a message that arrives in two parts, the first `split` bytes long. */
export function hmac(hash: HashName, key: Uint8Array, message: Uint8Array, split = message.length): Buffer {
  const args = new Arguments();
  const [k, data, out] = [args.put(key), args.put(message), args.room(LARGEST_DIGEST)];
  return args.take(out, firmware.hmac(HASHES[hash], k, key.length, data, message.length, split, out));
}

export function aesEncrypt(key: Uint8Array, block: Uint8Array): Buffer {
  const args = new Arguments();
  const [k, at] = [args.put(key), args.put(block)];
  firmware.aesEncrypt(k, at);
  return args.take(at, 16);
}

export function cbcEncrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  return cbc(firmware.cbcEncrypt, key, iv, data);
}

export function cbcDecrypt(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  return cbc(firmware.cbcDecrypt, key, iv, data);
}

function cbc(call: Module["cbcEncrypt"], key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  const args = new Arguments();
  const [k, start, at] = [args.put(key), args.put(iv), args.put(data)];
  call(k, start, at, data.length);
  return args.take(at, data.length);
}

export function crc16(data: Uint8Array): number {
  const args = new Arguments();
  return firmware.crc16(args.put(data), data.length);
}

/** CMAC of a message that arrives in two parts, the first `split` bytes long. */
export function cmac(key: Uint8Array, message: Uint8Array, split = message.length): Buffer {
  const args = new Arguments();
  const [k, data, out] = [args.put(key), args.put(message), args.room(16)];
  firmware.cmac(k, data, message.length, split, out);
  return args.take(out, 16);
}

/** A derived key of whole blocks of 16 bytes. */
export function derive(key: Uint8Array, constant: number, context: Uint8Array, blocks: number): Buffer {
  return deriveBits(key, constant, context, 128 * blocks);
}

/** A derived key of 64, 128 or 256 bits. */
export function deriveBits(key: Uint8Array, constant: number, context: Uint8Array, bits: number): Buffer {
  const args = new Arguments();
  const [k, data, out] = [args.put(key), args.put(context), args.room(Math.ceil(bits / 128) * 16)];
  firmware.derive(k, constant, data, context.length, out, bits);
  return args.take(out, bits / 8);
}

export function sivSeal(key: Uint8Array, plain: Uint8Array): Buffer {
  const args = new Arguments();
  const [k, data, out] = [args.put(key), args.put(plain), args.room(plain.length + 16)];
  firmware.sivSeal(k, data, plain.length, out);
  return args.take(out, plain.length + 16);
}

/** The output of opening, and whether it reports it as authentic. */
export function sivOpen(key: Uint8Array, sealed: Uint8Array): { plain: Buffer; authentic: boolean } {
  const args = new Arguments();
  const length = sealed.length - 16;
  const [k, data, out] = [args.put(key), args.put(sealed), args.room(length)];
  const authentic = firmware.sivOpen(k, data, length, out) === 0;
  return { plain: args.take(out, length), authentic };
}

export function crc32(data: Uint8Array, seed = 0): number {
  return firmware.crc32(seed, new Arguments().put(data), data.length) >>> 0;
}

/** The suite as the firmware reads it; undefined if the firmware refuses it. */
export function ocraParse(text: string): Suite | undefined {
  const bytes = Buffer.from(text);
  if (!firmware.ocraParse(new Arguments().put(bytes), bytes.length)) return undefined;
  const field = (index: number) => firmware.ocraField(index) >>> 0;
  return {
    hash: hashName(field(0)) ?? "SHA1",
    digits: field(1),
    counter: field(2) !== 0,
    format: String.fromCharCode(field(3)) as Suite["format"],
    challenge: field(4),
    pin: hashName(field(5)),
    session: field(6),
    step: field(7),
  };
}

function hashName(number: number): HashName | undefined {
  return HASH_NAMES.find((name) => HASHES[name] === number);
}

/** The firmware's response: digits, or the whole HMAC in hexadecimal. The firmware's own hash makes P. */
export function ocraRespond(text: string, key: Uint8Array, input: OcraInput): string {
  const pinHash = ocraParse(text)?.pin;
  const pin = pinHash ? digest(pinHash, Buffer.from(input.pin ?? "")) : Buffer.alloc(0);
  const suite = ocraParse(text);
  const session = input.session ?? new Uint8Array(0);
  const args = new Arguments();
  const out = args.room(LARGEST_DIGEST);
  const written = firmware.ocraRespond(
    args.put(Buffer.from(text)),
    text.length,
    args.put(key),
    key.length,
    input.counter ?? 0n,
    args.put(Buffer.from(input.challenge)),
    input.challenge.length,
    args.put(pin),
    args.put(session),
    session.length,
    input.time ?? 0n,
    out,
  );
  return args.take(out, written).toString(suite?.digits === 0 ? "hex" : "ascii");
}
