/*
 * The host's side of wasm2c's runtime (wabt 1.0.32), in place of its stock header: one module, one linear memory of
 * fixed size and address, no tables, no growth, no exceptions.
 *
 * wasm2c's loads and stores are
 *
 *     MEMCHECK(mem, addr, t1); wasm_rt_memcpy(&result, &mem->data[addr], sizeof(t1));
 *
 * with a 64-bit addr = base + offset that cannot wrap. The stock check is 64-bit arithmetic against a size in memory,
 * and on a core without unaligned access the stock copy moves single bytes: together SHA-256 takes four times the
 * instructions of plain C. Here MEMCHECK is empty, and wasm_rt_memcpy checks against a constant and moves whole words
 * if the address is aligned. test/board/memory.test.ts tests it with hostile modules.
 */
#ifndef WASM_RT_H_
#define WASM_RT_H_

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Makes MEMCHECK empty. There is no signal handler: wasm_rt_load and wasm_rt_store below check instead. */
#define WASM_RT_MEMCHECK_SIGNAL_HANDLER 1
/* The module's calls have no cycle (test/board/image.test.ts), so the build can bound the stack. */
#define WASM_RT_USE_STACK_DEPTH_COUNT 0

/* The linear memory that a chip gives the firmware (docs/ABI.md), in bytes. (Test builds of parts of it need more.) */
#ifndef WASM_RT_MEMORY_SIZE
#define WASM_RT_MEMORY_SIZE 4096u
#endif
_Static_assert((WASM_RT_MEMORY_SIZE & (WASM_RT_MEMORY_SIZE - 1)) == 0, "a power of two");

typedef enum {
  WASM_RT_TRAP_NONE,
  WASM_RT_TRAP_OOB,
  WASM_RT_TRAP_INT_OVERFLOW,
  WASM_RT_TRAP_DIV_BY_ZERO,
  WASM_RT_TRAP_INVALID_CONVERSION,
  WASM_RT_TRAP_UNREACHABLE,
  WASM_RT_TRAP_CALL_INDIRECT,
  WASM_RT_TRAP_UNCAUGHT_EXCEPTION,
  WASM_RT_TRAP_EXHAUSTION,
} wasm_rt_trap_t;

typedef enum {
  WASM_RT_I32,
  WASM_RT_I64,
  WASM_RT_F32,
  WASM_RT_F64,
  WASM_RT_FUNCREF,
  WASM_RT_EXTERNREF,
} wasm_rt_type_t;

typedef struct {
  uint8_t *data;
  uint32_t size;
} wasm_rt_memory_t;

/* The only memory. Its address is a constant, which saves an addition in every access. */
extern uint8_t wasm_rt_memory[WASM_RT_MEMORY_SIZE];

/* Ends the call into the module, and with it the card's session. Never returns. */
_Noreturn void wasm_rt_trap(wasm_rt_trap_t reason);

/*
 * The memory's size is a power of two, so one mask separates addresses that are aligned and in range from all others.
 * The others are rare and go to separate functions, which pass values, so that variables stay in registers.
 */
#define WASM_RT_IS_PLAIN(addr, size) LIKELY(((addr) & ~(uint64_t)(WASM_RT_MEMORY_SIZE - (size))) == 0)

/* The `size` bytes at any address `addr` in range; otherwise a trap. */
static __attribute__((noinline, cold, unused)) uint64_t wasm_rt_load_slowly(uint64_t addr, uint32_t size) {
  uint64_t value = 0;
  if (addr > WASM_RT_MEMORY_SIZE - size) wasm_rt_trap(WASM_RT_TRAP_OOB);
  __builtin_memcpy(&value, wasm_rt_memory + addr, size);
  return value;
}

static __attribute__((noinline, cold, unused)) void wasm_rt_store_slowly(uint64_t addr, uint32_t size, uint64_t value) {
  if (addr > WASM_RT_MEMORY_SIZE - size) wasm_rt_trap(WASM_RT_TRAP_OOB);
  __builtin_memcpy(wasm_rt_memory + addr, &value, size);
}

/* A pointer that is `size`-aligned. Clang 14 requires a literal there, so it goes without the hint. */
#ifdef __clang__
#define WASM_RT_ALIGNED(place, size) (place)
#else
#define WASM_RT_ALIGNED(place, size) __builtin_assume_aligned(place, size)
#endif

/*
 * Both require a little-endian core, since WebAssembly's memory is little-endian. `size` is a constant: 1, 2, 4 or 8.
 */
static inline __attribute__((always_inline)) void wasm_rt_load(uint64_t addr, void *to, uint32_t size) {
  if (WASM_RT_IS_PLAIN(addr, size)) {
    __builtin_memcpy(to, WASM_RT_ALIGNED(wasm_rt_memory + addr, size), size);
  } else {
    const uint64_t value = wasm_rt_load_slowly(addr, size);
    __builtin_memcpy(to, &value, size);
  }
}

static inline __attribute__((always_inline)) void wasm_rt_store(uint64_t addr, const void *from, uint32_t size) {
  if (WASM_RT_IS_PLAIN(addr, size)) {
    __builtin_memcpy(WASM_RT_ALIGNED(wasm_rt_memory + addr, size), from, size);
  } else {
    uint64_t value = 0;
    __builtin_memcpy(&value, from, size);
    wasm_rt_store_slowly(addr, size, value);
  }
}

/*
 * Replaces the copy in each of wasm2c's loads and stores, where `addr` is the address; nothing else uses it. In a store
 * the destination is a byte of the memory, in a load a variable of the access's type. For single bytes the two look the
 * same and work the same.
 */
#define wasm_rt_memcpy(to, from, size)                                      \
  (__builtin_types_compatible_p(__typeof__(to), uint8_t *) && (size) > 1    \
       ? wasm_rt_store(addr, from, size)                                    \
       : (size) > 1 ? wasm_rt_load(addr, to, size)                          \
                    : wasm_rt_move_byte(addr, (uint8_t *)(to), (const uint8_t *)(from)))

static inline __attribute__((always_inline)) void wasm_rt_move_byte(uint64_t addr, uint8_t *to, const uint8_t *from) {
  if (UNLIKELY(addr >= WASM_RT_MEMORY_SIZE)) wasm_rt_trap(WASM_RT_TRAP_OOB);
  *to = *from;
}

static inline void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t pages, uint32_t max_pages) {
  (void)pages, (void)max_pages;
  memory->data = wasm_rt_memory;
  memory->size = WASM_RT_MEMORY_SIZE;
}

static inline void wasm_rt_free_memory(wasm_rt_memory_t *memory) {
  (void)memory;
}

static inline bool wasm_rt_is_initialized(void) {
  return true;
}

/* Only call_indirect needs type numbers, and the module does not use it. */
static inline uint32_t wasm_rt_register_func_type(uint32_t params, uint32_t results, ...) {
  (void)params, (void)results;
  return 0;
}

/* ---- declarations that wasm2c's output needs to compile; our module uses none ---- */

typedef void (*wasm_rt_function_ptr_t)(void);

typedef struct {
  uint32_t func_type;
  wasm_rt_function_ptr_t func;
  void *module_instance;
} wasm_rt_funcref_t;

typedef void *wasm_rt_externref_t;

static const wasm_rt_externref_t wasm_rt_externref_null_value = NULL;

typedef struct {
  wasm_rt_funcref_t *data;
  uint32_t max_size, size;
} wasm_rt_funcref_table_t;

typedef struct {
  wasm_rt_externref_t *data;
  uint32_t max_size, size;
} wasm_rt_externref_table_t;

#endif
