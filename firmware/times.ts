// How long each screen stands, in milliseconds, and which screen follows a message.

import { State } from "./wire";

/** After this time without a key or a frame the card turns off. */
export const IDLE: u32 = 30_000;
const RESPONSE_TIME: u32 = 60_000;
const PHONE_CALL: u32 = 300_000;
const MESSAGE: u32 = 2_000;
const BATTERY_MESSAGE: u32 = 1_000;
const NO_KEY_MESSAGE: u32 = 3_000;

/** The idle time-out of a state, or 0 if its time is fixed. */
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

/** The state that follows one whose time is fixed. After NO KEY or a response the card turns off. */
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
