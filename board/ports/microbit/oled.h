/* The screen of the microbit port: an SSD1306 of 128 x 32 pixels. */
#ifndef DSC_OLED_H
#define DSC_OLED_H

#include <stdint.h>

void oled_start(void);

/* Shows eight ASCII characters; all blanks turn it off. */
void oled_show(const uint8_t *text);

#endif
