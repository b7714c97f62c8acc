// The card's commands for a host: those of docs/PROTOCOL.md, with types.
//
// After an error the secure channel is dropped and its keys are zeroed, since a command inside one must never be sent
// again. After an error, the caller opens a new channel and reads the status to see what took effect.

import { randomBytes } from "node:crypto";
import {
  ALL_KEYS,
  Cla,
  Digits,
  Ins,
  ISSUER_DOMAIN,
  ONE_ENCRYPTED_BLOCK,
  Scp03Size,
  SELECT_BY_NAME,
  SetStatusP2,
  Sw,
  Tag,
  SelfTest as Test,
} from "../../firmware/wire.js";
import { CardInError } from "../files/errors.js";
import { concatSecrets } from "../files/secretbytes.js";
import { ANY, type Command, decodeResponse, encodeCommand, type Response, refusal } from "./apdu.js";
import { type CardStatus, parseId, readStatus } from "./cardstatus.js";
import { AuthenticationFailed, BadAnswer, CardRefused } from "./errors.js";
import type { Link } from "./link.js";
import { initializeUpdate, parseCardHello, SecureChannel, type SecurityLevel } from "./scp03.js";
import { digits, encodeRecord, type StoredRecord } from "./storedata.js";
import { type Keyset, putKeyAnswer, putKeyData } from "./transportkeys.js";

export type { CardStatus, SuiteSupport } from "./cardstatus.js";
export { encodeRecord, type PersonalizationRecord } from "./storedata.js";

/** A card delays its answer to a wrong EXTERNAL AUTHENTICATE by up to 64 s (ms). */
const AUTHENTICATION_TIME = 70_000;
const AUTHENTICATION_WAIT =
  `the card to accept the transport keys: after wrong keys it delays its answer by up to 64 s ` +
  `(given up after ${AUTHENTICATION_TIME / 1000} s)`;

/** Self-tests (docs/PROTOCOL.md, SELF TEST): P1, and the size of the answer in bytes. */
const SELF_TESTS = {
  screen: { p1: Test.SCREEN, size: 0 },
  keys: { p1: Test.KEYS, size: 2 },
  battery: { p1: Test.BATTERY, size: 2 },
  flash: { p1: Test.FLASH, size: 1 },
  random: { p1: Test.RANDOM, size: 1 },
  crypto: { p1: Test.CRYPTO, size: 1 },
} as const;
export type SelfTest = keyof typeof SELF_TESTS;

