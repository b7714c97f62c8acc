// How an operation inside the firmware ended. Hosts see only the numbers of an ERROR.

import { ErrorNumber } from "./wire";

/** DONE is not zero, so that a result that a fault cleared does not read as success. */
export enum Outcome {
  DONE = 0xa5,
  /** Shown as ERROR 01: the crypto self-test found a wrong answer. */
  CRYPTO = ErrorNumber.CRYPTO,
  /** Shown as ERROR 02: flash does not hold what this firmware writes. */
  FLASH = ErrorNumber.FLASH,
  /** Shown as ERROR 03: the random source fails. */
  RANDOM = ErrorNumber.RANDOM,
  /** The battery is too low for a flash operation; nothing more is written. */
  BATTERY = 4,
  /** A wrong PIN or unlock code, with tries left. */
  WRONG = 5,
  /** A wrong one, and no tries left. */
  LAST = 6,
  /** Input that the card does not accept. */
  REFUSED = 7,
}
