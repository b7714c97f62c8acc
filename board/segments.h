/* Characters of 14 segments for a screen of pixels, each 16 columns by 32 rows. Independent of chip and controller. */
#ifndef DSC_SEGMENTS_H
#define DSC_SEGMENTS_H

#include <stdint.h>

#define SEGMENTS_COLUMNS 16u

/* Column `x` of an ASCII character: bit n is row n, from the top. A character without segments is blank. */
uint32_t segments_column(uint8_t character, uint32_t x);

#endif
