// The host's half of the serial line for random runs: it makes right commands, or commands with one deliberate fault,
// together with the facts that the model needs.
//
// host-tools/card/scp03.ts is not used for the channel, since it makes no wrong commands and stops at wrong keys.

import {
  ALL_KEYS,
  Channel,
  Cla,
  Derive,
  Ins,
  ISSUER_DOMAIN,
  KeyVersion,
  Level,
  Limit,
  ONE_ENCRYPTED_BLOCK,
  PinCheck,
  PutKey,
  RecordAt,
  Scp03Size,
  SELECT_BY_NAME,
  Sw,
  Tag,
} from "../../../firmware/wire.js";
import { decryptCbc } from "../../../host-tools/card/aes.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { kcv, testKeys } from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { UNLOCK_SUITE } from "../../../host-tools/seeds/suite.js";
import type { Asked, Frame, Stored } from "../../core/model/commands.js";
import type { Oracle } from "../../core/model/model.js";
import { DEMO } from "../demo.js";
import { AesKey } from "./aeskey.js";
import { remembering } from "./remembering.js";

const BLOCK = 16;
const ZEROS = new Uint8Array(BLOCK);
const MAC_SIZE = Scp03Size.MAC;
const HOST_CHALLENGE = new Uint8Array(Scp03Size.CHALLENGE);

/** The record of the demo card; others are derived from their numbers. */
export const DEMO_RECORD = 1;

/** Suites of the cards in these runs; with P the server checks the PIN. */
export const SUITES = {
  card: ["OCRA-1:HOTP-SHA256-8:QN06", "OCRA-1:HOTP-SHA1-8:QN06", "OCRA-1:HOTP-SHA512-8:QN06"],
  server: ["OCRA-1:HOTP-SHA256-8:QN06-PSHA256", "OCRA-1:HOTP-SHA1-8:QN06-PSHA1"],
} as const;

/** How a command is sent. */
export type Via = "plain" | "channel" | "wrong MAC" | "wrong padding" | "old session";

/** A deliberate fault of a command other than in its contents. */
export type Spoilt = "size" | "parameters" | "class" | "length field" | "instruction";

/** The intended command. */
export type Meant =
  | { readonly ins: "SELECT"; readonly application: "named" | "default" | "other" }
  | { readonly ins: "GET_DATA"; readonly tag: number }
  | { readonly ins: "SELF_TEST"; readonly test: number }
  | { readonly ins: "STORE_DATA"; readonly record: Stored; readonly wrong?: RecordFault }
  | { readonly ins: "INTERNAL_AUTHENTICATE"; readonly pin: PinChoice; readonly challenge: string }
  | { readonly ins: "CHANGE_REFERENCE_DATA"; readonly pin: PinChoice; readonly newPin: string }
  | { readonly ins: "RESET_RETRY_COUNTER"; readonly code: CodeChoice; readonly newPin: string }
  | { readonly ins: "PUT_KEY"; readonly keys: number; readonly short: boolean; readonly wrong?: "kcv" | "version" }
  | { readonly ins: "SET_STATUS"; readonly life: number };
export type CommandName = Meant["ins"];
export type PinChoice = "right" | "wrong" | "letters";
export type CodeChoice = "right" | "wrong" | "letters";
export type RecordFault = "tries" | "suite" | "pin" | "key length" | "check";

/** What a host may know about the card: its PIN, the lock code it showed, its keys. */
export interface Known {
  readonly pin: string;
  readonly lockCode: string | undefined;
  readonly record: number;
  readonly keys: number;
  readonly kvn: number;
}

interface SessionKeys {
  readonly enc: AesKey;
  readonly mac: AesKey;
  readonly rmac: AesKey;
}

