// The commands of the serial line, one function each. Each returns its status word and writes the answer's data,
// `answer` bytes, over the command.

import * as benchtest from "./benchtest";
import * as card from "./card";
import * as cardid from "./cardid";
import * as host from "./host";
import { Outcome } from "./outcome";
import { commit, head, isMounted, SERIAL, SUITE, SUITE_SIZE, TEST_KEYS, wipeCard } from "./pages";
import * as personalization from "./personalization";
import * as pin from "./pin";
import { copyPublic } from "./public";
import * as scp03 from "./scp03";
import * as tally from "./tally";
import * as token from "./token";
import * as transportkeys from "./transportkeys";
import * as unlock from "./unlock";
import * as vault from "./vault";
import { VERSION, VERSION_SIZE } from "./version";
import {
  ALL_KEYS,
  Cla,
  FirmwareAt,
  ISSUER_DOMAIN,
  LIFE_NOT_TOLD,
  Life,
  Limit,
  Lock,
  ONE_ENCRYPTED_BLOCK,
  PutKey,
  Scp03Size,
  SELECT_BY_NAME,
  SelfTest,
  SetStatusP2,
  StatusAt,
  Sw,
  Tag,
} from "./wire";

/** The command that is being carried out. */
@unmanaged
export class Command {
  cla: u32;
  ins: u32;
  p1: u32;
  p2: u32;
  /** Bytes of data. */
  length: u32;
  /** The address of the command. Its answer is built there. */
  at: usize;
  data: usize;
  /** Bytes of the answer's data. */
  answer: u32;
}
export const command = changetype<Command>(memory.data(offsetof<Command>()));

/** The issuer security domain in the answer to SELECT (GPC_SPE_034 table H-3). */
const SELECTED: usize = memory.data<u8>([0x6f, 0x0a, 0x84, 0x08, 0xa0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]);
const SELECTED_SIZE: u32 = 12;
const AID_SIZE: u32 = 8;
const STATUS_SIZE: u32 = StatusAt.SIZE;
const KEY_TEMPLATE_SIZE: u32 = 20;
/**
 * Card recognition data (GPC_SPE_034 table H-1): GlobalPlatform, Card Specification 2.3, cards identified by the
 * numbers of issuer and card image, SCP03 with i = 60.
 */
const RECOGNITION: usize = memory.data<u8>([
  0x66, 0x30, 0x73, 0x2e, 0x06, 0x07, 0x2a, 0x86, 0x48, 0x86, 0xfc, 0x6b, 0x01, 0x60, 0x0b, 0x06, 0x09, 0x2a, 0x86,
  0x48, 0x86, 0xfc, 0x6b, 0x02, 0x02, 0x03, 0x63, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0x86, 0xfc, 0x6b, 0x03, 0x64,
  0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xfc, 0x6b, 0x04, 0x03, 0x60,
]);
const RECOGNITION_SIZE: u32 = 50;
/** Tag and length of a template. */
const TEMPLATE_HEADER: u32 = 2;
const PROPRIETARY_CLASS: u32 = 0x80;

/** SELECT: the issuer security domain, by name or by default. Ends a channel. */
export function select(): u32 {
  if (command.p1 !== SELECT_BY_NAME || command.p2 !== 0) return Sw.WRONG_PARAMETERS;
  if (command.length !== 0 && !isIssuerDomain()) return Sw.NO_APPLICATION;
  scp03.close();
  memory.copy(command.at, SELECTED, SELECTED_SIZE);
  command.answer = SELECTED_SIZE;
  return Sw.DONE;
}

/** INITIALIZE UPDATE: takes the host's challenge, answers with the card's challenge and cryptogram. */
export function initializeUpdate(): u32 {
  if (command.cla !== <u32>Cla.GP) return Sw.UNKNOWN_CLASS;
  if (command.p2 !== 0) return Sw.WRONG_PARAMETERS;
  if (command.length !== Scp03Size.CHALLENGE) return Sw.WRONG_LENGTH;
  if (command.p1 !== 0 && command.p1 !== <u32>head.keyVersion) return Sw.NO_SUCH_DATA;
  const sw = scp03.initiate(command.data);
  memory.copy(command.at, command.data, scp03.INITIALIZE_UPDATE_SIZE);
  command.answer = scp03.INITIALIZE_UPDATE_SIZE;
  return sw;
}

