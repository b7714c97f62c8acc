// What the host calls: the exports of docs/ABI.md, and nothing else.

import * as card from "./card";
import * as personalization from "./personalization";

/** A battery was put in (or the chip was reset): the card is off and remembers only its flash. */
export function boot(): void {
  card.boot();
}

/** Contact `key` (0 to 9 the digits, 10 OK, 11 PRESS) closed (1) or opened (0). Returns as `tick`. */
export function key(key: u32, closed: u32): u32 {
  card.contact(key, closed !== 0);
  return card.pass(0);
}

/** `ms` milliseconds passed. Returns in how many the card wants to be called again; 2^31 - 1: never. */
export function tick(ms: u32): u32 {
  return card.pass(ms);
}

/** The state, as numbered in wire.ts. */
export function state(): u32 {
  return card.state();
}

/** A byte arrived on the serial line. Until the secure channel is there, each one is noise. Returns as `tick`. */
export function serial(_byte: u32): u32 {
  return card.pass(0);
}

/** Tries left on a card that is on and checks the PIN itself; otherwise 2^31 - 1. */
export function tries(): u32 {
  return card.tries();
}

/**
 * Until cards are personalized over serial: one more byte of the record of personalization.ts. With
 * the last, a blank card that is on takes it. Returns 0 while bytes are missing, then an Outcome.
 */
export function personalize(byte: u32): u32 {
  return personalization.collect(byte) ? card.personalize(personalization.RECORD) : 0;
}
