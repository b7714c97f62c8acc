// What a host can ask of a card: the commands of docs/PROTOCOL.md with types on them.
//
// A secure channel that met an error is forgotten, keys zeroed: a command inside one is never sent again. Who gets
// an error opens a new channel and reads the status, which says what became true.

import { randomBytes } from "node:crypto";
import {
  ALL_KEYS,
  CARD_ID_SIZE,
  Cla,
  Digits,
  FirmwareAt,
  Ins,
  ISSUER_DOMAIN,
  Kind,
  Life,
  Lock,
  ONE_ENCRYPTED_BLOCK,
  PinCheck,
  PutKey,
  Scp03Size,
  SELECT_BY_NAME,
  SetStatusP2,
  StatusAt,
  SuitesAt,
  Sw,
  Tag,
  SelfTest as Test,
} from "../../firmware/wire.js";
import { CardInError } from "../files/errors.js";
import { concatSecrets } from "../files/secretbytes.js";
import {
  ANY,
  BadAnswer,
  CardRefused,
  type Command,
  commandName,
  decodeResponse,
  encodeCommand,
  type Response,
} from "./apdu.js";
import type { HashName } from "./hashes.js";
import type { Link } from "./link.js";
import { AuthenticationFailed, initializeUpdate, parseCardHello, SecureChannel, type SecurityLevel } from "./scp03.js";
import { digits, encodeRecord, type StoredRecord } from "./storedata.js";
import { type Keyset, putKeyAnswer, putKeyData } from "./transportkeys.js";

export { encodeRecord, type PersonalizationRecord, ValueError } from "./storedata.js";

/** A card holds its answer to a wrong EXTERNAL AUTHENTICATE for up to 64 s (ms). */
const AUTHENTICATION_TIME = 70_000;
const AUTHENTICATION_WAIT =
  `the card to accept the transport keys: after wrong ones it holds its answer back, for up to 64 s ` +
  `(given up after ${AUTHENTICATION_TIME / 1000} s)`;

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
/** A blank card has nobody who judges a PIN. */
const NO_PIN_CHECK = 0;
const PIN_CHECKS = {
  [NO_PIN_CHECK]: "none",
  [PinCheck.CARD]: "card",
  [PinCheck.SERVER]: "server",
} as const;
/** Hashes in the order of their bits (docs/PROTOCOL.md, GET DATA). */
const HASHES: readonly HashName[] = ["SHA1", "SHA256", "SHA512"];

/** Self-tests (docs/PROTOCOL.md, SELF TEST): P1, and how many bytes the answer has. */
const SELF_TESTS = {
  screen: { p1: Test.SCREEN, size: 0 },
  keys: { p1: Test.KEYS, size: 2 },
  battery: { p1: Test.BATTERY, size: 2 },
  flash: { p1: Test.FLASH, size: 1 },
  random: { p1: Test.RANDOM, size: 1 },
  crypto: { p1: Test.CRYPTO, size: 1 },
} as const;
export type SelfTest = keyof typeof SELF_TESTS;

/** Which suites a card does. */
export interface SuiteSupport {
  readonly hashes: readonly HashName[];
  /** Of P; a suite without P is always done. */
  readonly pinHashes: readonly HashName[];
  /** Of the response. */
  readonly digits: number;
  /** Digits of the challenge. */
  readonly challenge: number;
}

/** All that a card tells anybody. */
export interface CardStatus {
  readonly serial: string | undefined;
  /** The key version number of its transport keys. */
  readonly kvn: number;
  /** Whether those are the public test keys. */
  readonly testKeys: boolean;
  readonly life: "blank" | "seeded" | "personalized";
  readonly lock: (typeof LOCKS)[Lock];
  readonly pinCheck: (typeof PIN_CHECKS)[PinCheck | typeof NO_PIN_CHECK];
  readonly tries: number;
  readonly triesLeft: number;
  readonly unlockTriesLeft: number;
  /** In mV. */
  readonly battery: number;
  /** The card id in hexadecimal: the same until the card is wiped. Undefined: the first release has none. */
  readonly id: string | undefined;
  readonly firmware: { readonly version: string; readonly hash: string };
  /** What the card says that its firmware runs in. Undefined: the first release does not say. */
  readonly kind: (typeof HOSTS)[Kind] | undefined;
  readonly suite: string | undefined;
  readonly suites: SuiteSupport;
}

