// A simulated card on the bench: its serial line with no line in between, and no time passing.

import { Channel, Slip } from "../firmware/wire.js";
import { type Command, decodeResponse, encodeCommand, type Response } from "../host-tools/apdu.js";
import { encodeFrame } from "../host-tools/frame.js";
import type { Keyset } from "../host-tools/keyset.js";
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

function unescaped(frame: string): Buffer {
  const plain = frame.replace(/\xdb([\xdc\xdd])/g, (_, code: string) => (code === "\xdc" ? "\xc0" : "\xdb"));
  return Buffer.from(plain, "latin1");
}
