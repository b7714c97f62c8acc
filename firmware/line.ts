// The serial line: bytes become frames, frames become commands or keys, answers go out, some of them late.

import * as apdu from "./apdu";
import * as card from "./card";
import * as frame from "./frame";
import * as panel from "./panel";
import { Channel, NEVER, PROTOCOL_VERSION } from "./wire";

@unmanaged
class Held {
  /** Bytes of an answer that waits, or 0. */
  length: u32;
  /** Milliseconds it still waits. */
  left: u32;
}
const held = changetype<Held>(memory.data(offsetof<Held>()));

/** A byte arrived. While an answer is held back, it is dropped. */
export function receive(byte: u32): void {
  if (held.length || !frame.receive(byte)) return;
  const channel = frame.channel();
  if (channel === <u32>Channel.PANEL) panel.take(frame.PAYLOAD, frame.payloadLength());
  else if (channel === <u32>Channel.APDU && card.wake()) return carryOut(frame.payloadLength());
  frame.next();
}

/** Milliseconds until an answer that is held back goes out, or NEVER. */
export function due(): u32 {
  return held.length ? held.left : NEVER;
}

/** Lets `ms` pass, no more than `due` said: an answer goes out when its time has come. */
export function pass(ms: u32): void {
  if (held.length === 0) return;
  held.left -= ms;
  if (held.left === 0) send();
}

/** A new battery: nothing is under way. */
export function boot(): void {
  frame.next();
  held.length = 0;
}

function carryOut(length: u32): void {
  if (length === 0) store<u8>(frame.PAYLOAD, PROTOCOL_VERSION);
  held.length = length === 0 ? 1 : apdu.process(frame.PAYLOAD, length);
  held.left = length === 0 ? 0 : apdu.delay();
  if (held.left === 0) send();
}

function send(): void {
  frame.answer(held.length);
  frame.next();
  held.length = 0;
}
