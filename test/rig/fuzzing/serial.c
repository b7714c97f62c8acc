/*
 * Target serial: any bytes on the line.
 *
 *   situation (1), then bytes; PAUSE and a code: time passes, PAUSE 0: that byte itself
 *
 * Mutated inputs are repaired, so that not all of them is noise: bytes between two ends of frames get a CRC, and
 * sometimes a whole frame is inserted.
 */
#include <string.h>

#include "fuzz.h"
#include "slip.h"

enum { PAUSE = 0xe7, CRC_SIZE = 2, ROOM = 8192 };

static const char *const starts[] = {"off",  "pin",  "challenge", "locked", "blank-off",
                                     "blank", "seeded", "server-pin", "test",  "blocked"};
enum { STARTS = sizeof starts / sizeof *starts };

static const snapshot_t *snapshots[STARTS];

static void start(void) {
  for (size_t i = 0; i < STARTS; i++) snapshots[i] = situation(starts[i]);
}

static void run(const uint8_t *bytes, size_t length) {
  input_t input = {bytes, bytes + length};
  snapshot_restore(snapshots[input_byte(&input) % STARTS]);
  while (!input_ended(&input)) {
    const uint8_t byte = input_byte(&input);
    const uint8_t code = byte == PAUSE ? input_byte(&input) : 0;
    if (code) call_tick(time_of(code));
    else call_serial(byte);
  }
}

/* ---- mending ---- */

/* Useful frames: channel and payload. */
static const struct {
  uint8_t length;
  uint8_t bytes[27];
} frames[] = {
  {1, {0}},
  {1, {1}},
  {3, {1, 11, 1}},
  {3, {1, 11, 0}},
  {3, {1, 10, 1}},
  {5, {0, 0x00, 0xa4, 0x04, 0x00}},
  {14, {0, 0x00, 0xa4, 0x04, 0x00, 0x08, 0xa0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00}},
  {5, {0, 0x80, 0xca, 0x00, 0x45}},
  {5, {0, 0x80, 0xca, 0x00, 0xe0}},
  {6, {0, 0x80, 0xca, 0xdf, 0x20, 0x00}},
  {5, {0, 0x80, 0xca, 0xdf, 0x21}},
  {5, {0, 0x80, 0xca, 0xdf, 0x22}},
  {5, {0, 0x80, 0xca, 0xdf, 0x23}},
  {5, {0, 0x80, 0xca, 0xdf, 0x24}},
  {5, {0, 0x80, 0x10, 0x01, 0x00}},
  {5, {0, 0x80, 0x10, 0x02, 0x00}},
  {5, {0, 0x80, 0x10, 0x05, 0x00}},
  {14, {0, 0x80, 0x50, 0x00, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8}},
  {22, {0, 0x84, 0x82, 0x33, 0x00, 0x10}},
  {14, {0, 0x84, 0xe2, 0xe0, 0x00, 0x08}},
};

/* The buffer in which an input is repaired. */
static struct {
  uint8_t bytes[ROOM];
  size_t length;
} made;

static void put(uint8_t byte) {
  if (made.length < ROOM) made.bytes[made.length++] = byte;
}

static void put_escaped(uint8_t byte) {
  if (byte == SLIP_END || byte == SLIP_ESC) {
    put(SLIP_ESC);
    put(byte == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC);
  } else {
    put(byte);
    if (byte == PAUSE) put(0);
  }
}

static void put_frame(const uint8_t *bytes, size_t length) {
  const uint16_t crc = crc16(bytes, length);
  put(SLIP_END);
  for (size_t i = 0; i < length; i++) put_escaped(bytes[i]);
  put_escaped((uint8_t)(crc >> 8));
  put_escaped((uint8_t)crc);
  put(SLIP_END);
}

/* Collects the bytes of a frame up to its end, and moves its pauses before it. Returns the number of bytes. */
static size_t collect(input_t *input, uint8_t *frame) {
  size_t length = 0;
  bool escaped = false;
  while (!input_ended(input)) {
    const uint8_t byte = input_byte(input);
    const uint8_t code = byte == PAUSE ? input_byte(input) : 0;
    if (byte == SLIP_END) break;
    if (code) {
      put(PAUSE);
      put(code);
    } else if (byte == SLIP_ESC && !escaped) {
      escaped = true;
    } else if (length < ROOM) {
      frame[length++] = !escaped ? byte : byte == SLIP_ESC_END ? SLIP_END : SLIP_ESC;
      escaped = false;
    }
  }
  return length;
}

static size_t mend(uint8_t *bytes, size_t length, size_t most, uint32_t seed) {
  static uint8_t frame[ROOM];
  input_t input = {bytes, bytes + length};
  if (length == 0 || seed % 8 == 0) return length;
  made.length = 0;
  put(input_byte(&input));
  uint32_t countdown = seed >> 3 & 7;
  while (!input_ended(&input)) {
    const size_t size = collect(&input, frame);
    if (countdown-- == 0) {
      const size_t which = (seed >> 8) % (sizeof frames / sizeof *frames);
      put_frame(frames[which].bytes, frames[which].length);
    }
    if (size > CRC_SIZE) put_frame(frame, size - CRC_SIZE);
  }
  const size_t size = made.length < most ? made.length : most;
  memcpy(bytes, made.bytes, size);
  return size;
}

const target_t serial_target = {"serial", start, run, mend};
