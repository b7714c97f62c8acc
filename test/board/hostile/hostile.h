/*
 * What the hostile module's harness asks of the host it runs on.
 */
#ifndef DSC_HOSTILE_H
#define DSC_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Outcomes of a case beside the reasons of wasm_rt_trap_t; the flags say what follows. */
#define OUTCOME_FAULT 0x3fu
#define OUTCOME_CHANGED 0x40u
#define OUTCOME_HARMED 0x80u

/* Follows the last case, or a fault. */
#define END_MARK "\nend\n"

/* Brings up the line. */
void hostile_start(void);

void hostile_send(const void *bytes, size_t length);

/* Whether what lies before and after the module's memory is as it was. */
bool hostile_is_intact(void);

#endif
