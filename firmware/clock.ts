// Lets time pass for the card and for delayed answers on the serial line, in the order in which their events are due.

import * as card from "./card";
import * as line from "./line";
import * as panel from "./panel";

/** Lets `ms` milliseconds pass. Returns the milliseconds until the next event. */
export function pass(ms: u32): u32 {
  let left = ms;
  for (let due = line.due(); due <= left; due = line.due()) {
    left -= due;
    card.pass(due);
    line.pass(due);
  }
  const due = card.pass(left);
  line.pass(left);
  panel.tell();
  return min<u32>(due, line.due());
}
