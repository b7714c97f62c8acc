// The secrets that must never leave a card, and the search for them.

import { kdf } from "../../../host-tools/card/scp03.js";
import { type SimWorld, unlockCodeOf } from "./world.js";

/** This many bytes of a key in a row are a leak. */
const LEAK = 4;
const ERASED = [0xff, 0xff, 0xff, 0xff];
const SPENT = [0xa5, 0x5a, 0xc3, 0x3c];

export class Secrets {
  readonly #windows = new Set<number>();

  add(key: Uint8Array): void {
    for (let at = 0; at + LEAK <= key.length; at++) this.#windows.add(windowAt(key, at));
  }

  /** Whether `bytes` hold a piece of a key, plainly or in hexadecimal. */
  areIn(bytes: Uint8Array): boolean {
    return this.#plainly(bytes) || this.#inHex(bytes);
  }

  #plainly(bytes: Uint8Array): boolean {
    for (let at = 0; at + LEAK <= bytes.length; at++) if (this.#windows.has(windowAt(bytes, at))) return true;
    return false;
  }

  #inHex(bytes: Uint8Array): boolean {
    const text = Buffer.from(bytes).toString("latin1");
    return (text.match(/[0-9a-f]{8,}/gi) ?? []).some((hex) =>
      [0, 1].some((from) => this.#plainly(Buffer.from(hex.slice(from), "hex"))),
    );
  }
}

/** Every key of a card: the given ones, its root secret, the keys derived from it, and those of a channel. */
export function secretsOf(
  { record, keys }: SimWorld,
  root: Uint8Array,
  lockCode: string,
  sessions: readonly Uint8Array[],
): Secrets {
  const secrets = new Secrets();
  const sealing = (use: number, digits: string) =>
    kdf(root, use, Uint8Array.from([...Buffer.from(digits), ...ERASED, ...SPENT]), 32);
  const derived = [sealing(0x81, record.pin), sealing(0x82, unlockCodeOf(record, lockCode))];
  const given = [record.key, record.unlockKey, keys.enc, keys.mac, keys.dek];
  for (const secret of [...given, root, ...derived, ...sessions]) secrets.add(secret);
  return secrets;
}

/** The bytes of frames without SLIP's escapes. */
export function unescaped(bytes: readonly number[]): Uint8Array {
  const plain: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte !== 0xdb) plain.push(byte);
    else plain.push(bytes[++i] === 0xdc ? 0xc0 : 0xdb);
  }
  return Uint8Array.from(plain);
}

function windowAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);
}
