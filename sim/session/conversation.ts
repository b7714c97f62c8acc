// Exchanges commands and answers with a simulated card directly; no time passes. No API of Node.

import { Channel } from "../../firmware/wire.js";
import { type Command, decodeResponse, encodeCommand, type Response } from "../../host-tools/card/apdu.js";
import { encodeFrame, payloadsOn } from "../../host-tools/card/frame.js";
import type { Card } from "../core/card.js";

/** The card did not answer. */
export class Silence extends Error {
  override name = "Silence";
}

/** Sends a command and returns the answer. Throws Silence if none came. */
export function ask(card: Card, command: Command): Response {
  const [answer] = send(card, encodeCommand(command));
  if (!answer) throw new Silence("the card did not answer");
  return decodeResponse(answer);
}

/** Sends a payload on channel 0 and returns the payloads that came back there. */
export function send(card: Card, payload: Uint8Array): Uint8Array[] {
  card.takeSent();
  card.receive(encodeFrame(Channel.APDU, payload));
  return payloadsOn(Channel.APDU, card.takeSent());
}
