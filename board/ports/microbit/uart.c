/*
 * The serial line of the microbit port: bytes that arrive are kept by the interrupt, bytes that leave are waited for.
 */
#include "uart.h"

#include "nrf51.h"
#include "pins.h"
#include "port.h"

static struct {
  /* Volatile as the counts are: a byte is there before it is counted, and taken before its place is given back. */
  volatile uint8_t bytes[PORT_RECEIVE_ROOM];
  /* Counted since the ring was empty; the place is the remainder. */
  volatile uint32_t in, out;
} ring;

void uart_start(void) {
  GPIO_OUTSET = 1u << TXD_PIN;
  GPIO_PIN_CNF(TXD_PIN) = PIN_OUTPUT;
  GPIO_PIN_CNF(RXD_PIN) = PIN_INPUT_PULLUP;
  UART_PSELTXD = TXD_PIN;
  UART_PSELRXD = RXD_PIN;
  UART_BAUDRATE = UART_115200_BAUD;
  UART_ENABLE = UART_ENABLED;
  UART_INTENSET = UART_RXDRDY_INTERRUPT;
  UART_TASKS_STARTTX = 1;
  UART_TASKS_STARTRX = 1;
}

/*
 * Bytes that find no room wait in the UART (six do); those that find none there are lost, and their frame fails its
 * CRC. So are those that arrive while an erase (22 ms) keeps the core from running this. QEMU's line waits as long as
 * its UART is full.
 */
void uart_interrupt(void) {
  while (UART_EVENTS_RXDRDY) {
    if (ring.in - ring.out == PORT_RECEIVE_ROOM) {
      UART_INTENCLR = UART_RXDRDY_INTERRUPT;
      return;
    }
    UART_EVENTS_RXDRDY = 0;
    ring.bytes[ring.in++ % PORT_RECEIVE_ROOM] = (uint8_t)UART_RXD;
  }
}

bool uart_has_byte(void) {
  return ring.in != ring.out;
}

/* An empty ring begins anew: how many bytes there were is nobody's to see. */
static void begin_anew(void) {
  __asm__ volatile("cpsid i");
  if (!uart_has_byte()) ring.in = ring.out = 0;
  __asm__ volatile("cpsie i");
}

/* The main loop comes by here each time round, and after each byte: both feed the watchdog. */
int port_receive(void) {
  WDT_RR0 = WDT_RELOAD;
  if (!uart_has_byte()) {
    begin_anew();
    return -1;
  }
  volatile uint8_t *const place = &ring.bytes[ring.out % PORT_RECEIVE_ROOM];
  const uint8_t byte = *place;
  *place = 0;
  ring.out++;
  UART_INTENSET = UART_RXDRDY_INTERRUPT;
  return byte;
}

void port_send(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) uart_send(bytes[i]);
}
