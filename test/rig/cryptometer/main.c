/*
 * The crypto meter: runs the test build of the firmware's crypto (test/firmware/module/crypto.ts) on the chip, and
 * measures each call for keys and messages that the chip draws.
 *
 *   request   operation, a, b (little-endian words)
 *   answer    fewest ticks, most ticks, the first round whose time differs from round 0, result of the last
 */
#include <string.h>

#include "crypto.h"
#include "../meter/line.h"
#include "port.h"

enum {
  /* Puts byte b at a. */
  POKE = 'p',
  /* Byte at a. */
  PEEK = 'g',
  SEED = 's',
  /* From now on b bytes (or ASCII digits) at a are drawn before each call. */
  DRAW = 'd',
  DRAW_DIGITS = 'n',
  /* Calls function a, b times, with the arguments (eight words) that follow. */
  CALL = 'c',
};

enum { BUFFER, AES, CMAC, HMAC, SIV_SEAL, SIV_OPEN, PARSE, RESPOND };

#define ARGUMENTS 8u
/* Half an instruction: a call's ticks are rounded either way. */
#define SLACK 8u

typedef struct {
  uint32_t at, length;
} region_t;

static Z_crypto_instance_t instance;
static region_t bytes, digits;
static uint32_t state = 1;

static struct {
  uint32_t fewest, most, odd, result;
} report;

uint8_t wasm_rt_memory[WASM_RT_MEMORY_SIZE] __attribute__((aligned(8)));

void wasm_rt_trap(wasm_rt_trap_t reason) {
  (void)reason;
  port_reset();
}

/* Marsaglia's xorshift32. */
static uint32_t draw(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state >> 8;
}

static void draw_all(void) {
  for (uint32_t i = 0; i < bytes.length; i++) wasm_rt_memory[bytes.at + i] = (uint8_t)draw();
  for (uint32_t i = 0; i < digits.length; i++) wasm_rt_memory[digits.at + i] = (uint8_t)('0' + draw() % 10);
}

static uint32_t call(uint32_t function, const uint32_t *a) {
  switch (function) {
    case AES:
      Z_cryptoZ_aesEncrypt(&instance, a[0], a[1]);
      return 0;
    case CMAC:
      Z_cryptoZ_cmac(&instance, a[0], a[1], a[2], a[2], a[3]);
      return 0;
    case HMAC:
      return Z_cryptoZ_hmac(&instance, a[0], a[1], a[2], a[3], a[4], a[4], a[5]);
    case SIV_SEAL:
      Z_cryptoZ_sivSeal(&instance, a[0], a[1], a[2], a[3]);
      return 0;
    case SIV_OPEN:
      return Z_cryptoZ_sivOpen(&instance, a[0], a[1], a[2], a[3]);
    case PARSE:
      return Z_cryptoZ_ocraParse(&instance, a[0], a[1]);
    case RESPOND:
      return Z_cryptoZ_ocraRespond(&instance, a[0], a[1], a[2], a[3], 0, a[4], a[5], 0, 0, 0, 0, a[6]);
    default:
      return Z_cryptoZ_buffer(&instance);
  }
}

static void count(uint32_t function, uint32_t rounds) {
  uint32_t arguments[ARGUMENTS], first = 0;
  for (uint32_t i = 0; i < ARGUMENTS; i++) arguments[i] = line_word();
  report.fewest = 0xffffffffu;
  report.most = report.odd = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    draw_all();
    const uint32_t start = line_ticks();
    report.result = call(function, arguments);
    const uint32_t ticks = line_ticks() - start;
    if (round == 0) first = ticks;
    if (ticks < report.fewest) report.fewest = ticks;
    if (ticks > report.most) report.most = ticks;
    if (ticks - first + SLACK > 2 * SLACK && report.odd == 0) report.odd = round;
  }
}

static void carry_out(uint8_t operation, uint32_t a, uint32_t b) {
  switch (operation) {
    case POKE:
      wasm_rt_memory[a % WASM_RT_MEMORY_SIZE] = (uint8_t)b;
      return;
    case PEEK:
      report.result = wasm_rt_memory[a % WASM_RT_MEMORY_SIZE];
      return;
    case SEED:
      state = a;
      return;
    case DRAW:
      bytes = (region_t){a, b};
      return;
    case DRAW_DIGITS:
      digits = (region_t){a, b};
      return;
    case CALL:
      count(a, b);
      return;
    default:
      return;
  }
}

int main(void) {
  line_start();
  Z_crypto_init_module();
  Z_crypto_instantiate(&instance);
  line_send(&report, sizeof report);
  for (;;) {
    const uint8_t operation = line_request();
    const uint32_t a = line_word();
    const uint32_t b = line_word();
    carry_out(operation, a, b);
    line_send(&report, sizeof report);
  }
}
