// The functions that a host calls: the exports of docs/ABI.md, and nothing else.

import * as card from "./card";
import * as clock from "./clock";
import * as line from "./line";

/** A battery was put in (or the chip was reset): the card is off and remembers only its flash. */
export function boot(): void {
  card.boot();
  line.boot();
}

/** Contact `key` (0 to 9 the digits, 10 OK, 11 PRESS) closed (1) or opened (0). Returns what `tick` returns. */
export function key(key: u32, closed: u32): u32 {
  card.contact(key, closed !== 0);
  return clock.pass(0);
}

/** `ms` milliseconds passed. Returns the milliseconds until the card must be called again; 2^31 - 1 means never. */
export function tick(ms: u32): u32 {
  return clock.pass(ms);
}

/** The state, one of State in wire.ts. */
export function state(): u32 {
  return card.state();
}

/** A byte arrived on the serial line. Returns what `tick` returns. */
export function serial(byte: u32): u32 {
  line.receive(byte);
  return clock.pass(0);
}

/** Tries left on a card that is on and checks the PIN itself; otherwise 2^31 - 1. */
export function tries(): u32 {
  return card.tries();
}
