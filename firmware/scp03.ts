// The secure channel: GlobalPlatform SCP03 (GPC_SPE_014) with AES-128, S8, i = 60.
//
//   CLOSED ── INITIALIZE UPDATE ──► INITIATED ── EXTERNAL AUTHENTICATE ──► OPEN
//
// Every error closes it. Commands carry a C-MAC and may be encrypted; the level says whether answers carry an R-MAC and
// are encrypted.

import * as aes from "./crypto/aes";
import * as cbc from "./crypto/cbc";
import * as cmac from "./crypto/cmac";
import { crc32 } from "./crypto/crc32";
import * as kdf from "./crypto/kdf";
import * as host from "./host";
import { head, isCurrent, KEY_SIZE, KEYS, SERIAL } from "./pages";
import { copyPublic } from "./public";
import * as selftest from "./selftest";
import { Derive, Level, Scp03, Scp03Size, Sw } from "./wire";

const MAC_SIZE: u32 = Scp03Size.MAC;
const CHALLENGE_SIZE: u32 = Scp03Size.CHALLENGE;
const HEADER_SIZE: u32 = 5;
const BLOCK: u32 = 16;
const PADDING: u8 = 0x80;
/** Added to a length once the MAC was right. It is larger than every length. */
export const UNWRAPPED: u32 = 0x5a00;
export const INITIALIZE_UPDATE_SIZE: u32 = Scp03Size.INITIALIZE_UPDATE;

/** The values differ in several bits, so that no single flipped bit turns one into another. */
enum Stage {
  CLOSED = 0,
  INITIATED = 0x5a,
  OPEN = 0xa5,
}

@unmanaged
class Session {
  stage: u32;
  level: u32;
  /** Commands since the channel opened; the encryption counter (§6.2.6). */
  counter: u32;
  /** Wrong keys in a row. The count survives the session, and turning off. */
  failures: u32;
  /** The check value of the session keys when they were derived. */
  check: u32;
}
const session = changetype<Session>(memory.data(offsetof<Session>()));

/** S-ENC | S-MAC | S-RMAC */
const SESSION_KEYS: usize = memory.data(48);
const S_ENC: usize = SESSION_KEYS;
const S_MAC: usize = SESSION_KEYS + KEY_SIZE;
const S_RMAC: usize = SESSION_KEYS + 2 * KEY_SIZE;
/** Host challenge | card challenge, then the MAC chaining value. */
const CHAIN: usize = memory.data(16);
const WORK: usize = memory.data(16);

/** Whether a channel is open. */
export function isOpen(): bool {
  return session.stage === Stage.OPEN;
}

/** The level of the open channel, or 0. */
export function level(): u32 {
  return isOpen() ? session.level : 0;
}

/** Whether a channel can have this level. */
export function isLevel(level: u32): bool {
  return level === 0x01 || level === 0x03 || level === 0x11 || level === 0x13 || level === 0x33;
}

/** Wrong keys in a row. */
export function failures(): u32 {
  return session.failures;
}

/** Closes the channel and forgets its keys. */
export function close(): void {
  session.stage = Stage.CLOSED;
  session.level = 0;
  session.counter = 0;
  session.check = 0;
  memory.fill(SESSION_KEYS, 0, 48);
  memory.fill(CHAIN, 0, 16);
  memory.fill(WORK, 0, 16);
}

/**
 * INITIALIZE UPDATE (§7.1.1) with the eight bytes of host challenge at `data`, which its 29 bytes of answer replace.
 * Returns DONE, or NOT_USABLE if the random source or an algorithm fails.
 */
