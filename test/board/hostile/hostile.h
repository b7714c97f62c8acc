/*
 * The functions that the hostile module's harness needs from its host.
 */
#ifndef DSC_HOSTILE_H
#define DSC_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Outcomes of a case in addition to the reasons of wasm_rt_trap_t; the flags say what follows. */
#define OUTCOME_FAULT 0x3fu
#define OUTCOME_CHANGED 0x40u
#define OUTCOME_HARMED 0x80u

/* Follows the last case, or a fault. */
#define END_MARK "\nend\n"

/* Starts the line. */
void hostile_start(void);

void hostile_send(const void *bytes, size_t length);

/* Whether the canaries before and after the module's memory are unchanged. */
bool hostile_is_intact(void);

#endif
