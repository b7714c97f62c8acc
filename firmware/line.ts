// The serial line: bytes become frames, frames become commands or keys, answers go out, some after a delay.

import * as apdu from "./apdu";
import * as card from "./card";
import * as frame from "./frame";
import * as panel from "./panel";
import { Channel, NEVER, PROTOCOL_VERSION } from "./wire";

@unmanaged
class Held {
  /** Length of the answer that waits, or 0. */
  length: u32;
  /** Milliseconds it still waits. */
  left: u32;
}
const held = changetype<Held>(memory.data(offsetof<Held>()));

/** A byte arrived. It is dropped while an answer waits. */
export function receive(byte: u32): void {
  if (held.length || !frame.receive(byte)) return;
  const channel = frame.channel();
  if (channel === <u32>Channel.PANEL) panel.take(frame.PAYLOAD, frame.payloadLength());
  else if (channel === <u32>Channel.APDU && card.wake()) return carryOut(frame.payloadLength());
  frame.next();
}

/** Milliseconds until the waiting answer goes out, or NEVER. */
export function due(): u32 {
  return held.length ? held.left : NEVER;
}

/** Lets `ms` pass, at most what `due` returned, and sends the waiting answer if it is due. */
export function pass(ms: u32): void {
  if (held.length === 0) return;
  held.left -= ms;
  if (held.left === 0) send();
}

/** A new battery: drops the frame and the answer in progress. */
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
