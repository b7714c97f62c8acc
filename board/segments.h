/* Characters made of 14 segments, for a screen of pixels: 16 columns of 32 rows each. Of no chip and no controller. */
#ifndef DSC_SEGMENTS_H
#define DSC_SEGMENTS_H

#include <stdint.h>

#define SEGMENTS_COLUMNS 16u

/* Column `x` of an ASCII character: bit n is row n, from the top. What has no segments is blank. */
uint32_t segments_column(uint8_t character, uint32_t x);

#endif
