// The status that a card reports to anybody by GET DATA (docs/PROTOCOL.md): parses its data objects, and describes them
// in words. Uses no API of Node.

import {
  CARD_ID_SIZE,
  FirmwareAt,
  Kind,
  Life,
  Lock,
  PinCheck,
  PutKey,
  StatusAt,
  SuitesAt,
  Tag,
} from "../../firmware/wire.js";
import { counted } from "../files/counted.js";
import { CardInError } from "../files/errors.js";
import { toHex } from "../files/hex.js";
import { BadAnswer } from "./errors.js";
import type { HashName } from "./hashes.js";

const HOSTS = {
  [Kind.PRODUCTION]: "production",
  [Kind.DEVELOPMENT]: "development",
  [Kind.SIMULATOR]: "simulator",
} as const;
const LIVES = {
  [Life.BLANK]: "blank",
  [Life.SEEDED]: "seeded",
  [Life.PERSONALIZED]: "personalized",
} as const;
const LOCKS = {
  [Lock.NONE]: "none",
  [Lock.LOCKED]: "locked",
  [Lock.BLOCKED]: "blocked",
} as const;
/** The value for a blank card, where nobody checks a PIN. */
const NO_PIN_CHECK = 0;
const PIN_CHECKS = {
  [NO_PIN_CHECK]: "none",
  [PinCheck.CARD]: "card",
  [PinCheck.SERVER]: "server",
} as const;
/** Hashes in the order of their bits (docs/PROTOCOL.md, GET DATA). */
const HASHES: readonly HashName[] = ["SHA1", "SHA256", "SHA512"];

/** The suites that a card supports. */
export interface SuiteSupport {
  readonly hashes: readonly HashName[];
  /** Hashes for P; a suite without P is always supported. */
  readonly pinHashes: readonly HashName[];
  /** Digits of the response. */
  readonly digits: number;
  /** Digits of the challenge. */
  readonly challenge: number;
}

/** Everything that a card reports to anybody. */
export interface CardStatus {
  readonly serial: string | undefined;
  /** The key version number of its transport keys. */
  readonly kvn: number;
  /** Whether they are the public test keys. */
  readonly testKeys: boolean;
  readonly life: "blank" | "seeded" | "personalized";
  readonly lock: (typeof LOCKS)[Lock];
  readonly pinCheck: (typeof PIN_CHECKS)[PinCheck | typeof NO_PIN_CHECK];
  readonly tries: number;
  readonly triesLeft: number;
  readonly unlockTriesLeft: number;
  /** In mV. */
  readonly battery: number;
  /**
   * The card id in hexadecimal, which stays the same until the card is wiped. undefined: the first release has none.
   */
  readonly id: string | undefined;
  readonly firmware: { readonly version: string; readonly hash: string };
  /** The kind of host that the card reports. undefined: the first release does not report it. */
  readonly kind: (typeof HOSTS)[Kind] | undefined;
  readonly suite: string | undefined;
  readonly suites: SuiteSupport;
}

/** Reads a data object; undefined if the card has none. */
export type ReadObject = (tag: number) => Promise<Uint8Array | undefined>;

/**
 * Reads everything that a card reports to anybody. Throws CardInError if the card is in ERROR, and BadAnswer for an
 * impossible answer.
 */
export async function readStatus(read: ReadObject): Promise<CardStatus> {
  const needed = async (tag: number) => {
    const data = await read(tag);
    if (!data) throw new BadAnswer("GET DATA: the card lacks a data object that every card has");
    return data;
  };
  const status = parseStatus(await needed(Tag.STATUS));
  const serial = parseText(await read(Tag.SERIAL));
  const kvn = parseKeyInformation(await needed(Tag.KEY_INFORMATION));
  const firmware = parseFirmware(await needed(Tag.FIRMWARE));
  const id = parseId(await read(Tag.CARD_ID));
  const suite = parseText(await read(Tag.SUITE));
  const suites = parseSuites(await needed(Tag.SUITES));
  return { ...status, ...firmware, serial, kvn, id, suite, suites };
}

/** The card id in hexadecimal. */
export function parseId(data: Uint8Array | undefined): string | undefined {
  if (data && data.length !== CARD_ID_SIZE) throw new BadAnswer("GET DATA: the card id has a wrong length");
  return data && toHex(data);
}

/** A data object in ASCII, fit for a terminal. */
function parseText(data: Uint8Array | undefined): string | undefined {
  const text = data && String.fromCharCode(...data);
  if (text !== undefined && !/^[!-~]{1,64}$/.test(text)) throw new BadAnswer("GET DATA: a text object is not text");
  return text;
}

/** The key version number of E0: three entries C0 04 id kvn 88 10, all of the same version. */
function parseKeyInformation(data: Uint8Array): number {
  const kvn = data[5] ?? 0;
  const entry = (id: number) => [0xc0, 0x04, id, kvn, PutKey.TYPE_AES, PutKey.KEY];
  const expected = [0xe0, 0x12, ...entry(1), ...entry(2), ...entry(3)];
  if (data.length !== expected.length || !expected.every((byte, at) => byte === data[at]))
    throw new BadAnswer("GET DATA: the key information is malformed");
  return kvn;
}

