// A card at a desk with its own transport keys: what the desk sends, and the parts of the card's memory that may reveal
// its holder. Two desks that share no secret perform the same actions.

import * as assert from "uvu/assert";
import { Cla, Ins, Level, Sw } from "../../firmware/wire.js";
import { encodeCommand } from "../../host-tools/card/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { type Keyset, putKeyData, testKeys } from "../../host-tools/card/transportkeys.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { currentBytes } from "../../sim/core/image.js";
import { converse, openChannel } from "../../sim/session/cardcommands.js";
import { crc32 } from "./crypto.js";
import { CHUNK, PAGE_IMAGE, type Places, placesOf } from "./memory.js";
import { ONE, OTHER, type Owner } from "./owners.js";
import { OracleHost } from "./scp03oracle.js";
import { send } from "./serial.js";

/** All secrets of a card and of what is done with it. */
export interface Holder extends Owner {
  readonly keys: Keyset;
  /** The keys that PUT KEY brings. */
  readonly nextKeys: Keyset;
  readonly hostChallenge: Uint8Array;
  /** Of the card's random source. */
  readonly seed: number;
}

export const HOLDERS: readonly [Holder, Holder] = [
  { ...ONE, keys: keyset(1, 1), nextKeys: keyset(2, 2), hostChallenge: bytes(8, 3), seed: 21 },
  { ...OTHER, keys: keyset(1, 4), nextKeys: keyset(2, 5), hostChallenge: bytes(8, 6), seed: 22 },
];
export type Stage = "blank" | "seeded" | "personalized";

const BLOCK = 16;

/** The flash of cards that were made, by module: making a card takes longer than using it. */
const MADE = new WeakMap<WebAssembly.Module, Map<string, Uint8Array>>();

export class Desk {
  readonly card: Card;
  /** The session that is begun or open. */
  session: OracleHost | undefined;
  readonly #places: Places;
  #sessionAt:
    | { readonly keys: number; readonly check: number; readonly chain: number; readonly work: number }
    | undefined;
  #begun = Buffer.alloc(0);
  #open = false;

  constructor(
    module: WebAssembly.Module,
    readonly holder: Holder,
    stage: Stage = "personalized",
    readonly record: PersonalizationRecord = holder.record,
  ) {
    const flash = new Flash(flashOf(module, holder, stage, record));
    this.#places = placesOf(flash);
    this.card = new Card(module, { seed: holder.seed, flash });
  }

  /** INITIALIZE UPDATE. Returns the status word. */
  begin(): number {
    const { hostChallenge } = this.holder;
    const answer = this.plain(Cla.GP, Ins.INITIALIZE_UPDATE, 0, 0, hostChallenge);
    if (answer.length === 2) return sw(answer);
    const challenge = answer.subarray(13, 21);
    this.session = new OracleHost(this.holder.keys, Level.FULL, hostChallenge, challenge);
    this.#begun = Buffer.concat([hostChallenge, challenge]);
    this.#open = false;
    return sw(answer);
  }

  /** Opens a channel of level 33. */
  open(): void {
    assert.is(this.begin(), Sw.DONE);
    this.#locate();
    assert.is(sw(this.send((this.session as OracleHost).externalAuthenticate())), Sw.DONE);
    this.#open = true;
  }

  /** A command of the session. Returns the status word. */
  secured(ins: number, p1: number, p2: number, data: Uint8Array = new Uint8Array()): number {
    return sw(this.send((this.session as OracleHost).wrap(ins, p1, p2, data)));
  }

  plain(cla: number, ins: number, p1: number, p2: number, data: Uint8Array = new Uint8Array()): Buffer {
    return this.send(encodeCommand({ cla, ins, p1, p2, data }));
  }

  /** Sends a command and returns its answer. */
  send(apdu: Uint8Array): Buffer {
    return converse(this.card, apdu)[0] as Buffer;
  }

  /** Called when the session has ended. */
  ended(): void {
    this.session = undefined;
    this.#open = false;
  }

  /** The record of STORE DATA under the card's DEK. */
  encoded(changes: Partial<PersonalizationRecord> = {}): Buffer {
    return encodeRecord({ ...this.record, ...changes }, this.holder.keys.dek);
  }

  /**
   * The card's memory without the parts that may reveal its holder: the current page, as flash has it, and the last
   * piece of flash that was read, while the card is on; the session's keys and their check value, its challenges or
   * chaining value, and the last block computed with them, while there is a session. Each part is checked for its
   * contents.
   */
  visible(what: string): Uint8Array {
    const memory = this.card.memory;
    if (this.card.on) this.#takePage(memory, what);
    if (this.session) this.#takeSession(memory, this.session, what);
    return memory;
  }

