/*
 * The host's half of SCP03. The target channel tests it, since it can only begin if the card accepts these messages.
 */
#include "scp03.h"

#include <string.h>

enum { KDF_HEAD = 16, CONTEXT = 16, LABEL_ZEROS = 11, ROUNDS = 10 };
/* Derivation constants (table 4-1). */
enum { CARD_CRYPTOGRAM = 0, HOST_CRYPTOGRAM = 1, S_ENC = 4, S_MAC = 6, S_RMAC = 7 };

/* ---- AES-128 (FIPS 197) ---- */

static uint8_t sbox[256];

QUICK static uint8_t times_two(uint8_t x) {
  return (uint8_t)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static uint8_t rotate(uint8_t x, unsigned by) {
  return (uint8_t)(x << by | x >> (8 - by));
}

/* Visits all of GF(2^8) with a generator and its inverse. */
static void make_sbox(void) {
  uint8_t p = 1, q = 1;
  do {
    p = (uint8_t)(p ^ times_two(p));
    q ^= (uint8_t)(q << 1);
    q ^= (uint8_t)(q << 2);
    q ^= (uint8_t)(q << 4);
    if (q & 0x80) q ^= 0x09;
    sbox[p] = (uint8_t)(q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4) ^ 0x63);
  } while (p != 1);
  sbox[0] = 0x63;
}

QUICK static void next_round_key(uint8_t *key, uint8_t constant) {
  for (unsigned i = 0; i < 4; i++) key[i] ^= sbox[key[12 + (i + 1) % 4]];
  key[0] ^= constant;
  for (unsigned i = 4; i < BLOCK; i++) key[i] ^= key[i - 4];
}

QUICK static void add_key(uint8_t *state, const uint8_t *key) {
  for (unsigned i = 0; i < BLOCK; i++) state[i] ^= key[i];
}

QUICK static void sub_and_shift(uint8_t *state) {
  uint8_t from[BLOCK];
  memcpy(from, state, BLOCK);
  for (unsigned i = 0; i < BLOCK; i++) state[i] = sbox[from[(i + 4 * (i % 4)) % BLOCK]];
}

QUICK static void mix_columns(uint8_t *state) {
  for (uint8_t *c = state; c < state + BLOCK; c += 4) {
    const uint8_t all = c[0] ^ c[1] ^ c[2] ^ c[3], first = c[0];
    for (unsigned i = 0; i < 4; i++) c[i] ^= (uint8_t)(all ^ times_two(c[i] ^ (i < 3 ? c[i + 1] : first)));
  }
}

QUICK static void encrypt(const uint8_t *key, uint8_t *state) {
  uint8_t round_key[BLOCK], constant = 1;
  if (!sbox[0]) make_sbox();
  memcpy(round_key, key, BLOCK);
  add_key(state, round_key);
  for (unsigned round = 1; round <= ROUNDS; round++) {
    sub_and_shift(state);
    if (round < ROUNDS) mix_columns(state);
    next_round_key(round_key, constant);
    constant = times_two(constant);
    add_key(state, round_key);
  }
}

static void cbc_from(const uint8_t *key, const uint8_t *iv, uint8_t *bytes, size_t length) {
  for (uint8_t *at = bytes; at < bytes + length; at += BLOCK) {
    add_key(at, iv);
    encrypt(key, at);
    iv = at;
  }
}

void cbc_encrypt(const uint8_t *key, uint8_t *bytes, size_t length) {
  static const uint8_t zeros[BLOCK];
  cbc_from(key, zeros, bytes, length);
}

void key_check_value(const uint8_t *key, uint8_t *out) {
  uint8_t block[BLOCK];
  memset(block, 1, BLOCK);
  encrypt(key, block);
  memcpy(out, block, 3);
}

/* ---- CMAC (NIST SP 800-38B) ---- */

static void double_block(uint8_t *block) {
  const uint8_t carry = block[0] & 0x80 ? 0x87 : 0;
  for (unsigned i = 0; i < BLOCK; i++) block[i] = (uint8_t)(block[i] << 1 | (i < BLOCK - 1 ? block[i + 1] >> 7 : 0));
  block[BLOCK - 1] ^= carry;
}