/** EXTERNAL AUTHENTICATE: opens the channel at level P1. */
export function externalAuthenticate(): u32 {
  if (command.cla !== <u32>Cla.GP_SECURE) return Sw.UNKNOWN_CLASS;
  if (command.p2 !== 0 || !scp03.isLevel(command.p1)) return Sw.WRONG_PARAMETERS;
  if (command.length !== Scp03Size.AUTHENTICATE) return Sw.WRONG_LENGTH;
  const sw = scp03.authenticate(command.at);
  if (sw === Sw.DONE) card.openSerial();
  return sw;
}

/** GET DATA: public data of the card. P1 and P2 are the tag; a data field is refused. */
export function getData(): u32 {
  const sw = tell((command.p1 << 8) | command.p2);
  return sw === Sw.DONE && command.length !== 0 ? Sw.WRONG_LENGTH : sw;
}

function tell(tag: u32): u32 {
  const out = command.at;
  switch (tag) {
    case Tag.SERIAL:
      return text(SERIAL, SERIAL, load<u8>(SERIAL) ? Limit.SERIAL : 0);
    case Tag.RECOGNITION:
      copyPublic(out, RECOGNITION, RECOGNITION, RECOGNITION_SIZE);
      return giveTemplate(RECOGNITION_SIZE);
    case Tag.KEY_INFORMATION:
      return giveTemplate(keyInformation(out));
    case Tag.STATUS:
      return give(status(out));
    case Tag.FIRMWARE:
      return firmware(out);
    case Tag.SUITE:
      return text(SUITE, SUITE, head.suiteLength);
    case Tag.SUITES:
      return give(token.listSuites(out));
    case Tag.CARD_ID:
      return cardId(out);
    default:
      return Sw.NO_SUCH_DATA;
  }
}

/** SELF TEST: tests a card that is not personalized, at the bench. `mayWrite`: the channel allows changes. */
export function selfTest(mayWrite: bool): u32 {
  if (command.p2 !== 0) return Sw.WRONG_PARAMETERS;
  if (command.length !== 0) return Sw.WRONG_LENGTH;
  if (head.life === <u8>Life.PERSONALIZED) return Sw.NOT_IN_THIS_STATE;
  const out = command.at;
  switch (command.p1) {
    case SelfTest.SCREEN:
      return benchtest.screen();
    case SelfTest.KEYS:
      return give(benchtest.keysSeen(out));
    case SelfTest.BATTERY:
      store<u16>(out, bswap<u16>(host.battery() as u16));
      return give(2);
    case SelfTest.FLASH:
      return mayWrite ? give(benchtest.flashPages(out)) : Sw.NOT_IN_THIS_CHANNEL;
    case SelfTest.RANDOM:
      return give(benchtest.random(out));
    case SelfTest.CRYPTO:
      return give(benchtest.crypto(out));
    default:
      return Sw.WRONG_PARAMETERS;
  }
}

/** INTERNAL AUTHENTICATE, the proof: takes PIN and challenge as the keypad does, and answers with the response. */
export function prove(): u32 {
  if ((command.p1 | command.p2) !== 0) return Sw.WRONG_PARAMETERS;
  if (command.length !== pin.PIN_SIZE + token.CHALLENGE_SIZE) return Sw.WRONG_LENGTH;
  if (head.life === <u8>Life.BLANK) return Sw.NOT_IN_THIS_STATE;
  if (!pin.isDigits(command.data, command.length)) return Sw.WRONG_DATA;
  const sw = pin.judgedByServer() ? swOf(pin.openUnchecked()) : checkPin();
  if (sw !== Sw.DONE) return sw;
  token.respond(command.data + pin.PIN_SIZE, command.data, command.at);
  vault.wipe();
  return give(token.RESPONSE_SIZE);
}