interface Session {
  readonly number: number;
  readonly hostChallenge: Uint8Array;
  readonly cardChallenge: Uint8Array;
  /** undefined until EXTERNAL AUTHENTICATE. */
  keys: SessionKeys | undefined;
  level: number;
  chaining: Uint8Array;
  counter: number;
  /** The chaining value of the card if it accepted every right command, and the one before the last command. */
  cards: Uint8Array | undefined;
  before: Uint8Array | undefined;
}

/** A frame, and the facts about it. */
export interface Made {
  readonly bytes: Uint8Array;
  readonly frame: Frame;
}

export const ORACLE: Oracle = {
  response: (record, challenge, pin) => {
    const { suite, key } = recordOf(record);
    return ocra(suite, key, suite.includes("-P") ? { challenge, pin } : { challenge });
  },
  unlockCode: (record, lockCode) => ocra(UNLOCK_SUITE, recordOf(record).unlockKey, { challenge: lockCode }),
};

interface TokenKeys {
  readonly suite: string;
  readonly key: Uint8Array;
  readonly unlockKey: Uint8Array;
}

/** Keys and suite of a record by its number: the demo card's, or derived from the number. */
const recordOf = remembering((record): TokenKeys => {
  if (record === DEMO_RECORD) return DEMO;
  const all = [...SUITES.card, ...SUITES.server];
  const key = Uint8Array.from(
    { length: Limit.SHORTEST_KEY + (record % (Limit.LONGEST_KEY - Limit.SHORTEST_KEY + 1)) },
    (_, i) => (i * 7 + record * 31) & 0xff,
  );
  const unlockKey = Uint8Array.from({ length: Limit.UNLOCK_KEY }, (_, i) => (i * 13 + record * 17 + 5) & 0xff);
  return { suite: all[record % all.length] as string, key, unlockKey };
});

/** The record with that number, with the given PIN and tries. */
export function storedOf(record: number, pin: string, tries: number): Stored {
  const { suite } = recordOf(record);
  const serial = record === DEMO_RECORD ? DEMO.serial : `IB${String(5_000_000 + record)}`;
  return { record, check: suite.includes("-P") ? "server" : "card", tries, pin, serial, suite };
}

interface TransportKeys {
  readonly kvn: number;
  readonly enc: AesKey;
  readonly mac: AesKey;
  readonly dek: AesKey;
  /** The check values of the three. */
  readonly checks: readonly Uint8Array[];
}

/** Transport keys by number; 0: the public test keys. */
const keysetOf = remembering((number): TransportKeys => {
  const key = (part: number) =>
    Uint8Array.from({ length: PutKey.KEY }, (_, i) => (number * 37 + part * 11 + i * 3) & 0xff);
  const { enc, mac, dek } = number === 0 ? testKeys() : { enc: key(1), mac: key(2), dek: key(3) };
  const checks = [enc, mac, dek].map(kcv);
  return { kvn: kvnOf(number), enc: new AesKey(enc), mac: new AesKey(mac), dek: new AesKey(dek), checks };
});

/** Own keys have versions 01 to 7F. */
export function kvnOf(keys: number): number {
  return keys === 0 ? KeyVersion.TEST : KeyVersion.LOWEST + ((keys - 1) % KeyVersion.HIGHEST);
}

export class Host {
  #session: Session | undefined;
  #old: Session | undefined;
  #sessions = 0;
  /** The number and host challenge of an unanswered INITIALIZE UPDATE. */
  #beginning = 0;

  hello(): Made {
    return { bytes: encodeFrame(Channel.APDU, new Uint8Array()), frame: { kind: "hello" } };
  }

  /** An invalid frame: its CRC is wrong. */
  noise(): Made {
    const bytes = encodeFrame(Channel.APDU, Uint8Array.of(0x80, Ins.GET_DATA, 0xdf, 0x20));
    bytes[2] = (bytes[2] as number) ^ 1;
    return { bytes, frame: { kind: "noise" } };
  }

  /** A front panel asks for the screen. */
  panel(): Made {
    return { bytes: encodeFrame(Channel.PANEL, new Uint8Array()), frame: { kind: "panel" } };
  }

