// The test build: the firmware's crypto, callable from tests. A buffer for arguments follows it in memory.

import * as aes from "../../../firmware/crypto/aes";
import * as cbc from "../../../firmware/crypto/cbc";
import * as cmacs from "../../../firmware/crypto/cmac";
import * as crc16s from "../../../firmware/crypto/crc16";
import * as crc from "../../../firmware/crypto/crc32";
import * as hash from "../../../firmware/crypto/hash";
import * as hmacs from "../../../firmware/crypto/hmac";
import * as kdf from "../../../firmware/crypto/kdf";
import * as ocras from "../../../firmware/crypto/ocra";
import * as siv from "../../../firmware/crypto/siv";

/** Where the buffer begins; it reaches to the end of the memory's one page. */
export function buffer(): usize {
  return (__heap_base + 15) & ~15;
}

export function digest(algorithm: u32, data: usize, length: u32, out: usize): u32 {
  hash.begin(algorithm);
  hash.update(data, length);
  hash.end(out);
  return hash.digestSize(algorithm);
}

/** HMAC of a message taken in two parts, the first `split` bytes long. */
export function hmac(
  algorithm: u32,
  key: usize,
  keyLength: u32,
  data: usize,
  length: u32,
  split: u32,
  out: usize,
): u32 {
  hmacs.begin(algorithm, key, keyLength);
  hmacs.update(data, split);
  hmacs.update(data + split, length - split);
  hmacs.end(out);
  return hash.digestSize(algorithm);
}

export function aesEncrypt(key: usize, block: usize): void {
  aes.setKey(key);
  aes.encrypt(block);
  aes.wipe();
}

/** CBC in place, with the 16 bytes at `iv`. */
export function cbcEncrypt(key: usize, iv: usize, data: usize, length: u32): void {
  cbc.encrypt(key, iv, data, length);
}

export function cbcDecrypt(key: usize, iv: usize, data: usize, length: u32): void {
  cbc.decrypt(key, iv, data, length);
}

export function crc16(data: usize, length: u32): u32 {
  return crc16s.crc16(data, length);
}

/** CMAC of a message taken in two parts, the first `split` bytes long. */
export function cmac(key: usize, data: usize, length: u32, split: u32, out: usize): void {
  cmacs.begin(key);
  cmacs.update(data, split);
  cmacs.update(data + split, length - split);
  cmacs.end(out);
}

export function derive(key: usize, constant: u32, context: usize, length: u32, out: usize, bits: u32): void {
  kdf.derive(key, constant as u8, context, length, out, bits);
}

export function sivSeal(key: usize, plain: usize, length: u32, sealed: usize): void {
  siv.seal(key, plain, length, sealed);
}

export function sivOpen(key: usize, sealed: usize, length: u32, plain: usize): u32 {
  return siv.open(key, sealed, length, plain);
}

export function crc32(seed: u32, data: usize, length: u32): u32 {
  return crc.crc32(seed, data, length);
}

export function ocraParse(text: usize, length: u32): u32 {
  return ocras.parse(text, length) ? 1 : 0;
}

/** A field of the suite parsed last: 0 algorithm, 1 digits, 2 counter, 3 format, 4 challenge, 5 pin, 6 session, 7 step. */
export function ocraField(field: u32): u32 {
  return load<u32>(changetype<usize>(ocras.suite) + (field << 2));
}

export function ocraRespond(
  text: usize,
  length: u32,
  key: usize,
  keyLength: u32,
  counter: u64,
  challenge: usize,
  challengeLength: u32,
  pin: usize,
  session: usize,
  sessionLength: u32,
  time: u64,
  out: usize,
): u32 {
  ocras.input.counter = counter;
  ocras.input.challenge = challenge;
  ocras.input.challengeLength = challengeLength;
  ocras.input.pin = pin;
  ocras.input.session = session;
  ocras.input.sessionLength = sessionLength;
  ocras.input.time = time;
  return ocras.respond(text, length, key, keyLength, out);
}
