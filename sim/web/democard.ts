// The cards of the page: the demo card, and those with a flash from elsewhere.

import demoFlash from "dsc:demoflash";
import firmware from "dsc:firmware";
import { Card } from "../core/card.js";
import { Flash } from "../core/flash.js";

/**
 * The demo card was personalized with this seed, and continues with it: in a script `seed 1`, `demo` make the same
 * card.
 */
const DEMO_SEED = 1;

/** A card, and what made it. */
export interface MadeCard {
  readonly card: Card;
  readonly seed: number;
  /** Its initial flash; undefined: the demo card's. */
  readonly flash: Uint8Array | undefined;
}

/** Compiles the firmware that came with the page. */
export function compileFirmware(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(firmware);
}

/** A card that is off: with a given flash and fresh randomness, or a demo card, which is the same each time. */
export function newCard(module: WebAssembly.Module, flash?: Uint8Array): MadeCard {
  const seed = flash ? freshSeed() : DEMO_SEED;
  return { card: new Card(module, { flash: new Flash(flash ?? demoFlash), seed }), seed, flash: flash?.slice() };
}

function freshSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}