  initializeUpdate(kvn: number, p2 = 0): Made {
    this.#beginning = ++this.#sessions;
    const apdu = apduOf(Cla.GP, Ins.INITIALIZE_UPDATE, kvn, p2, HOST_CHALLENGE);
    return made(apdu, {
      ...{ cla: Cla.GP, ins: Ins.INITIALIZE_UPDATE, p1: kvn, p2, size: HOST_CHALLENGE.length },
      begins: this.#beginning,
    });
  }

  /** Takes the card's answer to INITIALIZE UPDATE. */
  begun(answer: Uint8Array): void {
    if (this.#session?.keys) this.#old = this.#session;
    this.#session = {
      ...{ number: this.#beginning, hostChallenge: HOST_CHALLENGE, cardChallenge: answer.slice(13, 21) },
      ...{ keys: undefined, level: 0, chaining: new Uint8Array(BLOCK), counter: 0 },
      ...{ cards: undefined, before: undefined },
    };
  }

  /** EXTERNAL AUTHENTICATE with the transport keys of that number. */
  externalAuthenticate(level: number, keys: number, spoilt: boolean): Made {
    const session = this.#session;
    const data = Buffer.alloc(2 * MAC_SIZE);
    const header = Uint8Array.of(Cla.GP_SECURE, Ins.EXTERNAL_AUTHENTICATE, level, 0, data.length);
    if (session) {
      const context = Buffer.concat([session.hostChallenge, session.cardChallenge]);
      session.keys = sessionKeys(keysetOf(keys), context);
      session.level = level;
      data.set(session.keys.mac.derive(Derive.HOST_CRYPTOGRAM, context, MAC_SIZE));
      session.chaining = session.keys.mac.mac(Buffer.concat([ZEROS, header, data.subarray(0, MAC_SIZE)]));
      session.counter = 0;
      // A second EXTERNAL AUTHENTICATE restarts the host's chain, but the card refuses it and continues its own.
      session.before = session.cards;
      session.cards ??= session.chaining;
      data.set(session.chaining.subarray(0, MAC_SIZE), MAC_SIZE);
    }
    if (spoilt) data[MAC_SIZE] = (data[MAC_SIZE] as number) ^ 1;
    return made(Buffer.concat([header, data]), {
      ...{ cla: Cla.GP_SECURE, ins: Ins.EXTERNAL_AUTHENTICATE, p1: level, p2: 0, size: data.length },
      proves: { keys, session: session?.number, spoilt },
    });
  }

  /** A command, sent plain or in the channel. */
  command(meant: Meant, known: Known, via: Via, spoilt?: Spoilt): Made {
    const { data, ...rest } = contents(meant, known);
    let asked: Asked = { cla: classOf(meant), ...rest, size: data.length };
    let bytes = data;
    if (spoilt === "size") [asked, bytes] = withSize(asked, bytes);
    if (spoilt === "parameters") asked = { ...asked, p2: asked.p2 ^ 0x40 };
    if (spoilt === "instruction") asked = { ...asked, ins: 0x77 };
    if (spoilt === "class") asked = { ...asked, cla: 0x90 };
    const { cla, ins, p1, p2 } = asked;
    if (via === "plain" || spoilt === "class") {
      const apdu = apduOf(cla, ins, p1, p2, bytes);
      return spoilt === "length field" ? made(broken(apdu), { ...asked, malformed: true }) : made(apdu, asked);
    }
    return this.#wrapped(asked, bytes, via, spoilt === "length field");
  }

  #wrapped(asked: Asked, data: Uint8Array, via: Exclude<Via, "plain">, malformed: boolean): Made {
    const session = via === "old session" ? this.#old : this.#session;
    const secure = { ...asked, cla: Cla.GP_SECURE };
    const { cla, ins, p1, p2 } = secure;
    if (!session?.keys) {
      const apdu = apduOf(cla, ins, p1, p2, Buffer.concat([data, new Uint8Array(MAC_SIZE)]));
      return made(apdu, { ...secure, secured: { session: undefined, spoilt: true } });
    }
    const inStep = session.cards !== undefined && sameBytes(session.chaining, session.cards);
    session.counter++;
    const encrypts = (session.level & Level.C_DECRYPTION) !== 0 && data.length > 0;
    const spoilsPadding = via === "wrong padding" && encrypts;
    const body = encrypts ? encrypted(session, data, spoilsPadding ? 0x01 : 0x80) : data;
    const header = Uint8Array.of(cla, ins, p1, p2, body.length + MAC_SIZE);
    session.chaining = session.keys.mac.mac(Buffer.concat([session.chaining, header, body]));
    const mac = session.chaining.slice(0, MAC_SIZE);
    const spoilsMac = via === "wrong MAC" || (via === "wrong padding" && !encrypts);
    if (spoilsMac) mac[0] = (mac[0] as number) ^ 0x80;
    const apdu = Buffer.concat([header, body, mac]);
    const spoilt = spoilsMac || spoilsPadding || !inStep;
    const facts = { ...secure, secured: { session: session.number, spoilt } };
    session.before = session.cards;
    if (!malformed && !spoilt) session.cards = session.chaining;
    return malformed ? made(broken(apdu), { ...facts, malformed: true }) : made(apdu, facts);
  }

