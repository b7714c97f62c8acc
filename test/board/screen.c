/*
 * The micro:bit port as a display: it shows eight characters from the serial line and then sends back a dot.
 */
#include "port.h"

int main(void) {
  uint8_t text[PORT_SCREEN_WIDTH];
  uint32_t length = 0;
  port_start();
  port_send((const uint8_t *)".", 1);
  for (;;) {
    const int byte = port_receive();
    if (byte >= 0) text[length++] = (uint8_t)byte;
    else port_sleep(1000);
    if (length < sizeof text) continue;
    length = 0;
    port_display(text);
    port_send((const uint8_t *)".", 1);
  }
}