/** Two parts in one, themselves wiped. */
function joined(first: Buffer, second: Buffer): Buffer {
  const both = concatSecrets(first, second);
  first.fill(0);
  second.fill(0);
  return both;
}

export class CardClient {
  readonly link: Link;
  #channel: SecureChannel | undefined;
  #kvn = 0;
  /** Whether the channel's keys are fit for a token key, an unlock key or a PIN. */
  #secrets = false;

  constructor(link: Link) {
    this.link = link;
  }

  /** The level of the secure channel that is open; nothing where none is. */
  get level(): SecurityLevel | undefined {
    return this.#channel?.level;
  }

  /** Waits until the card answers. Returns the version of its protocol. */
  hello(): Promise<number> {
    return this.link.hello();
  }

  /** Reads all that the card tells anybody. Throws CardInError where that is an error. */
  async readStatus(): Promise<CardStatus> {
    const status = parseStatus(await this.#getData(Tag.STATUS));
    const serial = await this.#findText(Tag.SERIAL);
    const kvn = parseKeyInformation(await this.#getData(Tag.KEY_INFORMATION));
    const firmware = parseFirmware(await this.#getData(Tag.FIRMWARE));
    const id = await this.readId();
    const suite = await this.#findText(Tag.SUITE);
    const suites = parseSuites(await this.#getData(Tag.SUITES));
    return {
      ...status,
      ...firmware,
      serial,
      kvn,
      id,
      suite,
      suites,
    };
  }

  /** The card id in hexadecimal: whether it is still the same card. */
  async readId(): Promise<string | undefined> {
    const id = await this.#findData(Tag.CARD_ID);
    if (id && id.length !== CARD_ID_SIZE) throw new BadAnswer("GET DATA: the card id has a wrong length");
    return id?.toString("hex");
  }

  /**
   * Opens a secure channel, in place of one that may be open. Throws AuthenticationFailed where the keys differ.
   * Without `secrets` the channel takes no command that carries a token key, an unlock key or a PIN.
   */
  async openChannel(level: SecurityLevel, keyset: Keyset, { secrets = true } = {}): Promise<void> {
    this.#forgetChannel();
    const challenge = randomBytes(Scp03Size.CHALLENGE);
    const hello = parseCardHello(await this.#initialize(keyset.kvn, challenge));
    if (hello.kvn !== keyset.kvn) throw new BadAnswer("INITIALIZE UPDATE: the card chose another keyset");
    const channel = new SecureChannel(keyset, level, challenge, hello);
    try {
      await this.#authenticate(channel.externalAuthenticate);
    } catch (error) {
      channel.close();
      throw error;
    }
    this.#channel = channel;
    this.#kvn = keyset.kvn;
    this.#secrets = secrets;
  }

  async #initialize(kvn: number, challenge: Uint8Array): Promise<Buffer> {
    try {
      return await this.#send(initializeUpdate(kvn, challenge));
    } catch (error) {
      if (!(error instanceof CardRefused) || error.sw !== Sw.NO_SUCH_DATA) throw error;
      throw new AuthenticationFailed(`the card has no transport keys of version ${kvn}`);
    }
  }

  /** Closes the secure channel on both sides. */
  async closeChannel(): Promise<void> {
    this.#forgetChannel();
    await this.#send({ cla: Cla.ISO, ins: Ins.SELECT, p1: SELECT_BY_NAME, p2: 0x00, le: ANY });
  }

  /** Seeds the card. Needs level 33. */
  async storeData(record: StoredRecord, dek: Uint8Array): Promise<void> {
    this.#mustTakeSecrets();
    await this.#send({
      cla: Cla.GP,
      ins: Ins.STORE_DATA,
      p1: ONE_ENCRYPTED_BLOCK,
      p2: 0x00,
      data: encodeRecord(record, dek),
    });
  }

  /** The response that the card shows for a PIN and a challenge. Needs level 33; a wrong PIN spends a try. */
  async prove(pin: string | Uint8Array, challenge: string): Promise<string> {
    this.#mustTakeSecrets();
    const data = joined(digits("a PIN", pin, Digits.PIN), digits("a challenge", challenge, Digits.CHALLENGE));
    const answer = await this.#sendOnce({ cla: Cla.GP, ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data, le: ANY });
    const response = answer.toString("ascii");
    if (!/^[0-9]{8}$/.test(response)) throw new BadAnswer("INTERNAL AUTHENTICATE: the response is not eight digits");
    return response;
  }

  /** Replaces the transport keys; `dek` is the one there is. Needs level 33. The channel stays as it is. */
  async putKey(fresh: Keyset, dek: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const data = putKeyData(fresh, dek);
    const answer = await this.#send({ cla: Cla.GP, ins: Ins.PUT_KEY, p1: this.#kvn, p2: ALL_KEYS, data, le: ANY });
    if (!answer.equals(putKeyAnswer(fresh))) throw new BadAnswer("PUT KEY: the card answers with other check values");
    this.#kvn = fresh.kvn;
  }

  /** Makes a seeded card a personalized one. Needs level 03, 13 or 33. */
  async setPersonalized(): Promise<void> {
    await this.#send({ cla: Cla.GP, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.PERSONALIZED });
  }

  /** Back to NO KEY; serial number and transport keys stay. Needs level 03, 13 or 33. */
  async wipe(): Promise<void> {
    await this.#send({ cla: Cla.GP, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.WIPED });
  }

  /** Needs level 03, 13 or 33; a wrong PIN spends a try. */
  async changePin(old: string, fresh: string): Promise<void> {
    this.#mustTakeSecrets();
    const data = joined(digits("the old PIN", old, Digits.PIN), digits("the new PIN", fresh, Digits.PIN));
    await this.#sendOnce({ cla: Cla.GP, ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0, data });
  }

  /** A new PIN for an unlock code. Needs level 03, 13 or 33; a wrong code spends a try. */
  async unlock(code: string, pin: string): Promise<void> {
    this.#mustTakeSecrets();
    const data = joined(digits("an unlock code", code, Digits.CODE), digits("the new PIN", pin, Digits.PIN));
    await this.#sendOnce({ cla: Cla.GP, ins: Ins.RESET_RETRY_COUNTER, p1: 0, p2: 0, data });
  }

  /**
   * A bench test. `keys`: bit n is key n; `battery`: mV; `flash`: pages that are good; `random`, `crypto`: 1 good;
   * `screen`: 0. `flash` needs level 03, 13 or 33.
   */
  async selfTest(test: SelfTest): Promise<number> {
    const { p1, size } = SELF_TESTS[test];
    const le = size ? ANY : undefined;
    const answer = await this.#send({ cla: Cla.GP, ins: Ins.SELF_TEST, p1, p2: 0x00, ...(le && { le }) });
    if (answer.length !== size) throw new BadAnswer("SELF TEST: the answer has a wrong length");
    return size ? answer.readUIntBE(0, size) : 0;
  }

  /** A data object in ASCII, fit for a terminal; nothing where the card has none. */
  async #findText(tag: number): Promise<string | undefined> {
    const text = (await this.#findData(tag))?.toString("latin1");
    if (text !== undefined && !/^[!-~]{1,64}$/.test(text)) throw new BadAnswer("GET DATA: what should be text is none");
    return text;
  }

  /** A data object; nothing where the card has none. */
  async #findData(tag: number): Promise<Buffer | undefined> {
    try {
      return await this.#getData(tag);
    } catch (error) {
      if (error instanceof CardRefused && error.sw === Sw.NO_SUCH_DATA) return undefined;
      throw error;
    }
  }

  #getData(tag: number): Promise<Buffer> {
    return this.#send({ cla: Cla.GP, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff, le: ANY });
  }

