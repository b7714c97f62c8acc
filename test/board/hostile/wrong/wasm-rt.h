/*
 * The board's runtime with a wrong bounds check, chosen by WRONG. The tests of the right check must notice it.
 */
#ifndef HOSTILE_WRONG_WASM_RT_H_
#define HOSTILE_WRONG_WASM_RT_H_

#include "../../../../board/runtime/wasm-rt.h"

#undef wasm_rt_memcpy

#define WRONG_WRAPS 1
#define WRONG_FIRST_BYTE 2
#define WRONG_ALIGNED 3
#define WRONG_UNCHECKED 4

static inline __attribute__((always_inline)) void wrong_check(uint64_t addr, uint32_t size) {
#if WRONG == WRONG_WRAPS
  /* base + offset in 32 bits. */
  if ((uint32_t)addr > WASM_RT_MEMORY_SIZE - size) wasm_rt_trap(WASM_RT_TRAP_OOB);
#elif WRONG == WRONG_FIRST_BYTE
  (void)size;
  if (addr >= WASM_RT_MEMORY_SIZE) wasm_rt_trap(WASM_RT_TRAP_OOB);
#elif WRONG == WRONG_ALIGNED
  if (addr > WASM_RT_MEMORY_SIZE - size) wasm_rt_trap(WASM_RT_TRAP_OOB);
#else
  /* No check, as in the stock runtime if its promised signal handler is missing. */
  (void)addr, (void)size;
#endif
}

#if WRONG == WRONG_ALIGNED
/* A word access whatever the address. */
#define WRONG_PLACE(place, size) __builtin_assume_aligned(place, size)
#else
#define WRONG_PLACE(place, size) (place)
#endif

#define wasm_rt_memcpy(to, from, size)                                                        \
  (wrong_check(addr, size), __builtin_types_compatible_p(__typeof__(to), uint8_t *)           \
                                ? __builtin_memcpy(WRONG_PLACE(to, size), from, size)         \
                                : __builtin_memcpy(to, WRONG_PLACE(from, size), size))

#endif
