// Time: it passes for the card and for the answers that the serial line holds back, in the order in which things are due.

import * as card from "./card";
import * as line from "./line";
import * as panel from "./panel";

/** Lets `ms` pass. Returns the time until something is due. */
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
