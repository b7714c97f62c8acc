/*
 * The pins of the micro:bit: GPIO numbers of the nRF51822, with the names on the edge connector. docs/wiring.svg shows
 * them.
 */
#ifndef DSC_PINS_H
#define DSC_PINS_H

/* Contacts 0 to 9, OK, PRESS; each to ground. OK and PRESS are also the board's own buttons. */
#define KEY_PINS                                                               \
  {                                                                            \
    3 /* P0 */, 2 /* P1 */, 1 /* P2 */, 18 /* P8 */, 20 /* P12 */, 23 /* P13 */, \
        22 /* P14 */, 21 /* P15 */, 16 /* P16 */, 12 /* P6 */,                   \
        26 /* P11, button B: OK */, 17 /* P5, button A: PRESS */               \
  }

/* The screen, on the board's I2C lines (which have pull-ups). */
#define SCL_PIN 0u /* P19 */
#define SDA_PIN 30u /* P20 */

/* The serial line, through the interface chip to USB. */
#define TXD_PIN 24u
#define RXD_PIN 25u

#endif
