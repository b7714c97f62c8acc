// An eavesdropper who records the serial line, has the public test keys, and decrypts what he can with them and with
// every transport key that he reads. SCP03 on node:crypto, by fakecard.ts and not by the host tools.

import { createDecipheriv } from "node:crypto";
import { aes, derive, framesIn } from "./fakecard.js";
import type { Tap } from "./seeding.js";

interface StaticKeys {
  readonly enc: Buffer;
  readonly mac: Buffer;
  readonly dek: Buffer;
}

interface Session {
  readonly keys: StaticKeys;
  readonly enc: Buffer;
  /** Whether the host has proved in it that it has the keys. */
  open: boolean;
  counter: number;
}

const PUBLIC_KEY = Buffer.from("404142434445464748494a4b4c4d4e4f", "hex");
const PUBLIC: StaticKeys = { enc: PUBLIC_KEY, mac: PUBLIC_KEY, dek: PUBLIC_KEY };
const INITIALIZE_UPDATE = 0x50;
const EXTERNAL_AUTHENTICATE = 0x82;
const PUT_KEY = 0xd8;
const STORE_DATA = 0xe2;
/** The offset of the part that is encrypted under the DEK, in the record of STORE DATA. */
const SECRETS_AT = 49;

export class Listener implements Tap {
  /** The host's commands: their instruction bytes, without hello. */
  readonly instructions: number[] = [];
  readonly #heard: { from: "host" | "card"; payload: Buffer }[] = [];

  hears(from: "host" | "card", bytes: Buffer): void {
    for (const { payload } of framesIn(bytes)) {
      this.#heard.push({ from, payload });
      if (from === "host" && payload.length > 1) this.instructions.push(payload[1] as number);
    }
  }

  /**
   * Everything that he can read: the contents of channels that he can open, and what is encrypted under the DEK in
   * them.
   */
  decrypt(): Buffer {
    const known = [PUBLIC];
    for (;;) {
      const reading = new Reading(known);
      for (const { from, payload } of this.#heard) reading.take(from, payload);
      if (reading.found.length === 0) return Buffer.concat(reading.read);
      known.push(...reading.found);
    }
  }
}

/** One pass over the recorded traffic, with the transport keys that are known. */
class Reading {
  readonly read: Buffer[] = [];
  /** New transport keys, read in this pass. */
  readonly found: StaticKeys[] = [];
  readonly #known: readonly StaticKeys[];
  #hostChallenge = Buffer.alloc(0);
  #sessions: Session[] = [];
  #cryptograms: Buffer[] = [];
  #asked = 0;
  /** The card's current DEK, once PUT KEY replaced it in this channel. */
  #dek: Buffer | undefined;

  constructor(known: readonly StaticKeys[]) {
    this.#known = known;
  }

  take(from: "host" | "card", payload: Buffer): void {
    if (from === "host") this.#command(payload);
    else this.#answer(payload);
  }

  #command(apdu: Buffer): void {
    if (apdu.length < 2) return;
    this.#asked = apdu[1] as number;
    const data = apdu.subarray(5, 5 + (apdu[4] ?? 0));
    if (this.#asked === INITIALIZE_UPDATE) {
      this.#hostChallenge = Buffer.from(data);
      this.#sessions = [];
    } else if (this.#asked === EXTERNAL_AUTHENTICATE) {
      this.#sessions = this.#sessions.filter((_, i) => this.#cryptograms[i]?.equals(data.subarray(0, 8)));
      for (const session of this.#sessions) session.open = true;
    } else if ((apdu[0] as number) & 4) {
      for (const session of this.#sessions) this.#inside(session, data.subarray(0, -8));
    }
  }

  #answer(payload: Buffer): void {
    if (this.#asked === INITIALIZE_UPDATE && payload.length === 31) {
      const context = Buffer.concat([this.#hostChallenge, payload.subarray(13, 21)]);
      const macs = this.#known.map(({ mac }) => derive(mac, 6, context, 128));
      this.#cryptograms = macs.map((mac) => derive(mac, 1, context, 64));
      this.#sessions = this.#known.map((keys) => {
        return { keys, enc: derive(keys.enc, 4, context, 128), open: false, counter: 0 };
      });
      this.#dek = undefined;
      return;
    }
    const data = payload.subarray(0, -10);
    if (data.length === 0 || data.length % 16 !== 0) return;
    for (const { open, enc, counter } of this.#sessions)
      if (open) this.read.push(decrypted(enc, icv(enc, 0x80, counter), data));
  }

  #inside(session: Session, data: Buffer): void {
    session.counter++;
    if (!session.open || data.length === 0) return;
    const padded = decrypted(session.enc, icv(session.enc, 0, session.counter), data);
    const plain = padded.subarray(0, padded.lastIndexOf(0x80));
    const dek = this.#dek ?? session.keys.dek;
    this.read.push(plain);
    if (this.#asked === STORE_DATA) this.read.push(decrypted(dek, Buffer.alloc(16), plain.subarray(SECRETS_AT)));
    if (this.#asked === PUT_KEY) this.#newKeys(plain, dek);
  }

  /** The data of PUT KEY: the version, then three times 88 11 10, the key under the DEK, 03 and its check value. */
  #newKeys(data: Buffer, dek: Buffer): void {
    const key = (index: number) => decrypted(dek, Buffer.alloc(16), data.subarray(4 + 23 * index, 20 + 23 * index));
    const keys = { enc: key(0), mac: key(1), dek: key(2) };
    this.read.push(keys.enc, keys.mac, keys.dek);
    this.#dek = keys.dek;
    if (![...this.#known, ...this.found].some(({ mac }) => mac.equals(keys.mac))) this.found.push(keys);
  }
}

function icv(enc: Buffer, mark: number, counter: number): Buffer {
  return aes(enc, Buffer.from([mark, ...new Array(14).fill(0), counter]));
}

function decrypted(key: Buffer, iv: Buffer, data: Buffer): Buffer {
  return createDecipheriv("aes-128-cbc", key, iv).setAutoPadding(false).update(data);
}