type Status = Omit<CardStatus, "serial" | "kvn" | "id" | "firmware" | "kind" | "suite" | "suites">;

function parseStatus(data: Uint8Array): Status {
  if (data.length !== StatusAt.SIZE) throw new BadAnswer("GET DATA: the status is malformed");
  const at = (where: StatusAt) => data[where] as number;
  if (at(StatusAt.ERROR) !== 0) throw new CardInError(at(StatusAt.ERROR));
  // In the first release a card in ERROR reports neither its life nor the error.
  if (at(StatusAt.LIFE) === 0) throw new CardInError(undefined);
  const life = LIVES[at(StatusAt.LIFE) as Life];
  const lock = LOCKS[at(StatusAt.LOCK) as Lock];
  const pinCheck = PIN_CHECKS[at(StatusAt.PIN_CHECK) as PinCheck];
  if (!life || !lock || !pinCheck) throw new BadAnswer("GET DATA: the status is malformed");
  return {
    life,
    lock,
    pinCheck,
    tries: at(StatusAt.TRIES),
    triesLeft: at(StatusAt.TRIES_LEFT),
    unlockTriesLeft: at(StatusAt.CODE_TRIES_LEFT),
    testKeys: at(StatusAt.TEST_KEYS) === 1,
    battery: new DataView(data.buffer, data.byteOffset).getUint16(StatusAt.BATTERY),
  };
}

/** Version and hash; after the first release also the kind of host. */
function parseFirmware(data: Uint8Array): Pick<CardStatus, "firmware" | "kind"> {
  if (data.length !== FirmwareAt.KIND && data.length !== FirmwareAt.SIZE)
    throw new BadAnswer("GET DATA: the firmware's version has a wrong length");
  const kind = HOSTS[data[FirmwareAt.KIND] as Kind];
  if (data.length === FirmwareAt.SIZE && kind === undefined) throw new BadAnswer("GET DATA: unknown kind of host");
  const version = [...data.subarray(FirmwareAt.VERSION, FirmwareAt.HASH)].join(".");
  return { firmware: { version, hash: toHex(data.subarray(FirmwareAt.HASH, FirmwareAt.KIND)) }, kind };
}

function parseSuites(data: Uint8Array): SuiteSupport {
  if (data.length !== SuitesAt.SIZE) throw new BadAnswer("GET DATA: the list of suites has a wrong length");
  const at = (where: SuitesAt) => data[where] as number;
  const named = (bits: number) => HASHES.filter((_, bit) => bits & (1 << bit));
  return {
    hashes: named(at(SuitesAt.HASHES)),
    pinHashes: named(at(SuitesAt.PIN_HASHES)),
    digits: at(SuitesAt.DIGITS),
    challenge: at(SuitesAt.CHALLENGE),
  };
}

/** A fact for people; `tone` says whether it is good or bad. */
export interface Fact {
  readonly label: string;
  readonly value: string;
  readonly tone?: "good" | "careful" | "bad";
}

/** All facts, in the order of display. */
export function factsOf(status: CardStatus): Fact[] {
  const { serial, firmware, battery } = status;
  const fact = (label: string, value: string) => ({ label, value });
  return [
    fact("serial", serial ?? "none yet"),
    fact("card id", status.id ?? "none (firmware of the first release)"),
    { label: "state", ...describeState(status) },
    fact("suite", status.suite ?? "none yet"),
    fact("PIN", describePin(status)),
    { label: "transport keys", ...describeKeys(status) },
    fact("battery", `${battery} mV`),
    fact("firmware", `${firmware.version}, ${firmware.hash}`),
    { label: "runs in", ...describeKind(status) },
    fact("suites", describeSuites(status.suites)),
  ];
}

type Said = Omit<Fact, "label">;

function describeState({ life, lock }: CardStatus): Said {
  if (lock !== "none") return { value: `${life}, ${lock}`, tone: "bad" };
  return life === "personalized" ? { value: life, tone: "good" } : { value: `${life} (shows NO KEY)` };
}

function describePin({ life, pinCheck, tries, triesLeft, unlockTriesLeft }: CardStatus): string {
  if (life === "blank" || pinCheck === "none") return "none yet";
  if (pinCheck === "server") return "checked by the server";
  return `checked by the card, ${triesLeft} of ${counted(tries, "try", "tries")} left, ${counted(unlockTriesLeft, "unlock code")}`;
}

function describeKeys({ testKeys, kvn }: CardStatus): Said {
  return testKeys ? { value: `version ${kvn}, the public test keys`, tone: "careful" } : { value: `version ${kvn}` };
}

function describeKind({ kind }: CardStatus): Said {
  if (kind === undefined) return { value: "not reported (firmware of the first release)" };
  if (kind === "simulator") return { value: "the simulator" };
  const image = `a ${kind} image`;
  return kind === "development" ? { value: `${image}: no key belongs on it`, tone: "careful" } : { value: image };
}

function describeSuites({ hashes, pinHashes, digits, challenge }: SuiteSupport): string {
  const p = pinHashes.length > 0 ? `[-P{${pinHashes.join(",")}}]` : "";
  return `OCRA-1:HOTP-{${hashes.join(",")}}-${digits}:QN${String(challenge).padStart(2, "0")}${p}`;
}
