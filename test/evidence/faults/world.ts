// The card that is attacked: its record and keys, its personalization, and checks by code that knows the secrets of
// whether the card still keeps them.

import { Cla, Ins, Level, SetStatusP2, Sw } from "../../../firmware/wire.js";
import { type Command, decodeResponse, encodeCommand, type Response } from "../../../host-tools/card/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../../../host-tools/card/cardclient.js";
import type { SecureChannel, SecurityLevel } from "../../../host-tools/card/scp03.js";
import { type Keyset, putKeyAnswer, putKeyData, testKeys } from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { FULL_BATTERY } from "../../../sim/core/card.js";
import { PAGE_SIZE } from "../../../sim/core/flash.js";
import { currentPage, readImage } from "../../../sim/core/image.js";
import { Random } from "../../../sim/core/random.js";
import { converse, openChannel } from "../../../sim/session/cardcommands.js";
import { Silence } from "../../../sim/session/conversation.js";
import { Crash, type Target } from "./target.js";

export interface SimWorld {
  readonly record: PersonalizationRecord;
  readonly keys: Keyset;
}

export const CHALLENGE = "246813";
export const WRONG_PIN = "4082";
/** The PIN that an attacker sets if the card lets him. */
export const OWN_PIN = "7294";
export const CODE_TRIES = 5;
const UNLOCK_SUITE = "OCRA-1:HOTP-SHA256-8:QN08";

/** A world that `seed` determines. No byte of its keys is public. `server`: the PIN is in the response, and the card takes any. */
export function worldOf(seed: number, server = false): SimWorld {
  const random = new Random(seed);
  const bytes = (size: number) => {
    const made = new Uint8Array(size);
    random.fill(made);
    return made;
  };
  return {
    record: {
      serial: "IB3000123",
      suite: `OCRA-1:HOTP-SHA256-8:QN06${server ? "-PSHA1" : ""}`,
      pinCheck: server ? "server" : "card",
      tries: 3,
      pin: "4071",
      key: bytes(32),
      unlockKey: bytes(32),
    },
    keys: { kvn: 7, enc: bytes(16), mac: bytes(16), dek: bytes(16) },
  };
}

/** Sends a command and takes its answer, inside the target's guard. */
export function send(target: Target, command: Command): Response<Buffer> {
  const [answer] = target.do((card) => converse(card, encodeCommand(command)));
  if (!answer) throw new Silence("no answer");
  return decodeResponse(answer);
}

/** Sends a command through a channel. */
export function sendIn(target: Target, channel: SecureChannel, command: Omit<Command, "cla">): Response<Buffer> {
  return channel.unwrap(send(target, channel.wrap({ cla: Cla.GP_SECURE, ...command })));
}

export function open(target: Target, keys: Keyset, level: SecurityLevel = Level.FULL): SecureChannel {
  return target.do((card) => openChannel(card, level, keys));
}

/** The operator found a fault of the card. */
export class Rejected extends Error {
  override name = "Rejected";
}

/** Personalizes a blank card as a bench does, each step checked. */
export function personalize(target: Target, { record, keys }: SimWorld): void {
  const old = testKeys();
  const channel = open(target, old);
  const step = (command: Omit<Command, "cla">) => {
    const { sw, data } = sendIn(target, channel, command);
    if (sw !== Sw.DONE) throw new Rejected(`status ${sw.toString(16)}`);
    return data;
  };
  step({ ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data: encodeRecord(record, old.dek) });
  const proof = step({ ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0, data: Buffer.from(record.pin + CHALLENGE) });
  if (proof.toString("latin1") !== responseOf(record)) throw new Rejected("the proof is wrong");
  const answer = step({ ins: Ins.PUT_KEY, p1: old.kvn, p2: 0x81, data: putKeyData(keys, old.dek) });
  if (!answer.equals(putKeyAnswer(keys))) throw new Rejected("other check values");
  step({ ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.PERSONALIZED });
  const status = step({ ins: Ins.GET_DATA, p1: 0xdf, p2: 0x20 });
  const check = record.pinCheck === "card" ? 1 : 2;
  if (status[0] !== 3 || status[1] !== 0 || status[2] !== check || status[3] !== record.tries || status[6] !== 0) {
    throw new Rejected("the status is not as it must be");
  }
  off(target);
}