  #takePage(memory: Uint8Array, what: string): void {
    const places = this.#places;
    const image = memory.subarray(places.page, places.page + PAGE_IMAGE);
    const forgotten = this.card.state === "ERROR" && image.every((byte) => byte === 0);
    const page = currentBytes(this.card.flash.bytes).subarray(0, PAGE_IMAGE);
    if (!forgotten) assert.ok(Buffer.from(image).equals(page), `${what}: memory has the page that flash has`);
    image.fill(0);
    memory.fill(0, places.chunk, places.chunk + CHUNK);
  }

  #takeSession(memory: Uint8Array, session: OracleHost, what: string): void {
    this.#locate();
    if (!this.#sessionAt) throw new Error("no session was found in memory");
    const { keys, check, chain, work } = this.#sessionAt;
    const held = Buffer.from(memory);
    const expected = keysOf(session);
    assert.equal(held.subarray(keys, keys + expected.length), expected, `${what}: the session keys`);
    assert.equal(held.subarray(check, check + 4), checkOf(expected), `${what}: their check value`);
    const chained = this.#open ? Buffer.from(session.chaining) : this.#begun;
    assert.equal(held.subarray(chain, chain + BLOCK), chained, `${what}: the challenges, then the chaining value`);
    memory.fill(0, keys, keys + expected.length);
    memory.fill(0, check, check + 4);
    memory.fill(0, chain, chain + BLOCK);
    memory.fill(0, work, work + BLOCK);
  }

  /** Finds the session in memory by its contents, after the answer to INITIALIZE UPDATE. */
  #locate(): void {
    if (this.#sessionAt) return;
    const session = this.session as OracleHost;
    const keys = keysOf(session);
    this.#sessionAt = {
      keys: this.#only(keys),
      check: this.#only(checkOf(keys)),
      chain: this.#only(this.#begun),
      work: this.#only(session.cardCryptogram),
    };
  }

  /** The address of these bytes in memory. They must occur exactly once. */
  #only(bytes: Buffer): number {
    const memory = Buffer.from(this.card.memory);
    const at = memory.indexOf(bytes);
    assert.ok(at >= 0 && memory.indexOf(bytes, at + 1) < 0, "it is in memory once");
    return at;
  }
}

/** The session keys in the order in which they lie in memory. */
function keysOf({ enc, mac, rmac }: OracleHost): Buffer {
  return Buffer.concat([enc, mac, rmac]);
}

/** Their check value, in the same form. */
function checkOf(keys: Buffer): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(keys, 0xa5));
  return check;
}

/** The status word of an answer. */
export function sw(answer: Buffer): number {
  return answer.readUInt16BE(answer.length - 2);
}

function flashOf(module: WebAssembly.Module, holder: Holder, stage: Stage, record: PersonalizationRecord): Uint8Array {
  const known = MADE.get(module) ?? new Map<string, Uint8Array>();
  MADE.set(module, known);
  const name = [holder.seed, stage, record.suite].join();
  const made = known.get(name) ?? make(module, holder, stage, record);
  known.set(name, made);
  return made.slice();
}

function make(module: WebAssembly.Module, holder: Holder, stage: Stage, record: PersonalizationRecord): Uint8Array {
  const card = new Card(module, { seed: holder.seed });
  const { dek } = testKeys();
  const channel = openChannel(card, Level.FULL, testKeys());
  const done = (ins: Ins, p1: number, p2: number, data = new Uint8Array()) =>
    assert.is(send(card, channel, { ins, p1, p2, data }).sw, Sw.DONE);
  if (stage !== "blank") done(Ins.STORE_DATA, 0xe0, 0, Uint8Array.from(encodeRecord(record, dek)));
  done(Ins.PUT_KEY, 0xff, 0x81, Uint8Array.from(putKeyData(holder.keys, dek)));
  if (stage === "personalized") done(Ins.SET_STATUS, 0x80, 0x0f);
  card.press("press");
  return card.flash.bytes.slice();
}

function keyset(kvn: number, number: number): Keyset {
  return { kvn, enc: bytes(16, number), mac: bytes(16, number + 50), dek: bytes(16, number + 100) };
}

function bytes(size: number, number: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (number * 29 + i * 53 + 7) & 0xff);
}
