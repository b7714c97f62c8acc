/* Frames of the serial line (docs/PROTOCOL.md): the bytes of SLIP, and the checksum. */
#ifndef DSC_SLIP_H
#define DSC_SLIP_H

#include <stdint.h>

#define SLIP_END 0xc0u
#define SLIP_ESC 0xdbu
#define SLIP_ESC_END 0xdcu
#define SLIP_ESC_ESC 0xddu

/* Adds a byte to a CRC-16/IBM-3740. Over bytes followed by their own CRC the result is zero. */
#define CRC16_START 0xffffu

static inline uint32_t crc16_add(uint32_t crc, uint8_t byte) {
  crc ^= (uint32_t)byte << 8;
  for (int bit = 0; bit < 8; bit++) crc = crc & 0x8000u ? (crc << 1 ^ 0x1021u) & 0xffffu : crc << 1;
  return crc;
}

#endif
