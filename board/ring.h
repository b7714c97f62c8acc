/*
 * A ring for received bytes: an interrupt stores them, and the main loop takes them. Each port has one, in its own
 * file.
 */
#ifndef DSC_RING_H
#define DSC_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "port.h"

typedef struct {
  /* Volatile like the counts, so that a byte is stored before it is counted, and read before its place is released. */
  volatile uint8_t bytes[PORT_RECEIVE_ROOM];
  /* Counts since the ring was empty. The index is the remainder. */
  volatile uint32_t in, out;
} ring_t;

static inline bool ring_has_byte(const ring_t *ring) {
  return ring->in != ring->out;
}

static inline bool ring_is_full(const ring_t *ring) {
  return ring->in - ring->out == PORT_RECEIVE_ROOM;
}

/* Called by the interrupt if the ring is not full. */
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

/*
 * Resets the counts of an empty ring, so that they do not tell how many bytes arrived. Called with the interrupt
 * masked.
 */
static inline void ring_begin_anew(ring_t *ring) {
  if (!ring_has_byte(ring)) ring->in = ring->out = 0;
}

#endif
