// The initial cards of random runs: the contents of flash, and the matching model.

import { Life } from "../../../firmware/wire.js";
import { FLASH_SIZE, Flash } from "../../core/flash.js";
import { MAGIC } from "../../core/image.js";
import { CODES, type Kept, Model, NEW_CARD } from "../../core/model/model.js";
import { DEMO, personalizeDemo } from "../demo.js";
import { DEMO_RECORD, ORACLE } from "./host.js";
import type { Start } from "./steps.js";

/** A byte value that no card fills its pages with. */
const UNREADABLE = 0x5a;

/** The flash contents of the demo card. */
export const DEMO_KEPT: Kept = {
  ...NEW_CARD,
  ...{ life: Life.PERSONALIZED, check: "card", tries: DEMO.tries, left: DEMO.tries, codes: CODES },
  ...{ pin: DEMO.pin, record: DEMO_RECORD, serial: DEMO.serial, suite: DEMO.suite },
};

/** Demo cards by module and seed, since making one takes longer than a run. */
const DEMO_FLASH = new WeakMap<WebAssembly.Module, Map<number, Uint8Array>>();

/** The flash of a card at the start of a run. */
export function flashOf(module: WebAssembly.Module, { seed, card }: Start): Flash {
  if (card === "blank") return new Flash();
  if (card === "unreadable") return new Flash(unreadableFlash());
  const known = DEMO_FLASH.get(module) ?? new Map<number, Uint8Array>();
  DEMO_FLASH.set(module, known);
  const made = known.get(seed);
  if (made) return new Flash(made);
  const flash = new Flash();
  personalizeDemo(module, flash, seed);
  known.set(seed, flash.bytes.slice());
  return flash;
}

/**
 * Damaged flash: it begins like a page of this card, so that a flash file of it is accepted, and the rest is invalid.
 */
export function unreadableFlash(): Uint8Array {
  const bytes = new Uint8Array(FLASH_SIZE).fill(UNREADABLE);
  new DataView(bytes.buffer).setUint32(0, MAGIC, true);
  return bytes;
}

/** The model of a card at the start of a run. */
export function modelOf({ card }: Start): Model {
  const model = new Model(card === "demo" ? DEMO_KEPT : NEW_CARD, ORACLE);
  model.defects.unreadable = card === "unreadable";
  return model;
}
