/*
 * The host's half of SCP03 (GPC_SPE_014) with AES-128 and S8: only what a fuzzing target needs.
 */
#ifndef DSC_FUZZ_SCP03_H
#define DSC_FUZZ_SCP03_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

enum { BLOCK = 16, MAC_SIZE = 8, HELLO_SIZE = 29, HEADER_SIZE = 5 };
enum { C_DECRYPTION = 0x02, R_MAC = 0x10 };

/* The static keys: ENC, MAC and DEK. */
typedef struct {
  uint8_t enc[BLOCK], mac[BLOCK], dek[BLOCK];
} keyset_t;

typedef struct {
  uint8_t enc[BLOCK], mac[BLOCK], rmac[BLOCK], chain[BLOCK];
  uint32_t counter;
  uint8_t level;
} scp03_t;

/* AES-CBC in place, with a zero IV; `length` is whole blocks. */
void cbc_encrypt(const uint8_t *key, uint8_t *bytes, size_t length);

/* The check value of a key: three bytes. */
void key_check_value(const uint8_t *key, uint8_t *out);

/*
 * Opens a channel with what the card answered to INITIALIZE UPDATE. Writes EXTERNAL AUTHENTICATE, of 21 bytes, to
 * `command`. False if the card's cryptogram is wrong.
 */
bool scp03_open(scp03_t *channel, const keyset_t *keys, uint8_t level, const uint8_t *host_challenge,
                const uint8_t *hello, uint8_t *command);

/*
 * Protects a command: four bytes of header, a byte for the length, and `length` bytes of data. Data is padded unless it
 * is `raw`: whole blocks as they are. Returns the length of the command.
 */
size_t scp03_wrap(scp03_t *channel, uint8_t *command, size_t length, bool raw);

/* Whether the R-MAC of an answer is right. The status word follows it. */
bool scp03_verify(const scp03_t *channel, const uint8_t *answer, size_t length);

#endif
