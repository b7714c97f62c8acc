// A simulated card on the bench, where it is personalized too: its serial line with no line in between, by the steps of
// docs/PROTOCOL.md, and no time passing.

import { Channel, Cla, Ins, Level, LifeCode, Slip, Sw } from "../firmware/wire.js";
import { type Command, decodeResponse, encodeCommand, type Response } from "../host-tools/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../host-tools/cardclient.js";
import { encodeFrame } from "../host-tools/frame.js";
import { type Keyset, testKeys } from "../host-tools/keyset.js";
import { initializeUpdate, parseCardHello, SecureChannel, type SecurityLevel } from "../host-tools/scp03.js";
import type { Card } from "./card.js";

/** Fixed, so that a seed makes a card repeatable: the workshop needs no freshness from its own side. */
const HOST_CHALLENGE = new Uint8Array(8);

/** The card did not answer. */
export class Silence extends Error {
  override name = "Silence";
}

/** Sends a command and takes its answer. Throws Silence where none came. */
export function exchange(card: Card, command: Command): Response {
  const [answer] = converse(card, encodeCommand(command));
  if (!answer) throw new Silence("the card did not answer");
  return decodeResponse(answer);
}

/** Sends a payload on channel 0 and returns the payloads that came back there. */
export function converse(card: Card, payload: Uint8Array): Buffer[] {
  card.takeSent();
  card.receive(encodeFrame(Channel.APDU, payload));
  return payloads(card.takeSent());
}

/** The payloads of the frames of channel 0 in `bytes`. */
export function payloads(bytes: Uint8Array): Buffer[] {
  const frames = Buffer.from(bytes)
    .toString("latin1")
    .split(String.fromCharCode(Slip.END))
    .filter((frame) => frame !== "");
  return frames
    .map(unescaped)
    .filter((frame) => frame[0] === Channel.APDU)
    .map((frame) => frame.subarray(1, -2));
}

/** Opens a secure channel. Throws AuthenticationFailed where the card has other keys. */
export function openChannel(card: Card, level: SecurityLevel, keys: Keyset): SecureChannel {
  const hello = exchange(card, initializeUpdate(0, HOST_CHALLENGE));
  const channel = new SecureChannel(keys, level, HOST_CHALLENGE, parseCardHello(hello.data));
  exchange(card, channel.externalAuthenticate);
  return channel;
}

/** Personalizes a card under the public test keys and leaves it off. Throws where it refuses. */
export function personalize(card: Card, record: PersonalizationRecord): void {
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  const steps: Command[] = [
    { cla: Cla.GP_SECURE, ins: Ins.STORE_DATA, p1: 0xe0, p2: 0, data: encodeRecord(record, keys.dek) },
    { cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: 0x80, p2: LifeCode.PERSONALIZED },
  ];
  for (const step of steps) {
    const { sw } = channel.unwrap(exchange(card, channel.wrap(step)));
    if (sw !== Sw.DONE) throw new Error(`the card refused its personalization (${sw.toString(16)})`);
  }
  channel.close();
  card.hold("press");
}

function unescaped(frame: string): Buffer {
  const plain = frame.replace(/\xdb([\xdc\xdd])/g, (_, code: string) => (code === "\xdc" ? "\xc0" : "\xdb"));
  return Buffer.from(plain, "latin1");
}
