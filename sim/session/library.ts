// The public interface of the package `dsc-card`: a card for other people's tests (docs/EMBEDDING.md). Everything else
// in the package may change.

import { Card, type CardOptions } from "../core/card.js";
import { Flash } from "../core/flash.js";
import { personalizeDemo } from "./demo.js";
import { loadFirmware } from "./firmware.js";

export { State } from "../../firmware/wire.js";
export { ocra } from "../../host-tools/seeds/ocra.js";
export {
  Card,
  type CardOptions,
  CardTrap,
  type CardWatcher,
  FULL_BATTERY,
  HOLD_TIME,
  KEYS,
  type KeyName,
  TAP_TIME,
  UP_TIME,
} from "../core/card.js";
export { DEMO_CARD } from "../core/democard.js";
export { type CutMode, Flash, FlashMisuse } from "../core/flash.js";
export { loadFirmware } from "./firmware.js";

declare global {
  // Node's types lack WebAssembly.Module, and the types of a card need it. The types of browsers have it.
  namespace WebAssembly {
    interface Module {}
  }
}

const DEMO_SEED = 1;

/** The demo card, off, with a full battery: PIN 4071, the public test key of RFC 6287 (DEMO_CARD has all of it). */
export function demoCard(options: Omit<CardOptions, "flash"> = {}): Card {
  const module = loadFirmware();
  const flash = new Flash();
  personalizeDemo(module, flash, options.seed ?? DEMO_SEED);
  return new Card(module, { ...options, flash });
}