  /** Called if a command got no answer: the card did not accept it. */
  lost(): void {
    if (this.#session) this.#session.cards = this.#session.before;
  }

  /** Removes secure messaging from an answer. Returns undefined if its MAC or padding is wrong. */
  unwrap(answer: Buffer, sw: number): Buffer | undefined {
    const session = this.#session;
    const isError = sw !== Sw.DONE && sw >> 8 !== 0x63;
    if (!session?.keys || isError || !(session.level & Level.R_MAC)) return answer;
    if (answer.length < MAC_SIZE) return undefined;
    const data = answer.subarray(0, -MAC_SIZE);
    const signed = Buffer.concat([session.chaining, data, Buffer.of(sw >> 8, sw & 0xff)]);
    const mac = session.keys.rmac.mac(signed).subarray(0, MAC_SIZE);
    if (!sameBytes(mac, answer.subarray(-MAC_SIZE))) return undefined;
    if (!(session.level & Level.R_ENCRYPTION) || data.length === 0) return data;
    if (data.length % BLOCK !== 0) return undefined;
    const plain = decryptCbc(session.keys.enc.bytes, counterBlock(session, 0x80), data);
    const end = plain.findLastIndex((byte) => byte !== 0);
    return plain[end] === 0x80 ? plain.subarray(0, end) : undefined;
  }
}

// ---- contents ----

type Contents = Omit<Asked, "cla" | "size"> & { readonly data: Uint8Array };

function contents(meant: Meant, known: Known): Contents {
  switch (meant.ins) {
    case "SELECT":
      return select(meant.application);
    case "GET_DATA":
      return { ins: Ins.GET_DATA, p1: meant.tag >> 8, p2: meant.tag & 0xff, data: new Uint8Array() };
    case "SELF_TEST":
      return { ins: Ins.SELF_TEST, p1: meant.test, p2: 0, data: new Uint8Array() };
    case "STORE_DATA":
      return storeData(meant.record, meant.wrong, known);
    case "INTERNAL_AUTHENTICATE": {
      const pin = pinOf(meant.pin, known);
      const facts = meant.pin === "letters" ? {} : { pin, challenge: meant.challenge };
      return { ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data: ascii(pin + meant.challenge), ...facts };
    }
    case "CHANGE_REFERENCE_DATA": {
      const pin = pinOf(meant.pin, known);
      const facts = meant.pin === "letters" ? {} : { pin, newPin: meant.newPin };
      return { ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0, data: ascii(pin + meant.newPin), ...facts };
    }
    case "RESET_RETRY_COUNTER": {
      const code = codeOf(meant.code, known);
      const facts = meant.code === "letters" ? {} : { code, newPin: meant.newPin };
      return { ins: Ins.RESET_RETRY_COUNTER, p1: 0, p2: 0, data: ascii(code + meant.newPin), ...facts };
    }
    case "PUT_KEY":
      return putKey(meant.keys, meant.short, meant.wrong, known);
    case "SET_STATUS":
      return { ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: meant.life, data: new Uint8Array() };
  }
}

function select(application: "named" | "default" | "other"): Contents {
  const aid = Buffer.from("a000000151000000", "hex");
  if (application === "other") aid[7] = 1;
  const data = application === "default" ? new Uint8Array() : aid;
  return { ins: Ins.SELECT, p1: SELECT_BY_NAME, p2: 0, data, otherApplication: application === "other" };
}

function storeData(record: Stored, wrong: RecordFault | undefined, known: Known): Contents {
  const { key, unlockKey } = recordOf(record.record);
  const plain = Buffer.alloc(RecordAt.SIZE);
  plain[RecordAt.PIN_CHECK] = record.check === "card" ? PinCheck.CARD : PinCheck.SERVER;
  plain[RecordAt.TRIES] = record.tries;
  plain[RecordAt.KEY_LENGTH] = key.length;
  plain[RecordAt.SUITE_LENGTH] = record.suite.length;
  plain.write(record.serial, RecordAt.SERIAL, "ascii");
  plain.write(record.suite, RecordAt.SUITE, "ascii");
  plain.set(key, RecordAt.KEY);
  plain.set(unlockKey, RecordAt.UNLOCK_KEY);
  plain.write(record.pin, RecordAt.PIN, "ascii");
  if (wrong === "tries") plain[RecordAt.TRIES] = Limit.MOST_TRIES + 1;
  if (wrong === "key length") plain[RecordAt.KEY_LENGTH] = Limit.SHORTEST_KEY - 1;
  if (wrong === "suite") plain.write("X", RecordAt.SUITE, "ascii");
  if (wrong === "pin") plain.write("x", RecordAt.PIN + 1, "ascii");
  if (wrong === "check") plain[RecordAt.PIN_CHECK] = record.check === "card" ? PinCheck.SERVER : PinCheck.CARD;
  const secrets = keysetOf(known.keys).dek.encryptCbc(ZEROS, plain.subarray(RecordAt.SECRETS));
  const data = Buffer.concat([plain.subarray(0, RecordAt.SECRETS), secrets]);
  return { ins: Ins.STORE_DATA, p1: ONE_ENCRYPTED_BLOCK, p2: 0, data, ...(wrong ? {} : { record }) };
}

function putKey(keys: number, short: boolean, wrong: "kcv" | "version" | undefined, known: Known): Contents {
  const { kvn, enc, mac, dek, checks } = keysetOf(keys);
  const { dek: old } = keysetOf(known.keys);
  const blocks = [enc, mac, dek].map((key, at) => {
    const check = Uint8Array.from(checks[at] as Uint8Array);
    if (wrong === "kcv") check[2] = (check[2] as number) ^ 1;
    const head = short ? [PutKey.TYPE_AES, PutKey.KEY] : [PutKey.TYPE_AES, PutKey.KEY + 1, PutKey.KEY];
    return Buffer.concat([Uint8Array.from(head), old.encryptBlock(key.bytes), Buffer.of(PutKey.CHECK), check]);
  });
  const version = wrong === "version" ? KeyVersion.HIGHEST + 1 : kvn;
  const data = Buffer.concat([Buffer.of(version), ...blocks]);
  // Keys that replace the test keys may also be added, as any other keyset is.
  const p1 = known.kvn === KeyVersion.TEST && keys % 2 === 0 ? 0 : known.kvn;
  return { ins: Ins.PUT_KEY, p1, p2: ALL_KEYS, data, ...(wrong ? {} : { keyset: { kvn, keys } }) };
}

function pinOf(choice: PinChoice, { pin }: Known): string {
  if (choice === "letters") return "12x4";
  return choice === "right" && pin !== "" ? pin : wrongPinFor(pin);
}

/** A PIN that differs from this one and is not weak. */
export function wrongPinFor(pin: string): string {
  return pin === "8351" ? "6072" : "8351";
}

function codeOf(choice: CodeChoice, known: Known): string {
  if (choice === "letters") return "1234567x";
  const right = rightCode(known);
  return choice === "right" && right ? right : wrongCodeFor(right);
}

/** The unlock code, if the lock code was seen. */
export function rightCode({ lockCode, record }: Known): string | undefined {
  return lockCode === undefined || record === 0 ? undefined : ORACLE.unlockCode(record, lockCode);
}

export function wrongCodeFor(right: string | undefined): string {
  return right === "13572468" ? "86427531" : "13572468";
}

// ---- bytes ----

function withSize(asked: Asked, data: Uint8Array): [Asked, Uint8Array] {
  const { cla, ins, p1, p2, otherApplication } = asked;
  const bytes = Buffer.concat([data, Buffer.of(0x5a)]);
  const isSelect = ins === Ins.SELECT;
  return [{ cla, ins, p1, p2, size: bytes.length, otherApplication: isSelect || otherApplication === true }, bytes];
}

function classOf({ ins }: Meant): number {
  return ins === "SELECT" ? Cla.ISO : Cla.GP;
}

function apduOf(cla: number, ins: number, p1: number, p2: number, data: Uint8Array): Buffer {
  if (data.length === 0) return Buffer.of(cla, ins, p1, p2);
  return Buffer.concat([Buffer.of(cla, ins, p1, p2, data.length), data]);
}

/** A copy whose Lc is larger than the data. */
function broken(apdu: Buffer): Buffer {
  const bytes = apdu.length > 5 ? Buffer.from(apdu) : Buffer.concat([apdu.subarray(0, 4), Buffer.of(9, 1, 2)]);
  bytes[4] = 0xf0;
  return bytes;
}

function made(apdu: Uint8Array, asked: Asked): Made {
  return { bytes: encodeFrame(Channel.APDU, apdu), frame: { kind: "command", asked } };
}

/** The session keys (GPC_SPE_014 §6.2.1). */
function sessionKeys({ enc, mac }: TransportKeys, context: Uint8Array): SessionKeys {
  return {
    enc: new AesKey(enc.derive(Derive.S_ENC, context, BLOCK)),
    mac: new AesKey(mac.derive(Derive.S_MAC, context, BLOCK)),
    rmac: new AesKey(mac.derive(Derive.S_RMAC, context, BLOCK)),
  };
}

function encrypted(session: Session, data: Uint8Array, mark: number): Uint8Array {
  const padded = Buffer.alloc((Math.floor(data.length / BLOCK) + 1) * BLOCK, mark === 0x80 ? 0 : mark);
  padded.set(data);
  padded[data.length] = mark;
  return (session.keys as SessionKeys).enc.encryptCbc(counterBlock(session, 0x00), padded);
}

function counterBlock(session: Session, mark: number): Uint8Array {
  const counter = Buffer.alloc(BLOCK);
  counter.writeUInt32BE(session.counter, BLOCK - 4);
  counter[0] = mark;
  return (session.keys as SessionKeys).enc.encryptBlock(counter);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function ascii(text: string): Buffer {
  return Buffer.from(text, "ascii");
}

/** Tags for GET DATA; the last one does not exist. */
export const TAGS: readonly number[] = [
  ...[Tag.SERIAL, Tag.KEY_INFORMATION, Tag.STATUS, Tag.FIRMWARE, Tag.SUITE, Tag.SUITES, Tag.CARD_ID, 0xdf99],
];
