// AES for the secure channel, by node:crypto, which wipes its key schedules after use: one block, CBC without padding,
// and CMAC (NIST SP 800-38B, RFC 4493).
//
// Results may be keys. They are in separate memory (secretbytes.ts) that the caller wipes.

import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from "node:crypto";
import { secretBytes } from "../files/secretbytes.js";

const BLOCK = 16;
/** The reduction for a carry out of the highest bit: x^128 = x^7 + x^2 + x + 1. */
const CARRY = 0x87;

/** Encrypts one block, or several independent ones. */
export function encryptBlocks(key: Uint8Array, blocks: Uint8Array): Buffer {
  return through(createCipheriv(`aes-${8 * key.length}-ecb`, key, null), blocks);
}

/** Encrypts whole blocks, chained from `iv`. */
export function encryptCbc(key: Uint8Array, iv: Uint8Array, blocks: Uint8Array): Buffer {
  return through(createCipheriv(`aes-${8 * key.length}-cbc`, key, iv), blocks);
}

export function decryptCbc(key: Uint8Array, iv: Uint8Array, blocks: Uint8Array): Buffer {
  return through(createDecipheriv(`aes-${8 * key.length}-cbc`, key, iv), blocks);
}

/**
 * Block by block: Node moves each result to a smaller buffer and frees the first one without wiping it. The allocator then
 * uses the memory of a single block for its own lists, but not the end of a longer result.
 */
function through(cipher: Cipher | Decipher, blocks: Uint8Array): Buffer {
  cipher.setAutoPadding(false);
  const result = secretBytes(blocks.length);
  for (let at = 0; at < blocks.length; at += BLOCK) {
    const block = cipher.update(blocks.subarray(at, at + BLOCK));
    result.set(block, at);
    block.fill(0);
  }
  // `final` returns no more bytes, but wipes the key schedule.
  cipher.final();
  return result;
}

/** CMAC of a message, 16 bytes. */
export function cmac(key: Uint8Array, message: Uint8Array): Buffer {
  const size = Math.max(BLOCK, Math.ceil(message.length / BLOCK) * BLOCK);
  const blocks = secretBytes(size);
  blocks.set(message);
  if (message.length < size) blocks[message.length] = 0x80;
  const mask = subkey(key, message.length === size ? 1 : 2);
  for (let i = 0; i < BLOCK; i++) blocks[size - BLOCK + i] = (blocks[size - BLOCK + i] as number) ^ (mask[i] as number);
  const chained = encryptCbc(key, new Uint8Array(BLOCK), blocks);
  blocks.fill(0);
  mask.fill(0);
  chained.fill(0, 0, size - BLOCK);
  return chained.subarray(size - BLOCK);
}

/** K1 or K2: the encrypted zero block, doubled this many times. */
function subkey(key: Uint8Array, doublings: number): Buffer {
  const block = encryptBlocks(key, new Uint8Array(BLOCK));
  for (let i = 0; i < doublings; i++) double(block);
  return block;
}

function double(block: Buffer): void {
  const carry = (block[0] as number) & 0x80 ? CARRY : 0;
  for (let i = 0; i < BLOCK; i++)
    block[i] = ((block[i] as number) << 1) | (((i < BLOCK - 1 && block[i + 1]) || 0) >> 7);
  block[BLOCK - 1] = (block[BLOCK - 1] as number) ^ carry;
}
