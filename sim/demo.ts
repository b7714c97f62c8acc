// The demo card, and the workshop where a simulated card is personalized: over its serial line, by the
// steps of docs/PROTOCOL.md, with no line in between and no time passing.

import { Cla, Ins, Level, LifeCode, Slip, Sw } from "../firmware/wire.js";
import { type Command, decodeResponse, encodeCommand, type Response } from "../host-tools/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../host-tools/cardclient.js";
import { encodeFrame } from "../host-tools/frame.js";
import { testKeys } from "../host-tools/keyset.js";
import { initializeUpdate, parseCardHello, SecureChannel } from "../host-tools/scp03.js";
import { Card } from "./card.js";
import type { Flash } from "./flash.js";

/** The demo card: the public test key of RFC 6287. */
export const DEMO: PersonalizationRecord = {
  serial: "IB3000001",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "4071",
  key: Buffer.from("12345678901234567890123456789012"),
  unlockKey: Uint8Array.from({ length: 32 }, (_, i) => i),
};

/** Fixed, so that a seed makes a card repeatable. The workshop needs no freshness from its side. */
const HOST_CHALLENGE = new Uint8Array(8);

/** Personalizes a card under the public test keys and leaves it off. Throws where it refuses. */
export function personalize(card: Card, record: PersonalizationRecord): void {
  const keys = testKeys();
  const hello = ask(card, initializeUpdate(0, HOST_CHALLENGE));
  const channel = new SecureChannel(keys, Level.FULL, HOST_CHALLENGE, parseCardHello(hello.data));
  ask(card, channel.externalAuthenticate);
  const steps: Command[] = [
    { cla: Cla.GP_SECURE, ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data: encodeRecord(record, keys.dek) },
    { cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: 0x80, p2: LifeCode.PERSONALIZED },
  ];
  for (const step of steps) channel.unwrap(ask(card, channel.wrap(step)));
  channel.close();
  card.hold("press");
}

/**
 * Makes a blank flash the demo card's, on another card, so that this one's clock and counts begin at
 * zero. Returns false, with nothing done, where the flash is not blank.
 */
export function personalizeDemo(module: WebAssembly.Module, flash: Flash, seed: number): boolean {
  if (!flash.isBlank) return false;
  const workshop = new Card(module, { seed: ~seed });
  personalize(workshop, DEMO);
  flash.restore({ ...workshop.flash.copy(), ...flash.counts });
  return true;
}

/** Sends a command and takes the answer; anything but success is an error. */
function ask(card: Card, command: Command): Response {
  card.takeSent();
  card.receive(encodeFrame(0, encodeCommand(command)));
  const answer = decodeResponse(unframe(card.takeSent()));
  if (answer.sw !== Sw.OK) throw new Error(`the card refused its personalization (${answer.sw.toString(16)})`);
  return answer;
}

/** The payload of the one frame that `bytes` are. */
function unframe(bytes: Uint8Array): Uint8Array {
  const content = [...bytes.subarray(1, -1)].flatMap((byte, i, all) => {
    if (byte === Slip.ESC) return [];
    if (all[i - 1] !== Slip.ESC) return [byte];
    return [byte === Slip.ESC_END ? Slip.END : Slip.ESC];
  });
  return Uint8Array.from(content.slice(1, -2));
}