  /** Sends a command whose data is secret, and wipes that. */
  async #sendOnce(command: Command): Promise<Buffer> {
    try {
      return await this.#send(command);
    } finally {
      command.data?.fill(0);
    }
  }

  /** Sends a command, inside the channel where one is open. Returns the data; throws where the card refuses. */
  async #send(command: Command): Promise<Buffer> {
    const { data, sw } = this.#channel
      ? await this.#sendInside(this.#channel, command)
      : await this.#sendPlain(command);
    refuseError(sw);
    if (sw !== Sw.DONE) throw new CardRefused(commandName(command.ins), sw);
    return data;
  }

  async #sendPlain(command: Command): Promise<Response<Buffer>> {
    return decodeResponse(await this.link.exchange(encodeCommand(command), { again: true }));
  }

  async #sendInside(channel: SecureChannel, command: Command): Promise<Response<Buffer>> {
    try {
      const response = channel.unwrap(decodeResponse(await this.link.exchange(encodeCommand(channel.wrap(command)))));
      // The card closed its side (docs/PROTOCOL.md, Secure channel).
      if (response.sw === Sw.NOT_IN_THIS_CHANNEL || response.sw === Sw.WRONG_SECURE_MESSAGING) this.#forgetChannel();
      return response;
    } catch (error) {
      this.#forgetChannel();
      throw error;
    }
  }

  /** Sent once only: a second one would be refused, its channel being open or gone. */
  async #authenticate(command: Command): Promise<void> {
    const bytes = await this.link.exchange(encodeCommand(command), {
      time: AUTHENTICATION_TIME,
      waitingFor: AUTHENTICATION_WAIT,
    });
    const { sw } = decodeResponse(bytes);
    refuseError(sw);
    if (sw === Sw.NOT_AUTHENTIC) throw new AuthenticationFailed("the card does not accept these transport keys");
    if (sw !== Sw.DONE) throw new CardRefused(commandName(command.ins), sw);
  }

  /** The caller's plan is wrong where this throws. */
  #mustTakeSecrets(): void {
    this.#mustBeOpen();
    if (!this.#secrets) throw new Error("no secret is sent under these transport keys");
  }

  #mustBeOpen(): void {
    if (!this.#channel) throw new Error("a secret is sent over a secure channel only");
  }

  #forgetChannel(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}