export function initiate(data: usize): Sw {
  close();
  memory.copy(CHAIN, data, CHALLENGE_SIZE);
  if (!host.random(CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE)) return Sw.NOT_USABLE;
  // Copy the challenge before session keys exist: otherwise a fault could write a key to CHAIN, and the answer would
  // send it.
  copyPublic(data + 13, CHAIN + CHALLENGE_SIZE, CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE);
  deriveSession(KEYS, Derive.S_ENC, S_ENC);
  deriveSession(KEYS + KEY_SIZE, Derive.S_MAC, S_MAC);
  deriveSession(KEYS + KEY_SIZE, Derive.S_RMAC, S_RMAC);
  session.check = checkOfKeys();
  // Diversification data: the serial number and a zero byte.
  copyPublic(data, SERIAL, SERIAL, 10);
  store<u8>(data, head.keyVersion, 10);
  store<u8>(data, Scp03.PROTOCOL, 11);
  store<u8>(data, Scp03.I, 12);
  cryptogram(Derive.CARD_CRYPTOGRAM);
  // An AES without its S-box would give away the keys, so test it after its last use and before the answer is sent.
  if (!selftest.cryptoWorks()) return fail(Sw.NOT_USABLE) as Sw;
  copyPublic(data + 21, WORK, WORK, MAC_SIZE);
  session.stage = Stage.INITIATED;
  return Sw.DONE;
}

/**
 * EXTERNAL AUTHENTICATE (§7.1.2): the whole command at `command`, with host cryptogram and MAC. Opens the channel at
 * the level in its P1. Returns DONE, NOT_AUTHENTIC, or NOT_IN_THIS_STATE if no channel was begun.
 *
 * Each check is made twice in different ways, so that one fault cannot pass both. The session key is derived again.
 * Cryptogram and MAC are compared as bytes and as words. The algorithms are tested, since anybody can send the results
 * of a CMAC that computes nothing. A fault may have overwritten keys in memory, so after use the transport keys are
 * compared with flash, and the session keys with their check value.
 */
export function authenticate(command: usize): Sw {
  if (session.stage !== Stage.INITIATED) return Sw.NOT_IN_THIS_STATE;
  const data = command + HEADER_SIZE;
  deriveSession(KEYS + KEY_SIZE, Derive.S_MAC, WORK);
  let wrong = difference(WORK, S_MAC, KEY_SIZE);
  cryptogram(Derive.HOST_CRYPTOGRAM);
  wrong |= difference(WORK, data, MAC_SIZE);
  memory.fill(CHAIN, 0, 16);
  wrong |= commandMac(command, data, MAC_SIZE);
  // The second check has no branch: if it fails, the stage is not a valid one.
  const stage = Stage.OPEN + differingWords(WORK, data) + differingWords(CHAIN, data + MAC_SIZE);
  if (wrong !== 0 || !isCurrent() || !selftest.cryptoWorks()) {
    close();
    if (session.failures < 0xff) session.failures++;
    return Sw.NOT_AUTHENTIC;
  }
  session.stage = stage;
  session.level = load<u8>(command, 2);
  session.counter = 0;
  session.failures = 0;
  return isOpen() ? Sw.DONE : Sw.NOT_AUTHENTIC;
}

/**
 * Checks and decrypts the command at `command`, whose data is `length` bytes, MAC included (§6.2.4, §6.2.6). Returns
 * UNWRAPPED plus the length of the plain data, or 0 after closing the channel. UNWRAPPED marks success, so that a call
 * that a fault skips is not mistaken for a checked command.
 */
export function unwrap(command: usize, length: u32): u32 {
  if (length < MAC_SIZE) return fail(0);
  const data = command + HEADER_SIZE;
  const size = length - MAC_SIZE;
  if (commandMac(command, data, size) !== 0) return fail(0);
  if (differingWords(CHAIN, data + size) !== 0) return fail(0);
  session.counter++;
  memory.fill(data + size, 0, MAC_SIZE);
  if (size === 0 || !(session.level & Level.C_DECRYPTION)) return UNWRAPPED | size;
  if (size % BLOCK !== 0) return fail(0);
  counterBlock(0);
  cbc.decrypt(S_ENC, WORK, data, size);
  return unpad(data, size);
}

