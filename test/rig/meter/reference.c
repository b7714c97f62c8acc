/*
 * The response in plain C, as written for a product without a module. SHA-256 as in FIPS 180-4 §6.2.2, HMAC as
 * in RFC 2104, truncation as in RFC 4226 §5.3, the data of RFC 6287 §6.
 */
#include "reference.h"

#include <string.h>

#define SUITE "OCRA-1:HOTP-SHA256-8:QN06"
#define BLOCK 64u
#define DIGEST 32u
#define QUESTION 128u
#define CHALLENGE 6u
#define DIGITS 8u

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

typedef struct {
  uint32_t state[8];
  uint8_t block[BLOCK];
  uint32_t length;
} sha256_t;

static uint32_t rotr(uint32_t x, unsigned n) {
  return x >> n | x << (32 - n);
}

static uint32_t get32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24);
  at[1] = (uint8_t)(value >> 16);
  at[2] = (uint8_t)(value >> 8);
  at[3] = (uint8_t)value;
}

static void compress(uint32_t *state, const uint8_t *block) {
  uint32_t w[16];
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (unsigned t = 0; t < 64; t++) {
    if (t < 16) {
      w[t] = get32(block + 4 * t);
    } else {
      const uint32_t w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
      w[t & 15] += (rotr(w15 ^ rotr(w15, 11), 7) ^ w15 >> 3) + w[(t + 9) & 15] + (rotr(w2 ^ rotr(w2, 2), 17) ^ w2 >> 10);
    }
    const uint32_t t1 = h + rotr(e ^ rotr(e ^ rotr(e, 14), 5), 6) + (g ^ (e & (f ^ g))) + k[t] + w[t & 15];
    const uint32_t t2 = rotr(a ^ rotr(a ^ rotr(a, 9), 11), 2) + ((a & b) | (c & (a | b)));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static void begin(sha256_t *sha) {
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(sha->state, initial, sizeof initial);
  sha->length = 0;
}

static void update(sha256_t *sha, const uint8_t *data, uint32_t length) {
  while (length > 0) {
    const uint32_t used = sha->length % BLOCK;
    const uint32_t taken = length < BLOCK - used ? length : BLOCK - used;
    memcpy(sha->block + used, data, taken);
    sha->length += taken;
    data += taken;
    length -= taken;
    if (used + taken == BLOCK) compress(sha->state, sha->block);
  }
}

static void end(sha256_t *sha, uint8_t *digest) {
  const uint32_t bits = sha->length * 8;
  uint32_t used = sha->length % BLOCK;
  sha->block[used++] = 0x80;
  if (used > BLOCK - 8) {
    memset(sha->block + used, 0, BLOCK - used);
    compress(sha->state, sha->block);
    used = 0;
  }
  memset(sha->block + used, 0, BLOCK - 4 - used);
  put32(sha->block + BLOCK - 4, bits);
  compress(sha->state, sha->block);
  for (unsigned i = 0; i < 8; i++) put32(digest + 4 * i, sha->state[i]);
}

static void begin_pad(sha256_t *sha, const uint8_t *key, uint8_t mask) {
  uint8_t pad[BLOCK];
  memset(pad, mask, BLOCK);
  for (unsigned i = 0; i < DIGEST; i++) pad[i] ^= key[i];
  begin(sha);
  update(sha, pad, BLOCK);
}

/* The challenge as a number, in hexadecimal, from the left (RFC 6287 §5.1, Q of format N). */
static void encode(const uint8_t *challenge, uint8_t *question) {
  uint32_t number = 0;
  for (unsigned i = 0; i < CHALLENGE; i++) number = number * 10 + challenge[i] - '0';
  memset(question, 0, QUESTION);
  while (number && !(number >> 28)) number <<= 4;
  put32(question, number);
}

void reference_response(const uint8_t *key, const uint8_t *challenge, uint8_t *response) {
  sha256_t sha;
  uint8_t question[QUESTION], digest[DIGEST];
  begin_pad(&sha, key, 0x36);
  update(&sha, (const uint8_t *)SUITE, sizeof SUITE);
  encode(challenge, question);
  update(&sha, question, QUESTION);
  end(&sha, digest);
  begin_pad(&sha, key, 0x5c);
  update(&sha, digest, DIGEST);
  end(&sha, digest);
  uint32_t code = get32(digest + (digest[DIGEST - 1] & 15)) & 0x7fffffffu;
  for (unsigned i = DIGITS; i > 0; i--) {
    response[i - 1] = (uint8_t)('0' + code % 10);
    code /= 10;
  }
}