/** STORE DATA: takes the record of personalization. The card is seeded then. */
export function storeData(): u32 {
  if (command.p1 !== ONE_ENCRYPTED_BLOCK || command.p2 !== 0) return Sw.WRONG_PARAMETERS;
  if (command.length !== personalization.RECORD_SIZE) return Sw.WRONG_LENGTH;
  return swOf(personalization.apply(command.data));
}

/** PUT KEY: replaces all three transport keys at once. */
export function putKey(): u32 {
  if (!isReplaced(command.p1) || command.p2 !== ALL_KEYS) return Sw.WRONG_PARAMETERS;
  if (!transportkeys.isLength(command.length)) return Sw.WRONG_LENGTH;
  const outcome = transportkeys.replace(command.data, command.length, command.at);
  return outcome === Outcome.DONE ? give(transportkeys.ANSWER_SIZE) : swOf(outcome);
}

/**
 * Whether PUT KEY accepts this P1: the version to replace, or 0 to add a keyset (GPC_SPE_034 §11.8.2.1), which replaces
 * the public test keys.
 */
function isReplaced(version: u32): bool {
  return version === <u32>head.keyVersion || (version === 0 && head.keyVersion === TEST_KEYS);
}

/** SET STATUS: seeded becomes personalized, or all is wiped. */
export function setStatus(): u32 {
  if (command.p1 !== ISSUER_DOMAIN) return Sw.WRONG_PARAMETERS;
  if (command.length !== 0) return Sw.WRONG_LENGTH;
  if (command.p2 === <u32>SetStatusP2.WIPED) return wipe();
  if (command.p2 !== <u32>SetStatusP2.PERSONALIZED) return Sw.WRONG_PARAMETERS;
  if (head.life !== <u8>Life.SEEDED) return Sw.NOT_IN_THIS_STATE;
  head.life = <u8>Life.PERSONALIZED;
  tally.carry();
  return swOf(commit());
}

/**
 * A wipe that began but could not finish leaves no usable page: the card turns off or shows ERROR, and power-on
 * finishes the wipe.
 */
function wipe(): u32 {
  const outcome = wipeCard();
  if (!isMounted()) card.fail(outcome);
  return swOf(outcome);
}

/** CHANGE REFERENCE DATA: checks the old PIN and sets a new one. */
export function changePin(): u32 {
  const sw = pinCommand(pin.PIN_SIZE);
  if (sw !== Sw.DONE) return sw;
  const checked = checkPin();
  return checked === Sw.DONE ? setPin(command.data + pin.PIN_SIZE) : checked;
}

/** RESET RETRY COUNTER: checks an unlock code and sets a new PIN, on a locked card. */
export function unlockPin(): u32 {
  const sw = pinCommand(unlock.CODE_SIZE);
  if (sw !== Sw.DONE) return sw;
  if (unlock.isBlocked()) return Sw.NO_TRIES;
  if (!pin.isLocked()) return Sw.NOT_IN_THIS_STATE;
  const outcome = unlock.check(command.data);
  if (outcome === Outcome.DONE) return setPin(command.data + unlock.CODE_SIZE);
  return isWrong(outcome) ? Sw.WRONG | unlock.triesLeft() : swOf(outcome);
}

/** Checks the data of both PIN commands: `size` digits of proof, then a new PIN. */
function pinCommand(size: u32): u32 {
  if ((command.p1 | command.p2) !== 0) return Sw.WRONG_PARAMETERS;
  if (command.length !== size + pin.PIN_SIZE) return Sw.WRONG_LENGTH;
  if (head.life !== <u8>Life.PERSONALIZED) return Sw.NOT_IN_THIS_STATE;
  if (pin.judgedByServer()) return Sw.NOT_USABLE;
  return pin.isDigits(command.data, command.length) ? Sw.DONE : Sw.WRONG_DATA;
}

function checkPin(): u32 {
  if (pin.isLocked()) return Sw.NO_TRIES;
  const outcome = pin.check(command.data);
  return isWrong(outcome) ? Sw.WRONG | pin.triesLeft() : swOf(outcome);
}

function setPin(digits: usize): u32 {
  const outcome = pin.set(digits);
  vault.wipe();
  return swOf(outcome);
}

function isWrong(outcome: Outcome): bool {
  return outcome === Outcome.WRONG || outcome === Outcome.LAST;
}

