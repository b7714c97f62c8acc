// Personalizes the demo card in the page: the commands of sim/session/cardcommands.ts over a secure channel (GPC_SPE_014,
// level 33, public test keys). The host tools' channel needs node:crypto, so the page has its own. Both leave the same flash.

import { cbc, cmac, ecb } from "@noble/ciphers/aes.js";
import {
  Cla,
  Derive,
  Ins,
  ISSUER_DOMAIN,
  Level,
  ONE_ENCRYPTED_BLOCK,
  Scp03Size,
  SetStatusP2,
  Sw,
} from "../../firmware/wire.js";
import { ANY, type Command } from "../../host-tools/card/apdu.js";
import type { Card } from "../core/card.js";
import { ask } from "../session/conversation.js";

const BLOCK = 16;
/** All three of the public test keys. */
const KEY = Uint8Array.from({ length: BLOCK }, (_, i) => 0x40 + i);
/** Fixed, so that a seed makes a card repeatable. */
const HOST_CHALLENGE = new Uint8Array(Scp03Size.CHALLENGE);
/** The card's challenge in its answer, after the diversification data, the key version and two bytes of the protocol. */
const CHALLENGE_AT = Scp03Size.DIVERSIFICATION + 3;

/** Personalizes a blank card with a record encrypted under the test keys, and leaves it off. Throws if the card refuses. */
export function personalize(card: Card, record: Uint8Array): void {
  const channel = new Channel(card);
  channel.send({ cla: Cla.GP_SECURE, ins: Ins.STORE_DATA, p1: ONE_ENCRYPTED_BLOCK, p2: 0, data: record });
  channel.send({ cla: Cla.GP_SECURE, ins: Ins.SET_STATUS, p1: ISSUER_DOMAIN, p2: SetStatusP2.PERSONALIZED });
  card.hold("press");
}

/** The host's half of a channel. Of the card's answers it reads only the status word. */
class Channel {
  readonly #card: Card;
  readonly #enc: Uint8Array;
  readonly #mac: Uint8Array;
  /** The last C-MAC, all 16 bytes (§6.2.3). */
  #chaining = new Uint8Array(BLOCK);
  /** Commands so far (§6.2.6). */
  #count = 0;

  constructor(card: Card) {
    this.#card = card;
    const { data } = ask(card, {
      cla: Cla.GP,
      ins: Ins.INITIALIZE_UPDATE,
      p1: 0,
      p2: 0,
      data: HOST_CHALLENGE,
      le: ANY,
    });
    const challenge = data.subarray(CHALLENGE_AT, CHALLENGE_AT + Scp03Size.CHALLENGE);
    const context = Uint8Array.of(...HOST_CHALLENGE, ...challenge);
    this.#enc = derived(KEY, Derive.S_ENC, context, BLOCK);
    this.#mac = derived(KEY, Derive.S_MAC, context, BLOCK);
    const cryptogram = derived(this.#mac, Derive.HOST_CRYPTOGRAM, context, Scp03Size.MAC);
    this.#sendSigned({ cla: Cla.GP_SECURE, ins: Ins.EXTERNAL_AUTHENTICATE, p1: Level.FULL, p2: 0 }, cryptogram);
  }

  /** Sends a command with its data, if any, encrypted. Throws if the card refuses it. */
  send(command: Command): void {
    this.#count++;
    const { data } = command;
    this.#sendSigned(command, data ? cbc(this.#enc, this.#icv(), UNPADDED).encrypt(padded(data)) : new Uint8Array());
  }

  /** The initial block of AES-CBC: the encrypted counter. */
  #icv(): Uint8Array {
    const counter = new Uint8Array(BLOCK);
    new DataView(counter.buffer).setUint32(BLOCK - 4, this.#count);
    return ecb(this.#enc, UNPADDED).encrypt(counter);
  }

  /** Sends a command with its MAC, which its length includes (§6.2.4). */
  #sendSigned(command: Command, data: Uint8Array): void {
    const { cla, ins, p1, p2 } = command;
    const signed = Uint8Array.of(...this.#chaining, cla, ins, p1, p2, data.length + Scp03Size.MAC, ...data);
    this.#chaining = Uint8Array.from(cmac(signed, this.#mac));
    const mac = this.#chaining.subarray(0, Scp03Size.MAC);
    const { sw } = ask(this.#card, { cla, ins, p1, p2, data: Uint8Array.of(...data, ...mac) });
    if (sw !== Sw.DONE) throw new Error(`the card refused its personalization (${sw.toString(16)})`);
  }
}

const UNPADDED = { disablePadding: true };

/** One block or less of key material: CMAC in counter mode (§4.1.5). */
function derived(key: Uint8Array, constant: number, context: Uint8Array, size: number): Uint8Array {
  const bits = 8 * size;
  const head = [...new Uint8Array(11), constant, 0, bits >> 8, bits & 0xff, 1];
  return cmac(Uint8Array.of(...head, ...context), key).subarray(0, size);
}

/** Padding method 2 of ISO 9797-1: 80, then zeros to a whole block. */
function padded(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + BLOCK - (data.length % BLOCK));
  bytes.set(data);
  bytes[data.length] = 0x80;
  return bytes;
}
