/* The response in plain C, to measure the module against. */
#ifndef DSC_REFERENCE_H
#define DSC_REFERENCE_H

#include <stdint.h>

/* OCRA-1:HOTP-SHA256-8:QN06 (RFC 6287) for a key of 32 bytes and six ASCII digits; writes eight ASCII digits. */
void reference_response(const uint8_t *key, const uint8_t *challenge, uint8_t *response);

#endif