export function responseOf(record: PersonalizationRecord, challenge = CHALLENGE): string {
  return ocra(record.suite, record.key, { challenge, pin: record.pin });
}

export function unlockCodeOf(record: PersonalizationRecord, lockCode: string): string {
  return ocra(UNLOCK_SUITE, record.unlockKey, { challenge: lockCode });
}

// ---- the keypad ----

export function pullBattery(target: Target): void {
  target.do((card) => {
    card.setBattery(0);
    card.setBattery(FULL_BATTERY);
  });
}

export function off(target: Target): void {
  target.do((card) => {
    if (card.on) card.hold("press");
    if (card.on) pullBattery(target);
  });
}

export function on(target: Target): string {
  return target.do((card) => {
    if (!card.on) card.hold("press");
    return card.display;
  });
}

export function enter(target: Target, digits: string): string {
  return target.do((card) => {
    card.type(digits);
    card.press("ok");
    return card.display;
  });
}

export function ok(target: Target): string {
  return target.do((card) => {
    card.press("ok");
    return card.display;
  });
}

/** Lets a message pass. */
export function pass(target: Target): string {
  return target.do((card) => {
    card.wait(2000);
    return card.display;
  });
}

/** Runs an action and then restores the card. */
export function tentatively<T>(target: Target, action: () => T): T {
  const name = `fork ${forks++}`;
  target.card.save(name);
  try {
    return action();
  } finally {
    target.card.load(name);
    forks--;
  }
}
let forks = 0;

/** What an attacker can still try on a card in its current state. */
export interface Chances {
  /** Attempts at which the right PIN would open it. */
  readonly pins: number;
  /** Attempts at which the right unlock code would. */
  readonly codes: number;
  /** It is open, though nobody gave the right one. */
  readonly open: boolean;
}

const NOTHING: Chances = { pins: 0, codes: 0, open: false };
/** More than the number of prompts of any card. */
const ROUNDS = 12;

/**
 * Enters wrong PINs and wrong codes until the card asks for none, and counts them. It begins on the current screen.
 * Once that does not ask for a PIN, the battery is pulled; the rest depends only on flash, and `known` keeps the
 * result.
 */
export function chancesOf(target: Target, world: SimWorld, known: Map<string, Chances>): Chances {
  const [pins, open] = tryPins(target, world);
  pullBattery(target);
  const rest = chancesOfFlash(target, world, known);
  return { pins: pins + rest.pins, codes: rest.codes, open: open || rest.open };
}

/** The tries left from power-on. */
export function chancesOfFlash(target: Target, world: SimWorld, known: Map<string, Chances>): Chances {
  const flash = target.flashFingerprint;
  const before = known.get(flash);
  if (before) return before;
  known.set(flash, NOTHING);
  const [pins, open] = tryPins(target, world);
  const codes = tryCodes(target, world);
  pullBattery(target);
  const rest = chancesOfFlash(target, world, known);
  const all = { pins: pins + rest.pins, codes: codes + rest.codes, open: open || rest.open };
  known.set(flash, all);
  return all;
}

/**
 * Enters wrong PINs while there is `PIN>`. Returns at how many of them the right one would have opened the card, and
 * whether it is open: by itself, or to the PIN that an attacker would set.
 */
function tryPins(target: Target, world: SimWorld): [count: number, open: boolean] {
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const shown = settled(target);
    if (shown !== "PIN>") return [count, isOpen(target, world, shown)];
    if (tentatively(target, () => opens(target, world, OWN_PIN))) return [count, true];
    if (tentatively(target, () => opens(target, world, world.record.pin))) count++;
    enterSafely(target, WRONG_PIN);
  }
  return [count, false];
}

/** Enters wrong codes while there is `LOCKED`. Returns at how many of them the right one would have unlocked it. */
function tryCodes(target: Target, world: SimWorld): number {
  let count = 0;
  for (let round = 0; round < ROUNDS && settled(target) === "LOCKED"; round++) {
    const lockCode = okSafely(target);
    okSafely(target);
    if (tentatively(target, () => unlocks(target, world, lockCode))) count++;
    enterSafely(target, wrongCode(world, lockCode));
  }
  return count;
}

