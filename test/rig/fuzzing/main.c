/*
 * libFuzzer's side: DSC_FUZZ names the target, DSC_SITUATIONS the file of situations.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);
size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t length, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *input, size_t length, size_t most);

static const target_t *const targets[] = {&serial_target, &channel_target, &keys_target, &image_target};
static const target_t *target;

static const target_t *choose(void) {
  const char *const name = getenv("DSC_FUZZ");
  for (size_t i = 0; name && i < sizeof targets / sizeof *targets; i++) {
    if (strcmp(targets[i]->name, name) == 0) return targets[i];
  }
  fprintf(stderr, "fuzz: DSC_FUZZ names no target\n");
  exit(EXIT_FAILURE);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  const char *const file = getenv("DSC_SITUATIONS");
  target = choose();
  situations_read(file ? file : "");
  flash_clear(&port.flash);
  port.battery = FULL_BATTERY;
  card_boot();
  target->start();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
  target->run(input, length);
  judge_end();
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t length, size_t most, unsigned seed) {
  const size_t mutated = LLVMFuzzerMutate(input, length, most);
  return target->mend ? target->mend(input, mutated, most, seed) : mutated;
}
