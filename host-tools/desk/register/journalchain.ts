// The chain of the journal, without a database: the MACs of its entries, its heads, and the check of a list of entries.
//
//   mac(n) = HMAC-SHA-256(journal key, mac(n - 1) | canonical form of entry n, its number included)
//   mac(0) = SHA-256 of a label and the register's id: a journal belongs to one register
//
// A head names the last entry at some time. It is signed (Ed25519; seed: HMAC-SHA-256 of the label `head` under the
// journal key), so that a saved head can be checked with the public key and without any secret. Beside the journal the
// register keeps its position: the last number and MAC, under a separate MAC. So entries that were cut off at the end
// are noticed even without a saved head. If entries and position were reset together to an earlier state, only a saved
// head reveals it.
//
// The journal key is used only for HMACs, so that a token can hold it (heldkeys.ts).
//
// A new journal key begins a new segment. Its first entry, under the new key, continues the MAC of the last entry under
// the old key. It contains both public keys and a head of the old segment, signed by the old key. So the new key alone
// proves where the old segment ended; checking the entries of that segment needs the old key.

import { createHash, createHmac, type Hmac, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";
import { copyOfSecret, secretBytes } from "../../files/secretbytes.js";
import { canonical } from "./canonical.js";
import { CURVE_KEY_BYTES, privateKeyOf, publicBytesOf, publicKeyOf } from "./curve25519.js";
import type { MacKey } from "./heldkeys.js";
import { CUSTODY_KEY_BYTES, custodyTag } from "./sealing.js";

/** The contents of an entry, without its MAC. */
export interface EntryContent {
  /** From 1, without gaps. */
  readonly number: number;
  /** ms since 1970. */
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly serial: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string | null;
  /** JSON with sorted keys. */
  readonly detail: string;
}

export interface Entry extends EntryContent {
  readonly mac: Uint8Array;
  /**
   * The operator's signature over the MAC of the previous entry and this entry; undefined if there are no operators.
   */
  readonly signature?: Uint8Array | undefined;
}

/** The entry up to which a journal goes. */
export interface Position {
  /** 0: there are no entries. */
  readonly number: number;
  readonly mac: Uint8Array;
}

export interface Head extends Position {
  /** 16 bytes. */
  readonly register: Uint8Array;
  /** When it was made, ms since 1970. */
  readonly at: number;
}

export interface SignedHead extends Head {
  readonly signature: Uint8Array;
}

/** Entries under one journal key. */
export interface Segment {
  /** The number of its first entry. */
  readonly from: number;
  /** The public key of its journal key, 32 bytes. */
  readonly publicKey: Buffer;
}

export const FIRST_ACTION = "register init";
/** The action of the first entry of each later segment. */
export const SEGMENT_ACTION = "journal key";
export const MAC_BYTES = 32;
export const SIGNATURE_BYTES = 64;

const START = "dsc journal start";
const ENTRY = "dsc journal entry";
const HEAD_LABEL = "head";
const HEAD = "dsc journal head";
const POSITION = "dsc journal position";
const BACKUP = "dsc register backup";
const TAG = "dsc register tag";

/** The journal key of one register. Its copies of keys last until `wipe`. */
export class JournalKey {
  /** 32 bytes; it checks heads. */
  readonly publicKey: Buffer;
  /**
   * The tag by which the register recognises its journal key: 32 bytes. It is an HMAC, since a key in a token allows
   * nothing else.
   */
  readonly tag: Buffer;
  readonly #tags: readonly Buffer[];
  readonly #key: MacKey;
  readonly #wipe: () => void;
  readonly #register: Uint8Array;
  readonly #signing: KeyObject;

  /**
   * `key`: 32 bytes that the caller wipes, or an object that holds the key. `register`: the register's id, 16 bytes.
   */
  constructor(key: Uint8Array | MacKey, register: Uint8Array) {
    const readable = key instanceof Uint8Array ? new ReadableKey(key) : undefined;
    this.#key = readable ?? (key as MacKey);
    this.#wipe = () => readable?.wipe();
    this.#register = Buffer.from(register);
    const own = this.#mac(canonical(TAG, this.#register));
    this.tag = readable ? custodyTag("journal", key as Uint8Array, register) : own;
    this.#tags = [this.tag, own];
    const seed = secretBytes(MAC_BYTES);
    seed.set(this.#mac(HEAD_LABEL));
    this.#signing = privateKeyOf("Ed25519", seed);
    seed.fill(0);
    this.publicKey = publicBytesOf(this.#signing);
  }

  /** Whether a register with this tag has this journal key, in a token or in a file. */
  isTaggedBy(tag: Uint8Array): boolean {
    return this.#tags.some((own) => same(own, tag));
  }

  /** The position of a journal without entries. */
  start(): Position {
    return { number: 0, mac: createHash("sha256").update(canonical(START, this.#register)).digest() };
  }

  /** The MAC of an entry, which includes the MAC of the previous one. */
  macOf(previous: Uint8Array, entry: EntryContent): Buffer {
    return this.#mac(previous, contentOf(entry));
  }

  /** The bytes that an operator signs for an entry. */
  signedContent(previous: Uint8Array, entry: EntryContent): Buffer {
    return signedContent(this.#register, previous, entry);
  }

  /** Authenticates the position that the register keeps beside the journal. */
  positionMac(position: Position): Buffer {
    return this.#mac(this.#positionContent(position));
  }

  vouchesFor(position: Position, mac: Uint8Array): boolean {
    return same(this.positionMac(position), mac);
  }

  /** An unsigned head of this register. */
  headOf({ number, mac }: Position, at: number): Head {
    return { register: this.#register, number, mac, at };
  }

  signHead(position: Position, at: number): SignedHead {
    const head = this.headOf(position, at);
    return { ...head, signature: sign(null, headContent(head), this.#signing) };
  }

  /** A MAC object that takes the bytes of a backup. */
  backupMac(): Hmac {
    const subkey = this.#mac(canonical(BACKUP, this.#register));
    const hmac = createHmac("sha256", subkey);
    subkey.fill(0);
    return hmac;
  }

  wipe(): void {
    this.#wipe();
  }

  #positionContent({ number, mac }: Position): Buffer {
    return canonical(POSITION, this.#register, String(number), mac);
  }

  #mac(...parts: readonly (string | Uint8Array)[]): Buffer {
    return this.#key.hmac(...parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  }
}

/** A journal key that was read from a file. Its copy lasts until `wipe`. */
class ReadableKey implements MacKey {
  readonly #key: Buffer;

  constructor(key: Uint8Array) {
    if (key.length !== CUSTODY_KEY_BYTES) throw new RangeError(`a journal key has ${CUSTODY_KEY_BYTES} bytes`);
    this.#key = copyOfSecret(key);
  }

  hmac(...parts: readonly Uint8Array[]): Buffer {
    const hmac = createHmac("sha256", this.#key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  wipe(): void {
    this.#key.fill(0);
  }
}

/** Whether the owner of this public key, 32 bytes, signed the head. */
export function isSignedBy(publicKey: Uint8Array, head: SignedHead): boolean {
  return verify(null, headContent(head), publicKeyOf("Ed25519", publicKey), head.signature);
}

/**
 * The bytes that an operator signs for an entry: its contents and the MAC of the previous entry, which covers
 * everything before.
 */
export function signedContent(register: Uint8Array, previous: Uint8Array, entry: EntryContent): Buffer {
  return canonical(ENTRY, register, previous, contentOf(entry));
}

function contentOf({ number, at, actor, action, serial, from, to, reason, detail }: EntryContent): Buffer {
  return canonical(String(number), String(at), actor, action, serial, from, to, reason, detail);
}

function headContent({ register, number, mac, at }: Head): Buffer {
  return canonical(HEAD, register, String(number), mac, String(at));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The keys in the first entry of a later segment: public values in hexadecimal. */
export interface KeyChange {
  /** The public key of the previous segment. */
  readonly before: string;
  /** Its signature of a head with the last entry of that segment and the time of this entry. */
  readonly head: string;
  /** The public key from here on. */
  readonly key: string;
}

/** The key change that an entry records; undefined for any other entry. */
export function keyChangeIn({ action, detail }: Pick<EntryContent, "action" | "detail">): KeyChange | undefined {
  if (action !== SEGMENT_ACTION) return undefined;
  const { before, head, key } = fieldsIn(detail);
  const isHex = (value: unknown, bytes: number) =>
    typeof value === "string" && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);
  if (!isHex(before, CURVE_KEY_BYTES) || !isHex(key, CURVE_KEY_BYTES) || !isHex(head, SIGNATURE_BYTES))
    return undefined;
  return { before, head, key } as KeyChange;
}

/** The fields of an entry that may have been changed. */
function fieldsIn(detail: string): Partial<Record<keyof KeyChange, unknown>> {
  try {
    return (JSON.parse(detail) ?? {}) as Partial<Record<keyof KeyChange, unknown>>;
  } catch {
    return {};
  }
}

/**
 * The segments of a journal, from the first entries of the later ones. `current`: the public key of the last segment.
 */
export function segmentsBy(changes: readonly EntryContent[], current: Uint8Array): Segment[] {
  let from = 1;
  const segments: Segment[] = [];
  for (const entry of changes) {
    const change = keyChangeIn(entry);
    if (!change) continue;
    segments.push({ from, publicKey: Buffer.from(change.before, "hex") });
    from = entry.number;
  }
  return [...segments, { from, publicKey: Buffer.from(current) }];
}

/** The segment that an entry is in. */
export function segmentAt(segments: readonly Segment[], number: number): Segment {
  const segment = segments.findLast(({ from }) => from <= number) ?? segments[0];
  if (!segment) throw new Error("a journal has a segment");
  return segment;
}

/** A fault of a journal, at one number or from that number on. */
export interface Finding {
  readonly number: number;
  /**
   * changed: entry or MAC was changed. moved: the entry belongs to another number. missing: there is no entry. start:
   * the first entry is not that of `register init`. end: entries, or the register's position, were cut off or reset.
   * head: the saved head belongs to another register or journal, or is not signed by the journal key. operator: not
   * signed by an operator of its time, or not approved.
   */
  readonly what: "changed" | "moved" | "missing" | "start" | "end" | "head" | "operator";
  /** One line for people. */
  readonly message: string;
}

/** The facts about a journal besides its entries. */
export interface Known {
  /** The position that the register keeps beside it. Without it the end is not checked. */
  readonly position?: Position | undefined;
  /** A saved head. Its signature is checked elsewhere (isSignedBy). */
  readonly head?: Head | undefined;
  /** Segments under different journal keys; default: one. */
  readonly segments?: readonly Segment[] | undefined;
  /** Journal keys of earlier segments. */
  readonly earlier?: readonly JournalKey[] | undefined;
}

/** Above this number of entries the search for their original places is skipped. */
const MOST_MOVED = 20;
/** The most findings that are reported. */
const MOST_FINDINGS = 1000;

/** Takes the entries one by one, in order of number, and reports their faults. */
export class ChainCheck {
  readonly #key: JournalKey | undefined;
  readonly #known: Known;
  readonly #findings: Finding[] = [];
  readonly #suspects: { readonly entry: Entry; readonly previous: Uint8Array }[] = [];
  readonly #segments: readonly Segment[];
  #count = 0;
  #unchecked = 0;
  #last: Position | undefined;
  /** The correct MAC of the last entry, if its stored MAC is wrong. */
  #lastRight: Buffer | undefined;
  #headSeen = false;

  /** Without the journal key only numbers, position and saved head are checked. */
  constructor(key: JournalKey | undefined, known: Known = {}) {
    this.#key = key;
    this.#known = known;
    this.#segments = known.segments ?? [{ from: 1, publicKey: key?.publicKey ?? Buffer.alloc(0) }];
  }

  take(entry: Entry): void {
    this.#count++;
    const expected = (this.#last?.number ?? 0) + 1;
    if (!this.#last) this.#checkStart(entry);
    if (entry.number !== expected) this.#find(expected, "missing", missing(expected, entry.number - 1));
    this.#checkMac(entry, entry.number === expected);
    this.#checkHead(entry);
    this.#last = { number: entry.number, mac: entry.mac };
  }

  /** The last entry under a key that was not given; 0: there is none. */
  get unchecked(): number {
    return this.#unchecked;
  }

  /** The number of entries, and their faults in order of number. */
  end(): { readonly count: number; readonly findings: readonly Finding[] } {
    this.#checkSuspects();
    this.#checkEnd();
    const findings = [...this.#findings].sort((a, b) => a.number - b.number);
    return { count: this.#count, findings };
  }

  /** After a gap the MAC of the previous entry is unknown. */
  #checkMac(entry: Entry, follows: boolean): void {
    const rightBefore = this.#lastRight;
    this.#lastRight = undefined;
    const key = this.#keyAt(entry.number);
    if (!key) this.#unchecked = entry.number;
    if (!key || !follows) return;
    const { mac: previous } = this.#last ?? key.start();
    const right = key.macOf(previous, entry);
    if (same(right, entry.mac)) return this.#checkKeyChange(entry, previous);
    // If only the MAC of the previous entry was changed, this one is right.
    if (rightBefore && same(key.macOf(rightBefore, entry), entry.mac)) return;
    this.#suspects.push({ entry, previous });
    this.#lastRight = right;
  }

  /** The journal key of an entry, if it was given. */
  #keyAt(number: number): JournalKey | undefined {
    const { publicKey } = segmentAt(this.#segments, number);
    return [this.#key, ...(this.#known.earlier ?? [])].find((key) => key?.publicKey.equals(publicKey));
  }

  /** Checks the first entry of a later segment against the previous segment. */
  #checkKeyChange(entry: Entry, mac: Uint8Array): void {
    const change = keyChangeIn(entry);
    if (!change || !this.#key) return;
    const { number } = entry;
    const head = this.#key.headOf({ number: number - 1, mac }, entry.at);
    const isSigned = isSignedBy(Buffer.from(change.before, "hex"), {
      ...head,
      signature: Buffer.from(change.head, "hex"),
    });
    const isNext = segmentAt(this.#segments, number).publicKey.equals(Buffer.from(change.key, "hex"));
    if (!isSigned || !isNext)
      this.#find(number, "changed", `entry ${number} does not continue the entries under the key before`);
  }

  #checkStart({ number, action }: Entry): void {
    if (number === 1 && action !== FIRST_ACTION)
      this.#find(1, "start", `entry 1 is not that of ${FIRST_ACTION}: entries before it were cut off`);
  }

  #checkHead({ number, mac }: Entry): void {
    const { head } = this.#known;
    if (head?.number !== number) return;
    this.#headSeen = true;
    if (!same(head.mac, mac)) this.#find(number, "head", `entry ${number} is not the entry of the saved head`);
  }

  #checkSuspects(): void {
    for (const { entry } of this.#suspects) {
      const { number } = entry;
      const origin = this.#suspects.length <= MOST_MOVED ? this.#originOf(entry) : undefined;
      if (origin === undefined) this.#find(number, "changed", `entry ${number} was changed`);
      // If the previous entry was moved, this one is right.
      else if (origin !== number) this.#find(number, "moved", `entry ${number} is entry ${origin}, moved`);
    }
  }

  /** The number at which the entry and its MAC are right; undefined if they fit nowhere. */
  #originOf(entry: Entry): number | undefined {
    const macs = this.#suspects.flatMap(({ entry: other, previous }) => [other.mac, previous]);
    for (const { entry: other } of this.#suspects) {
      const { number } = other;
      const key = this.#keyAt(number);
      if (macs.some((mac) => same(key?.macOf(mac, { ...entry, number }) ?? mac, entry.mac))) return number;
    }
    return undefined;
  }

  #checkEnd(): void {
    const last = this.#last ?? { number: 0, mac: this.#key?.start().mac ?? Buffer.alloc(MAC_BYTES) };
    const { position, head } = this.#known;
    if (this.#count === 0) this.#find(1, "start", "there are no entries: all of them were cut off");
    if (position && position.number > last.number)
      this.#find(last.number + 1, "end", `${missing(last.number + 1, position.number)}: cut off at the end`);
    else if (position && (position.number !== last.number || !same(position.mac, last.mac)))
      this.#find(last.number, "end", `entry ${last.number} is not the last one that the register recorded`);
    if (head && !this.#headSeen && head.number > 0)
      this.#find(head.number, "head", `entry ${head.number}, of the saved head, is missing`);
  }

  #find(number: number, what: Finding["what"], message: string): void {
    if (this.#findings.length < MOST_FINDINGS) this.#findings.push({ number, what, message });
  }
}

function missing(from: number, to: number): string {
  return to <= from ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
}
