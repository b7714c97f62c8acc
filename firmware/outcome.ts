// How an operation inside the firmware ended. No host sees these numbers, but for those of an ERROR.

import { ErrorNumber } from "./wire";

/** No success is zero: a result that got lost is not one. */
export enum Outcome {
  DONE = 0xa5,
  /** Shown as ERROR 01: the crypto self-test found a wrong answer. */
  CRYPTO = ErrorNumber.CRYPTO,
  /** Shown as ERROR 02: flash cannot be read as what this firmware writes. */
  FLASH = ErrorNumber.FLASH,
  /** Shown as ERROR 03: the random source fails. */
  RANDOM = ErrorNumber.RANDOM,
  /** The battery is too low for a flash operation; nothing more is written. */
  BATTERY = 4,
  /** A wrong PIN or unlock code, with tries left. */
  WRONG = 5,
  /** A wrong one, and no tries left. */
  LAST = 6,
  /** Input that the card does not take. */
  REFUSED = 7,
}