/** The key version number of E0: three entries C0 04 id kvn 88 10, of one version. */
function parseKeyInformation(data: Buffer): number {
  const kvn = data[5] ?? 0;
  const entry = (id: number) => [0xc0, 0x04, id, kvn, PutKey.TYPE_AES, PutKey.KEY];
  const expected = Buffer.from([0xe0, 0x12, ...entry(1), ...entry(2), ...entry(3)]);
  if (!data.equals(expected)) throw new BadAnswer("GET DATA: the key information is not as it must be");
  return kvn;
}

/** 6F00 and the number of the card's ERROR. */
function refuseError(sw: number): void {
  if (sw >> 8 === Sw.ERROR >> 8) throw new CardInError(sw & 0xff);
}

type Status = Omit<CardStatus, "serial" | "kvn" | "id" | "firmware" | "kind" | "suite" | "suites">;

function parseStatus(data: Buffer): Status {
  if (data.length !== StatusAt.SIZE) throw new BadAnswer("GET DATA: the status is not as it must be");
  const at = (where: StatusAt) => data[where] as number;
  if (at(StatusAt.ERROR) !== 0) throw new CardInError(at(StatusAt.ERROR));
  // In the first release a card in ERROR tells no life, and no error either.
  if (at(StatusAt.LIFE) === 0) throw new CardInError(undefined);
  const life = LIVES[at(StatusAt.LIFE) as Life];
  const lock = LOCKS[at(StatusAt.LOCK) as Lock];
  const pinCheck = PIN_CHECKS[at(StatusAt.PIN_CHECK) as PinCheck];
  if (!life || !lock || !pinCheck) throw new BadAnswer("GET DATA: the status is not as it must be");
  return {
    life,
    lock,
    pinCheck,
    tries: at(StatusAt.TRIES),
    triesLeft: at(StatusAt.TRIES_LEFT),
    unlockTriesLeft: at(StatusAt.CODE_TRIES_LEFT),
    testKeys: at(StatusAt.TEST_KEYS) === 1,
    battery: data.readUInt16BE(StatusAt.BATTERY),
  };
}

/** Version and hash; after the first release also the kind of host. */
function parseFirmware(data: Buffer): Pick<CardStatus, "firmware" | "kind"> {
  if (data.length !== FirmwareAt.KIND && data.length !== FirmwareAt.SIZE)
    throw new BadAnswer("GET DATA: the firmware's version has a wrong length");
  const kind = HOSTS[data[FirmwareAt.KIND] as Kind];
  if (data.length === FirmwareAt.SIZE && kind === undefined)
    throw new BadAnswer("GET DATA: there is no such kind of host");
  const version = [...data.subarray(FirmwareAt.VERSION, FirmwareAt.HASH)].join(".");
  return { firmware: { version, hash: data.subarray(FirmwareAt.HASH, FirmwareAt.KIND).toString("hex") }, kind };
}

function parseSuites(data: Buffer): SuiteSupport {
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
