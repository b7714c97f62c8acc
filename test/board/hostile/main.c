/*
 * Calls a module that loads and stores where it must not, case by case, and reports the result of each.
 * test/board/memory.test.ts makes the cases and the module.
 *
 *   a case      outcome: 0, or the trap's reason; flags
 *   (returned)  8 bytes: the result, where the function has one
 *   (CHANGED)   the range of memory that changed: first (2), length (2), FNV-1a of its bytes (4)
 */
#include "hostile.h"

#include <setjmp.h>
#include <string.h>

#include "module.h"

typedef Z_module_instance_t instance_t;

typedef struct {
  enum { LOAD32, LOAD64, STORE32, STORE64, PAIR, TRIPLE } kind;
  union {
    u32 (*load32)(instance_t *, u32);
    u64 (*load64)(instance_t *, u32);
    void (*store32)(instance_t *, u32, u32);
    void (*store64)(instance_t *, u32, u64);
    u64 (*pair)(instance_t *, u32, u32);
    void (*triple)(instance_t *, u32, u32, u32);
  } call;
} function_t;

/* The value that the store functions store. */
#define STORED 0x8796a5b4c3d2e1f0u

#define FUNCTION(name) Z_moduleZ_##name
#define ACCESS(kind, member, name) {kind, {.member = FUNCTION(name)}},

/* Called with every address. */
static const function_t ACCESSES[] = {
#include "accesses.inc"
};
static const u32 ADDRESSES[] = {
#include "addresses.inc"
};

/* Called with special arguments. */
static const struct {
  function_t function;
  u32 a, b, c;
} CALLS[] = {
#include "calls.inc"
};

#define WORDS (WASM_RT_MEMORY_SIZE / 4)

static instance_t instance;
static jmp_buf trapped;

void wasm_rt_trap(wasm_rt_trap_t reason) {
  longjmp(trapped, (int)reason);
}

/* ---- the memory's pattern ---- */

static u32 pattern(u32 word) {
  return (word + 1) * 0x9e3779b9u;
}

static u32 word_at(u32 word) {
  u32 value;
  memcpy(&value, wasm_rt_memory + 4 * word, 4);
  return value;
}

static uint8_t byte_of_pattern(u32 at) {
  return (uint8_t)(pattern(at / 4) >> at % 4 * 8);
}

static void restore(void) {
  for (u32 word = 0; word < WORDS; word++) {
    const u32 value = pattern(word);
    memcpy(wasm_rt_memory + 4 * word, &value, 4);
  }
}

static bool is_changed(void) {
  for (u32 word = 0; word < WORDS; word++) {
    if (word_at(word) != pattern(word)) return true;
  }
  return false;
}

static void send_change(void) {
  u32 first = 0, end = WASM_RT_MEMORY_SIZE;
  while (wasm_rt_memory[first] == byte_of_pattern(first)) first++;
  while (wasm_rt_memory[end - 1] == byte_of_pattern(end - 1)) end--;
  u32 hash = 0x811c9dc5u;
  for (u32 at = first; at < end; at++) hash = (hash ^ wasm_rt_memory[at]) * 0x01000193u;
  const uint16_t range[2] = {(uint16_t)first, (uint16_t)(end - first)};
  hostile_send(range, sizeof range);
  hostile_send(&hash, sizeof hash);
}

/* ---- cases ---- */

static u64 call(const function_t *function, u32 a, u32 b, u32 c) {
  switch (function->kind) {
    case LOAD32:
      return function->call.load32(&instance, a);
    case LOAD64:
      return function->call.load64(&instance, a);
    case STORE32:
      function->call.store32(&instance, a, (u32)STORED);
      return 0;
    case STORE64:
      function->call.store64(&instance, a, STORED);
      return 0;
    case PAIR:
      return function->call.pair(&instance, a, b);
    default:
      function->call.triple(&instance, a, b, c);
      return 0;
  }
}

static bool has_result(const function_t *function) {
  return function->kind == LOAD32 || function->kind == LOAD64 || function->kind == PAIR;
}

static void run(const function_t *function, u32 a, u32 b, u32 c) {
  static u64 result;
  const int reason = setjmp(trapped);
  if (reason == 0) result = call(function, a, b, c);
  const bool changed = is_changed();
  const uint8_t outcome =
      (uint8_t)((u32)reason | (changed ? OUTCOME_CHANGED : 0) | (hostile_is_intact() ? 0 : OUTCOME_HARMED));
  hostile_send(&outcome, 1);
  if (reason == 0 && has_result(function)) hostile_send(&result, sizeof result);
  if (!changed) return;
  send_change();
  restore();
}

int main(void) {
  hostile_start();
  Z_module_init_module();
  Z_module_instantiate(&instance);
  restore();
  for (size_t i = 0; i < sizeof ACCESSES / sizeof ACCESSES[0]; i++) {
    for (size_t j = 0; j < sizeof ADDRESSES / sizeof ADDRESSES[0]; j++) run(&ACCESSES[i], ADDRESSES[j], 0, 0);
  }
  for (size_t i = 0; i < sizeof CALLS / sizeof CALLS[0]; i++) {
    run(&CALLS[i].function, CALLS[i].a, CALLS[i].b, CALLS[i].c);
  }
  hostile_send(END_MARK, strlen(END_MARK));
  return 0;
}
