/*
 * Bytes that an interrupt takes from the serial line until the main loop asks for them. One ring, in the port's own file.
 */
#ifndef DSC_RING_H
#define DSC_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

typedef struct {
  /* Volatile as the counts are: a byte is there before it is counted, and taken before its place is given back. */
  volatile uint8_t bytes[PORT_RECEIVE_ROOM];
  /* Counted since the ring was empty; the place is the remainder. */
  volatile uint32_t in, out;
} ring_t;

static inline bool ring_has_byte(const ring_t *ring) {
  return ring->in != ring->out;
}

static inline bool ring_is_full(const ring_t *ring) {
  return ring->in - ring->out == PORT_RECEIVE_ROOM;
}

/* Called by the interrupt, where the ring is not full. */
static inline void ring_put(ring_t *ring, uint8_t byte) {
  ring->bytes[ring->in % PORT_RECEIVE_ROOM] = byte;
  ring->in++;
}

/* The next byte, or -1. It is wiped from the ring. */
static inline int ring_take(ring_t *ring) {
  if (!ring_has_byte(ring)) return -1;
  volatile uint8_t *const place = &ring->bytes[ring->out % PORT_RECEIVE_ROOM];
  const uint8_t byte = *place;
  *place = 0;
  ring->out++;
  return byte;
}

/* An empty ring begins anew, so that nobody sees how many bytes there were. Called with the interrupt masked. */
static inline void ring_begin_anew(ring_t *ring) {
  if (!ring_has_byte(ring)) ring->in = ring->out = 0;
}

#endif
