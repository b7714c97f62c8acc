// How long each screen stands, in milliseconds, and which screen follows a message.

import { State } from "./wire";

/** Without a key, then off. */
export const IDLE: u32 = 30_000;
const RESPONSE_TIME: u32 = 60_000;
const PHONE_CALL: u32 = 300_000;
const MESSAGE: u32 = 2_000;
const BATTERY_MESSAGE: u32 = 1_000;
const NO_KEY_MESSAGE: u32 = 3_000;

/** The time without a key after which a state turns off, or 0 where its time is fixed. */
export function idleTimeoutOf(state: State): u32 {
  if (state === State.LOCK_CODE || state === State.UNLOCK) return PHONE_CALL;
  return timeOf(state) ? 0 : IDLE;
}

/** The fixed time of a state, or 0. */
export function timeOf(state: State): u32 {
  switch (state) {
    case State.RESPONSE:
      return RESPONSE_TIME;
    case State.NO_KEY:
      return NO_KEY_MESSAGE;
    case State.BATT_LOW:
      return BATTERY_MESSAGE;
    case State.WRONG_PIN:
    case State.WRONG_CODE:
    case State.WEAK_PIN:
    case State.NO_MATCH:
    case State.PIN_SET:
      return MESSAGE;
    default:
      return 0;
  }
}

/** The screen after one whose time is fixed. A card that shows NO KEY or a response goes off. */
export function successorOf(state: State): State {
  switch (state) {
    case State.WRONG_PIN:
    case State.PIN_SET:
      return State.PIN;
    case State.WRONG_CODE:
      return State.LOCKED;
    case State.WEAK_PIN:
    case State.NO_MATCH:
      return State.NEW_PIN;
    default:
      return State.OFF;
  }
}
