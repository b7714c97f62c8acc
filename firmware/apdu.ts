// Commands on the serial line: parses each one, decides whether it is allowed, and answers. docs/PROTOCOL.md, commands.
//
// A command either opens a channel or needs none (`plain`), or came through an open one (`secured`). All others are
// refused. commands.ts carries them out.

import * as card from "./card";
import * as commands from "./commands";
import { command } from "./commands";
import * as scp03 from "./scp03";
import { Cla, Ins, Level, MAX_PAYLOAD, Sw } from "./wire";

const HEADER_SIZE: u32 = 4;
/** How many wrong keys in a row are answered without delay. */
const PROMPT_FAILURES: u32 = 2;
/** Milliseconds. Each further wrong key doubles it, at most MOST_DOUBLINGS times. */
const FIRST_DELAY: u32 = 1000;
const MOST_DOUBLINGS: u32 = 6;

/** Carries out the command of `length` bytes at `at` and puts its answer there. Returns the answer's length. */
export function process(at: usize, length: u32): u32 {
  command.at = at;
  command.data = at + HEADER_SIZE + 1;
  command.answer = 0;
  command.ins = 0;
  let sw: u32 = parse(length);
  if (command.ins !== <u32>Ins.SELF_TEST) card.endTest();
  if (card.error() && !isForAnyCard()) sw = Sw.ERROR | card.error();
  let wrapped = false;
  if (sw === Sw.DONE) {
    wrapped = isSecured() && command.ins !== <u32>Ins.EXTERNAL_AUTHENTICATE && scp03.isOpen();
    sw = wrapped ? secured() : plain();
  }
  // The data was decrypted in place. Wipe what the answer does not cover, or a fault in its length could send it.
  memory.fill(at + command.answer, 0, MAX_PAYLOAD - command.answer);
  const size = wrapped && scp03.isOpen() ? scp03.wrap(at, command.answer, sw) : bare(sw);
  store<u16>(at + size, bswap<u16>(sw as u16));
  card.followChannel();
  return size + 2;
}

/** The delay of the answer in milliseconds: 1 s to 64 s from the third wrong key in a row, otherwise 0. */
export function delay(): u32 {
  const failures = scp03.failures();
  if (command.ins !== <u32>Ins.EXTERNAL_AUTHENTICATE || failures <= PROMPT_FAILURES) return 0;
  return FIRST_DELAY << min<u32>(failures - PROMPT_FAILURES - 1, MOST_DOUBLINGS);
}

/** A short APDU (ISO 7816-4 §5.1), with or without Le. */
function parse(length: u32): Sw {
  if (length < HEADER_SIZE) return Sw.WRONG_LENGTH;
  command.cla = load<u8>(command.at);
  command.ins = load<u8>(command.at, 1);
  command.p1 = load<u8>(command.at, 2);
  command.p2 = load<u8>(command.at, 3);
  command.length = 0;
  if (length <= HEADER_SIZE + 1) return Sw.DONE;
  command.length = load<u8>(command.at, 4);
  const behind = length - HEADER_SIZE - 1 - command.length;
  return command.length !== 0 && behind <= 1 ? Sw.DONE : Sw.WRONG_LENGTH;
}

/** Whether even a card in ERROR answers the command: SELECT and GET DATA, outside a channel. */
function isForAnyCard(): bool {
  return isPlain() && (command.ins === <u32>Ins.SELECT || command.ins === <u32>Ins.GET_DATA);
}

function isPlain(): bool {
  return command.cla === <u32>Cla.ISO || command.cla === <u32>Cla.GP;
}

function isSecured(): bool {
  return command.cla === <u32>Cla.GP_SECURE || command.cla === <u32>Cla.ISO_SECURE;
}

/** The length of an answer outside a channel. An error carries no data. */
function bare(sw: u32): u32 {
  return sw === Sw.DONE ? command.answer : 0;
}

/** Carries out a command that needs no channel, or opens one. Returns its status word. */
function plain(): u32 {
  if (isSecured())
    return command.ins === <u32>Ins.EXTERNAL_AUTHENTICATE ? commands.externalAuthenticate() : Sw.NOT_IN_THIS_CHANNEL;
  if (!isPlain()) return Sw.UNKNOWN_CLASS;
  switch (command.ins) {
    case Ins.SELECT:
      return commands.select();
    case Ins.INITIALIZE_UPDATE:
      return commands.initializeUpdate();
  }
  if (scp03.isOpen()) return end(Sw.NOT_IN_THIS_CHANNEL);
  switch (command.ins) {
    case Ins.GET_DATA:
      return commands.getData();
    case Ins.SELF_TEST:
      return commands.selfTest(false);
    case Ins.CHANGE_REFERENCE_DATA:
    case Ins.RESET_RETRY_COUNTER:
    case Ins.EXTERNAL_AUTHENTICATE:
    case Ins.INTERNAL_AUTHENTICATE:
    case Ins.PUT_KEY:
    case Ins.STORE_DATA:
    case Ins.SET_STATUS:
      return Sw.NOT_IN_THIS_CHANNEL;
    default:
      return Sw.UNKNOWN_COMMAND;
  }
}

/** Carries out a command that came through the channel, after checking its MAC. Returns its status word. */
function secured(): u32 {
  const unwrapped = scp03.unwrap(command.at, command.length);
  if (unwrapped < scp03.UNWRAPPED) return end(Sw.WRONG_SECURE_MESSAGING);
  command.length = unwrapped - scp03.UNWRAPPED;
  card.extendSerial();
  const level = scp03.level();
  const changes = (level & (Level.C_MAC | Level.C_DECRYPTION)) === (Level.C_MAC | Level.C_DECRYPTION);
  switch (command.ins) {
    case Ins.GET_DATA:
      return commands.getData();
    case Ins.SELF_TEST:
      return commands.selfTest(changes);
    case Ins.INTERNAL_AUTHENTICATE:
      return level === Level.FULL ? commands.prove() : Sw.NOT_IN_THIS_CHANNEL;
    case Ins.PUT_KEY:
      return changes ? commands.putKey() : Sw.NOT_IN_THIS_CHANNEL;
    case Ins.STORE_DATA:
      return changes ? commands.storeData() : Sw.NOT_IN_THIS_CHANNEL;
    case Ins.SET_STATUS:
      return changes ? commands.setStatus() : Sw.NOT_IN_THIS_CHANNEL;
    case Ins.CHANGE_REFERENCE_DATA:
      return changes ? commands.changePin() : Sw.NOT_IN_THIS_CHANNEL;
    case Ins.RESET_RETRY_COUNTER:
      return changes ? commands.unlockPin() : Sw.NOT_IN_THIS_CHANNEL;
    default:
      return Sw.UNKNOWN_COMMAND;
  }
}

function end(sw: Sw): Sw {
  scp03.close();
  return sw;
}