/** Turns the card on and waits for what it asks for. */
function settled(target: Target): string {
  let shown = onSafely(target);
  if (/^(LEFT|WRONG|PIN SET|WEAK|NO MATCH|BATT)/.test(shown)) shown = passSafely(target);
  if (shown === "" || shown === "SERIAL" || shown.startsWith("UNLOCK")) {
    offSafely(target);
    shown = onSafely(target);
  }
  return shown;
}

function opens(target: Target, world: SimWorld, pin: string): boolean {
  return enterSafely(target, pin) === "CHALLNG>" && enterSafely(target, CHALLENGE) === responseOf(world.record);
}

function unlocks(target: Target, world: SimWorld, lockCode: string): boolean {
  if (!/^\d{8}$/.test(lockCode)) return false;
  return enterSafely(target, unlockCodeOf(world.record, lockCode)) === "NEW>" && takesOwnPin(target, world);
}

/** Whether the card has the right keys open. */
function isOpen(target: Target, world: SimWorld, shown: string): boolean {
  if (shown === responseOf(world.record)) return true;
  if (shown === "CHALLNG>") {
    if (tentatively(target, () => enterSafely(target, CHALLENGE) === responseOf(world.record))) return true;
    holdSafely(target);
    return takesOwnPin(target, world);
  }
  return shown === "NEW>" && takesOwnPin(target, world);
}

function takesOwnPin(target: Target, world: SimWorld): boolean {
  enterSafely(target, OWN_PIN);
  enterSafely(target, OWN_PIN);
  offSafely(target);
  onSafely(target);
  return opens(target, world, OWN_PIN);
}

function wrongCode(world: SimWorld, lockCode: string): string {
  return /^\d{8}$/.test(lockCode) ? otherCode(unlockCodeOf(world.record, lockCode)) : "00000000";
}

/**
A code that differs in two digits, by different amounts, so that a fault in reading keys cannot make it the right one.
*/
export function otherCode(code: string): string {
  return `${(Number(code[0]) + 1) % 10}${(Number(code[1]) + 5) % 10}${code.slice(2)}`;
}

// A card with corrupted memory may crash later; it then goes on from power-on.
const safely =
  <A extends unknown[]>(action: (target: Target, ...rest: A) => string) =>
  (target: Target, ...rest: A): string => {
    try {
      return action(target, ...rest);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      return "";
    }
  };
const enterSafely = safely(enter);
const okSafely = safely(ok);
const onSafely = safely(on);
const passSafely = safely(pass);
const offSafely = safely((target) => {
  off(target);
  return "";
});
const holdSafely = safely((target) =>
  target.do((card) => {
    card.hold("ok");
    return card.display;
  }),
);

// ---- flash ----

/** The identity of a card without a current page. */
export const UNREADABLE = "none";

/** The data that only an authenticated command may change: head, root secret and transport keys of the current page. */
export function identity(target: Target): string {
  const image = target.card.flash.bytes;
  const page = currentPage(readImage(image));
  if (!page?.head) return UNREADABLE;
  const { life, serial, suite, pinCheck, tries, keyVersion } = page.head;
  const at = page.page * PAGE_SIZE;
  const root = Buffer.from(image.subarray(at + 0x48, at + 0x58)).toString("hex");
  const keys = Buffer.from(image.subarray(at + 0x5c, at + 0x8c)).toString("hex");
  return [life, serial, suite, pinCheck, tries, keyVersion, root, keys].join(" ");
}

/** The lock code that the card would show now, from the current page. */
export function lockCodeOf(target: Target): string {
  const image = target.card.flash.bytes;
  const code = new DataView(image.buffer, image.byteOffset).getUint32(pageOf(target) + 0x10, true);
  return String(code).padStart(8, "0");
}

/** The root secret in the current page. */
export function rootOf(target: Target): Uint8Array {
  const at = pageOf(target);
  return target.card.flash.bytes.slice(at + 0x48, at + 0x58);
}

/** The flash address of the wipe mark in the current page. */
export function wipeMarkOf(target: Target): number {
  return pageOf(target) + 0x180;
}

/** The flash address of the current page. */
function pageOf(target: Target): number {
  return (currentPage(readImage(target.card.flash.bytes))?.page ?? 0) * PAGE_SIZE;
}
