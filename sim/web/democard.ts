// The cards of the page: demo cards, and those with a flash from elsewhere.

import record from "dsc:demorecord";
import firmware from "dsc:firmware";
import { Card } from "../core/card.js";
import { makeDemo } from "../core/democard.js";
import { Flash } from "../core/flash.js";
import type { Setup } from "../session/cardsession.js";
import { personalize } from "./personalize.js";

/** The seed of the demo card, for its personalization and afterwards. The lines `seed 1` and `demo` make the same card. */
const DEMO_SEED = 1;

/** A card, and how it was made. */
export interface MadeCard {
  readonly card: Card;
  readonly setup: Setup;
}

/** Compiles the firmware that came with the page. */
export function compileFirmware(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(firmware);
}

/** A card that is off: with the given flash and a random seed, or else the demo card, which is the same each time. */
export function newCard(module: WebAssembly.Module, contents?: Uint8Array): MadeCard {
  const flash = new Flash(contents);
  const setup = { seed: contents ? freshSeed() : DEMO_SEED, demo: !contents, flash: flash.bytes.slice() };
  if (setup.demo) makeDemo(module, flash, setup.seed, personalizeDemo);
  return { card: new Card(module, { flash, seed: setup.seed }), setup };
}

/** Personalizes a blank card as the demo card and leaves it off. */
export function personalizeDemo(card: Card): void {
  personalize(card, record);
}

/** A random seed. */
export function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}
