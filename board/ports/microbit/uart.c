/*
 * The serial line of the microbit port: an interrupt stores received bytes, and sending waits for each byte.
 */
#include "uart.h"

#include "nrf51.h"
#include "pins.h"
#include "port.h"

static struct {
  /* Volatile like the counts, so that a byte is stored before it is counted, and read before its place is released. */
  volatile uint8_t bytes[PORT_RECEIVE_ROOM];
  /* Counts since the ring was empty. The index is the remainder. */
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
 * If the ring is full, up to six bytes wait in the UART. Further bytes are lost, and their frame fails its CRC. Bytes
 * are also lost while an erase (22 ms) keeps the core from running this. QEMU's line waits while its UART is full.
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

/* Resets the counts of an empty ring, so that they do not tell how many bytes arrived. */
static void begin_anew(void) {
  __asm__ volatile("cpsid i");
  if (!uart_has_byte()) ring.in = ring.out = 0;
  __asm__ volatile("cpsie i");
}

/* The main loop calls this in every round and after each byte, so it feeds the watchdog here. */
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