/** Joins two parts and wipes them. */
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
  /** Whether the channel's keys may protect a token key, an unlock key or a PIN. */
  #secrets = false;

  constructor(link: Link) {
    this.link = link;
  }

  /** The level of the open secure channel; undefined if none is open. */
  get level(): SecurityLevel | undefined {
    return this.#channel?.level;
  }

  /** Waits until the card answers. Returns its protocol version. */
  hello(): Promise<number> {
    return this.link.hello();
  }

  /** Reads everything that the card reports to anybody. Throws CardInError if the card is in ERROR. */
  readStatus(): Promise<CardStatus> {
    return readStatus((tag) => this.#findData(tag));
  }

  /** The card id in hexadecimal, which shows whether it is still the same card. */
  async readId(): Promise<string | undefined> {
    return parseId(await this.#findData(Tag.CARD_ID));
  }

  /**
   * Opens a secure channel, replacing an open one. Throws AuthenticationFailed if the keys differ. Without `secrets`
   * the channel refuses commands that carry a token key, an unlock key or a PIN.
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

  /** The response that the card shows for a PIN and a challenge. Needs level 33; a wrong PIN uses up a try. */
  async prove(pin: string | Uint8Array, challenge: string): Promise<string> {
    this.#mustTakeSecrets();
    const data = joined(digits("a PIN", pin, Digits.PIN), digits("a challenge", challenge, Digits.CHALLENGE));
    const answer = await this.#sendOnce({ cla: Cla.GP, ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data, le: ANY });
    const response = answer.toString("ascii");
    if (!/^[0-9]{8}$/.test(response)) throw new BadAnswer("INTERNAL AUTHENTICATE: the response is not eight digits");
    return response;
  }

  /** Replaces the transport keys; `dek` is the current one. Needs level 33. The channel stays open. */
  async putKey(fresh: Keyset, dek: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const data = putKeyData(fresh, dek);
    const answer = await this.#send({ cla: Cla.GP, ins: Ins.PUT_KEY, p1: this.#kvn, p2: ALL_KEYS, data, le: ANY });
    if (!answer.equals(putKeyAnswer(fresh))) throw new BadAnswer("PUT KEY: the card answers with other check values");
    this.#kvn = fresh.kvn;
  }

  /** Makes a seeded card personalized. Needs level 03, 13 or 33. */
  async setPersonalized(): Promise<void> {
    await this.#send({ cla: Cla.GP, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.PERSONALIZED });
  }

  /** Returns the card to NO KEY; serial number and transport keys stay. Needs level 03, 13 or 33. */
  async wipe(): Promise<void> {
    await this.#send({ cla: Cla.GP, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.WIPED });
  }

  /** Needs level 03, 13 or 33; a wrong PIN uses up a try. */
  async changePin(old: string, fresh: string): Promise<void> {
    this.#mustTakeSecrets();
    const data = joined(digits("the old PIN", old, Digits.PIN), digits("the new PIN", fresh, Digits.PIN));
    await this.#sendOnce({ cla: Cla.GP, ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0, data });
  }

  /** Sets a new PIN with an unlock code. Needs level 03, 13 or 33; a wrong code uses up a try. */
  async unlock(code: string, pin: string): Promise<void> {
    this.#mustTakeSecrets();
    const data = joined(digits("an unlock code", code, Digits.CODE), digits("the new PIN", pin, Digits.PIN));
    await this.#sendOnce({ cla: Cla.GP, ins: Ins.RESET_RETRY_COUNTER, p1: 0, p2: 0, data });
  }

  /**
   * A bench test. `keys`: bit n is key n; `battery`: mV; `flash`: good pages; `random`, `crypto`: 1 good; `screen`: 0.
   * `flash` needs level 03, 13 or 33.
   */
  async selfTest(test: SelfTest): Promise<number> {
    const { p1, size } = SELF_TESTS[test];
    const le = size ? ANY : undefined;
    const answer = await this.#send({ cla: Cla.GP, ins: Ins.SELF_TEST, p1, p2: 0x00, ...(le && { le }) });
    if (answer.length !== size) throw new BadAnswer("SELF TEST: the answer has a wrong length");
    return size ? answer.readUIntBE(0, size) : 0;
  }

  /** A data object; undefined if the card has none. */
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

  /** Sends a command whose data is secret, and wipes the data. */
  async #sendOnce(command: Command): Promise<Buffer> {
    try {
      return await this.#send(command);
    } finally {
      command.data?.fill(0);
    }
  }

  /** Sends a command, inside the channel if one is open. Returns the data; throws if the card refuses. */
  async #send(command: Command): Promise<Buffer> {
    const { data, sw } = this.#channel
      ? await this.#sendInside(this.#channel, command)
      : await this.#sendPlain(command);
    refuseError(sw);
    if (sw !== Sw.DONE) throw refusal(command.ins, sw);
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

  /** Sent only once: a repeated command would be refused, since its channel is open or gone. */
  async #authenticate(command: Command): Promise<void> {
    const bytes = await this.link.exchange(encodeCommand(command), {
      time: AUTHENTICATION_TIME,
      waitingFor: AUTHENTICATION_WAIT,
    });
    const { sw } = decodeResponse(bytes);
    refuseError(sw);
    if (sw === Sw.NOT_AUTHENTIC) throw new AuthenticationFailed("the card does not accept these transport keys");
    if (sw !== Sw.DONE) throw refusal(command.ins, sw);
  }

  /** Throws if no secret may be sent in this channel, which is a bug of the caller. */
  #mustTakeSecrets(): void {
    this.#mustBeOpen();
    if (!this.#secrets) throw new Error("no secret is sent under these transport keys");
  }

  #mustBeOpen(): void {
    if (!this.#channel) throw new Error("a secret is sent only over a secure channel");
  }

  #forgetChannel(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}

/** Throws for 6F00, with the number of the card's ERROR. */
function refuseError(sw: number): void {
  if (sw >> 8 === Sw.ERROR >> 8) throw new CardInError(sw & 0xff);
}
