// Which screens follow which (docs/CARD.md) in the model: the base for measuring coverage.

import { State } from "../../../firmware/wire.js";

/** Screens that can appear when a hold of PRESS turns the card on. */
const FIRST = [State.BATT_LOW, State.ERROR, State.NO_KEY, State.BLOCKED, State.LOCKED, State.PIN];

/** Transitions by keys and by time. */
const BY_HAND: readonly (readonly [State, readonly State[]])[] = [
  [State.OFF, FIRST],
  [State.BATT_LOW, FIRST.slice(1)],
  [State.ERROR, [State.OFF]],
  [State.NO_KEY, [State.OFF]],
  [State.PIN, [State.CHALLENGE, State.WRONG_PIN, State.LOCKED, State.OFF]],
  [State.WRONG_PIN, [State.PIN]],
  [State.CHALLENGE, [State.RESPONSE, State.NEW_PIN, State.OFF]],
  [State.RESPONSE, [State.CHALLENGE, State.OFF]],
  [State.NEW_PIN, [State.REPEAT_PIN, State.WEAK_PIN, State.OFF]],
  [State.REPEAT_PIN, [State.PIN_SET, State.NO_MATCH, State.OFF]],
  [State.WEAK_PIN, [State.NEW_PIN]],
  [State.NO_MATCH, [State.NEW_PIN]],
  [State.PIN_SET, [State.PIN]],
  [State.LOCKED, [State.LOCK_CODE, State.OFF]],
  [State.LOCK_CODE, [State.UNLOCK, State.OFF]],
  [State.UNLOCK, [State.NEW_PIN, State.WRONG_CODE, State.BLOCKED, State.OFF]],
  [State.WRONG_CODE, [State.LOCKED]],
  [State.BLOCKED, [State.OFF]],
  [State.SERIAL, [State.OFF]],
  [State.TEST, [State.OFF]],
];

/** Transitions by commands on the serial line: from the screens of the channel and of the bench test. */
const BY_COMMAND: readonly (readonly [State, readonly State[]])[] = [
  [State.SERIAL, [State.NO_KEY, State.BLOCKED, State.LOCKED, State.PIN, State.TEST]],
  [State.TEST, [State.NO_KEY, State.SERIAL]],
  [State.NO_KEY, [State.TEST]],
  [State.BATT_LOW, [State.TEST]],
];

/** A channel opens on every screen of a card that is on and accepts commands. */
const NO_CHANNEL = [State.OFF, State.ERROR, State.SERIAL, State.TEST];

export const STATES: readonly string[] = Object.values(State).filter((value) => typeof value === "string");

/** All transitions, as "PIN to CHALLENGE". */
export const TRANSITIONS: readonly string[] = [
  ...[...BY_HAND, ...BY_COMMAND].flatMap(([from, to]) => to.map((next) => transition(from, next))),
  ...STATES.map((name) => State[name as keyof typeof State])
    .filter((state) => !NO_CHANNEL.includes(state))
    .map((state) => transition(state, State.SERIAL)),
];

function transition(from: State, to: State): string {
  return `${State[from]} to ${State[to]}`;
}