function swOf(outcome: Outcome): u32 {
  switch (outcome) {
    case Outcome.DONE:
      return Sw.DONE;
    case Outcome.RANDOM:
      return Sw.NOT_USABLE;
    case Outcome.BATTERY:
      return Sw.NOT_IN_THIS_STATE;
    case Outcome.REFUSED:
      return Sw.WRONG_DATA;
    default:
      return Sw.FLASH_FAILED;
  }
}

/** Answers with the `length` bytes that were written to the answer's place. */
function give(length: u32): u32 {
  command.answer = length;
  return Sw.DONE;
}

/** The same for a template. An interindustry command gets only its content (ISO 7816-4 §7.4.2). */
function giveTemplate(length: u32): u32 {
  if (command.cla & PROPRIETARY_CLASS) return give(length);
  memory.copy(command.at, command.at + TEMPLATE_HEADER, length - TEMPLATE_HEADER);
  return give(length - TEMPLATE_HEADER);
}

/**
 * Answers with the `length` bytes at `from`, if there are any. `again` repeats the address (public.ts). No text is
 * longer than a suite.
 */
function text(from: usize, again: usize, length: u32): u32 {
  if (length === 0 || length > SUITE_SIZE) return Sw.NO_SUCH_DATA;
  copyPublic(command.at, from, again, length);
  return give(length);
}

function isIssuerDomain(): bool {
  return (
    command.length === AID_SIZE && memory.compare(command.data, SELECTED + SELECTED_SIZE - AID_SIZE, AID_SIZE) === 0
  );
}

/** E0 { C0 { id, version, AES, 16 bytes } for ENC, MAC and DEK } (GPC_SPE_034 table 11-34). */
function keyInformation(out: usize): u32 {
  store<u16>(out, 0x12e0);
  for (let id: u32 = 1; id <= 3; id++) {
    const at = out + id * 6 - 4;
    store<u16>(at, 0x04c0);
    store<u8>(at, id as u8, 2);
    store<u8>(at, head.keyVersion, 3);
    store<u16>(at, (PutKey.KEY << 8) | PutKey.TYPE_AES, 4);
  }
  return KEY_TEMPLATE_SIZE;
}

/** Answers with the card id. A card in ERROR does not give it. */
function cardId(out: usize): u32 {
  if (card.error() || !cardid.tell(out)) return Sw.NO_SUCH_DATA;
  return give(cardid.SIZE);
}

/** Answers with the version, the hash and the kind of host. */
function firmware(out: usize): u32 {
  copyPublic(out, VERSION, VERSION, VERSION_SIZE);
  store<u8>(out + VERSION_SIZE, host.panel() as u8);
  return give(FirmwareAt.SIZE);
}

/** Writes the status, laid out as StatusAt. Returns its length. */
function status(out: usize): u32 {
  memory.fill(out, 0, STATUS_SIZE);
  store<u16>(out, bswap<u16>(host.battery() as u16), StatusAt.BATTERY);
  store<u8>(out, card.error() as u8, StatusAt.ERROR);
  store<u8>(out, LIFE_NOT_TOLD as u8, StatusAt.LIFE);
  if (card.error()) return STATUS_SIZE;
  const checks = head.life !== <u8>Life.BLANK && !pin.judgedByServer();
  const locked: u32 = checks && pin.isLocked() ? Lock.LOCKED : Lock.NONE;
  store<u8>(out, head.life, StatusAt.LIFE);
  store<u8>(out, (checks && unlock.isBlocked() ? Lock.BLOCKED : locked) as u8, StatusAt.LOCK);
  store<u8>(out, head.pinCheck, StatusAt.PIN_CHECK);
  store<u8>(out, head.tries, StatusAt.TRIES);
  store<u8>(out, (checks ? pin.triesLeft() : 0) as u8, StatusAt.TRIES_LEFT);
  store<u8>(out, (checks ? unlock.triesLeft() : 0) as u8, StatusAt.CODE_TRIES_LEFT);
  store<u8>(out, head.keyVersion === TEST_KEYS ? 1 : 0, StatusAt.TEST_KEYS);
  return STATUS_SIZE;
}
