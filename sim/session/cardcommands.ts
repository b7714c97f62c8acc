// A simulated card on the bench, where it is personalized: commands go straight to its serial input, by the steps of
// docs/PROTOCOL.md, and no time passes.

import { Channel, Cla, Ins, ISSUER_DOMAIN, Level, ONE_ENCRYPTED_BLOCK, SetStatusP2, Sw } from "../../firmware/wire.js";
import type { Command, Response } from "../../host-tools/card/apdu.js";
import { encodeRecord, type PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { payloadsOn } from "../../host-tools/card/frame.js";
import { initializeUpdate, parseCardHello, SecureChannel, type SecurityLevel } from "../../host-tools/card/scp03.js";
import { type Keyset, testKeys } from "../../host-tools/card/transportkeys.js";
import type { Card } from "../core/card.js";
import { ask, send } from "./conversation.js";

/** Fixed, so that a seed makes a repeatable card: these commands need no fresh challenge. */
const HOST_CHALLENGE = new Uint8Array(8);

/** Sends a command and returns the answer. Throws Silence if none came. */
export function exchange(card: Card, command: Command): Response<Buffer> {
  const { data, sw } = ask(card, command);
  return { data: Buffer.from(data), sw };
}

/** Sends a payload on channel 0 and returns the payloads that came back. */
export function converse(card: Card, payload: Uint8Array): Buffer[] {
  return send(card, payload).map((answer) => Buffer.from(answer));
}

/** The payloads of the frames of channel 0 in `bytes`. */
export function payloads(bytes: Uint8Array): Buffer[] {
  return payloadsOn(Channel.APDU, bytes).map((payload) => Buffer.from(payload));
}

/** Opens a secure channel. Throws AuthenticationFailed if the card has other keys. */
export function openChannel(card: Card, level: SecurityLevel, keys: Keyset): SecureChannel {
  const hello = exchange(card, initializeUpdate(0, HOST_CHALLENGE));
  const channel = new SecureChannel(keys, level, HOST_CHALLENGE, parseCardHello(hello.data));
  exchange(card, channel.externalAuthenticate);
  return channel;
}

/** Personalizes a card under the public test keys and turns it off. Throws if it refuses. */
export function personalize(card: Card, record: PersonalizationRecord): void {
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  const steps: Command[] = [
    { cla: Cla.GP_SECURE, ins: Ins.STORE_DATA, p1: ONE_ENCRYPTED_BLOCK, p2: 0, data: encodeRecord(record, keys.dek) },
    { cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.PERSONALIZED },
  ];
  for (const step of steps) {
    const { sw } = channel.unwrap(exchange(card, channel.wrap(step)));
    if (sw !== Sw.DONE) throw new Error(`the card refused its personalization (${sw.toString(16)})`);
  }
  channel.close();
  card.hold("press");
}