/**
 * Protects an answer of `length` bytes at `data` (§6.2.5, §6.2.7); the MAC covers the status word, which the caller
 * appends. Returns the new length; or 0, after closing the channel, if AES fails its test or a session key has changed.
 * Errors carry no data and no MAC.
 */
export function wrap(data: usize, length: u32, sw: u32): u32 {
  const isError = sw !== Sw.DONE && sw >> 8 !== 0x62 && sw >> 8 !== 0x63;
  if (isError || !(session.level & Level.R_MAC)) return isError ? 0 : length;
  if (length !== 0 && session.level & Level.R_ENCRYPTION) {
    const padded = (length + BLOCK) & ~(BLOCK - 1);
    memory.fill(data + length, 0, padded - length);
    store<u8>(data + length, PADDING);
    counterBlock(PADDING);
    cbc.encrypt(S_ENC, WORK, data, padded);
    length = padded;
  }
  store<u16>(data + length, bswap<u16>(sw as u16));
  cmac.begin(S_RMAC);
  cmac.update(CHAIN, 16);
  cmac.update(data, length + 2);
  cmac.end(WORK);
  if (checkOfKeys() !== session.check || !selftest.aesWorks()) return fail(0);
  copyPublic(data + length, WORK, WORK, MAC_SIZE);
  return length + MAC_SIZE;
}

/**
 * Checks the MAC behind `size` bytes of data and chains it (§6.2.4). Returns 0 if it is right and the session keys are
 * still those that were derived: a fault may have overwritten them with bytes that everybody knows.
 */
function commandMac(command: usize, data: usize, size: u32): u32 {
  cmac.begin(S_MAC);
  cmac.update(CHAIN, 16);
  cmac.update(command, HEADER_SIZE + size);
  cmac.end(CHAIN);
  return difference(CHAIN, data + size, MAC_SIZE) | (checkOfKeys() ^ session.check);
}

/**
 * A check value of the session keys. It is not zero for zero keys, so that a fault that clears keys and check value is
 * noticed.
 */
function checkOfKeys(): u32 {
  return crc32(Stage.OPEN, SESSION_KEYS, 48);
}

/** The bits that differ. Compares every byte. */
function difference(a: usize, b: usize, length: u32): u32 {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < length; i++) bits |= load<u8>(a + i) ^ load<u8>(b + i);
  return bits;
}

/** The same comparison by words: returns how many of the two differ. */
function differingWords(a: usize, b: usize): u32 {
  return u32(load<u32>(a) !== load<u32>(b)) + u32(load<u32>(a, 4) !== load<u32>(b, 4));
}

/** Closes the channel. Returns `result`. */
function fail(result: u32): u32 {
  close();
  return result;
}

/** Removes the padding 80 00 … (§4.1.4). Returns what `unwrap` returns. */
function unpad(data: usize, size: u32): u32 {
  let length = size - 1;
  while (length > size - BLOCK && load<u8>(data + length) === 0) length--;
  if (load<u8>(data + length) !== PADDING) return fail(0);
  store<u8>(data + length, 0);
  return UNWRAPPED | length;
}

/** Computes the encrypted counter block in WORK: the IV of a command (`mark` 0) or of an answer (80). */
function counterBlock(mark: u8): void {
  memory.fill(WORK, 0, 16);
  store<u8>(WORK, mark);
  store<u32>(WORK, bswap<u32>(session.counter), 12);
  aes.setKey(S_ENC);
  aes.encrypt(WORK);
}

function deriveSession(key: usize, constant: Derive, out: usize): void {
  kdf.derive(key, constant as u8, CHAIN, 16, out, 128);
}

/** Computes a cryptogram (§6.2.2) in the first eight bytes of WORK. */
function cryptogram(constant: Derive): void {
  kdf.derive(S_MAC, constant as u8, CHAIN, 16, WORK, 64);
}