static void cmac(const uint8_t *key, const uint8_t *bytes, size_t length, uint8_t *out) {
  uint8_t last[BLOCK] = {0}, state[BLOCK] = {0}, subkey[BLOCK] = {0};
  const size_t whole = length ? (length - 1) / BLOCK * BLOCK : 0;
  encrypt(key, subkey);
  double_block(subkey);
  if (length == 0 || length % BLOCK) double_block(subkey);
  for (size_t at = 0; at < whole; at += BLOCK) {
    add_key(state, bytes + at);
    encrypt(key, state);
  }
  memcpy(last, bytes + whole, length - whole);
  if (length - whole < BLOCK) last[length - whole] = 0x80;
  add_key(state, last);
  add_key(state, subkey);
  encrypt(key, state);
  memcpy(out, state, BLOCK);
}

/* CMAC under S-MAC or S-RMAC of chaining value and bytes. */
static void chained_mac(const scp03_t *channel, const uint8_t *key, const uint8_t *bytes, size_t length, uint8_t *out) {
  uint8_t chained[BLOCK + 264];
  memcpy(chained, channel->chain, BLOCK);
  memcpy(chained + BLOCK, bytes, length);
  cmac(key, chained, BLOCK + length, out);
}

/* ---- the channel ---- */

/* §4.1.5, of one block: `size` bytes. */
static void derive(const uint8_t *key, uint8_t constant, const uint8_t *context, uint8_t *out, uint8_t size) {
  uint8_t input[KDF_HEAD + CONTEXT] = {0}, block[BLOCK];
  input[LABEL_ZEROS] = constant;
  input[LABEL_ZEROS + 3] = (uint8_t)(8 * size);
  input[LABEL_ZEROS + 4] = 1;
  memcpy(input + KDF_HEAD, context, CONTEXT);
  cmac(key, input, sizeof input, block);
  memcpy(out, block, size);
}

static void sign(scp03_t *channel, uint8_t *command, size_t length) {
  command[4] = (uint8_t)(length + MAC_SIZE);
  chained_mac(channel, channel->mac, command, HEADER_SIZE + length, channel->chain);
  memcpy(command + HEADER_SIZE + length, channel->chain, MAC_SIZE);
}

bool scp03_open(scp03_t *channel, const keyset_t *keys, uint8_t level, const uint8_t *host_challenge,
                const uint8_t *hello, uint8_t *command) {
  static const uint8_t header[] = {0x84, 0x82, 0, 0};
  uint8_t context[CONTEXT], cryptogram[MAC_SIZE];
  memcpy(context, host_challenge, 8);
  memcpy(context + 8, hello + 13, 8);
  derive(keys->enc, S_ENC, context, channel->enc, BLOCK);
  derive(keys->mac, S_MAC, context, channel->mac, BLOCK);
  derive(keys->mac, S_RMAC, context, channel->rmac, BLOCK);
  derive(channel->mac, CARD_CRYPTOGRAM, context, cryptogram, MAC_SIZE);
  memset(channel->chain, 0, BLOCK);
  channel->counter = 0;
  channel->level = level;
  memcpy(command, header, sizeof header);
  command[2] = level;
  derive(channel->mac, HOST_CRYPTOGRAM, context, command + HEADER_SIZE, MAC_SIZE);
  sign(channel, command, MAC_SIZE);
  return memcmp(cryptogram, hello + 21, MAC_SIZE) == 0;
}

size_t scp03_wrap(scp03_t *channel, uint8_t *command, size_t length, bool raw) {
  channel->counter++;
  if (length && channel->level & C_DECRYPTION) {
    uint8_t iv[BLOCK] = {0};
    for (unsigned i = 0; i < 4; i++) iv[BLOCK - 1 - i] = (uint8_t)(channel->counter >> 8 * i);
    encrypt(channel->enc, iv);
    if (!raw) {
      const size_t padded = (length + BLOCK) / BLOCK * BLOCK;
      memset(command + HEADER_SIZE + length, 0, padded - length);
      command[HEADER_SIZE + length] = 0x80;
      length = padded;
    }
    cbc_from(channel->enc, iv, command + HEADER_SIZE, length / BLOCK * BLOCK);
  }
  sign(channel, command, length);
  return HEADER_SIZE + length + MAC_SIZE;
}

bool scp03_verify(const scp03_t *channel, const uint8_t *answer, size_t length) {
  uint8_t signed_part[264], mac[BLOCK];
  if (length < MAC_SIZE + 2) return false;
  const size_t inner = length - MAC_SIZE - 2;
  memcpy(signed_part, answer, inner);
  memcpy(signed_part + inner, answer + length - 2, 2);
  chained_mac(channel, channel->rmac, signed_part, inner + 2, mac);
  return memcmp(mac, answer + inner, MAC_SIZE) == 0;
}
