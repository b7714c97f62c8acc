// What each state shows. `card.ts` says which state follows a key, `times.ts` which follows a time-out.

import * as entry from "./entry";
import * as pin from "./pin";
import * as screen from "./screen";
import { Text } from "./screen";
import { Digits, State } from "./wire";

const CODE_SIZE: u32 = Digits.CODE;

/** Shows a state. `code` is the address of a response or a lock code, `error` the number of an ERROR. */
export function draw(state: State, code: usize, error: u32): void {
  const length = entry.length();
  switch (state) {
    case State.PIN:
      return screen.stars(Text.PIN, length);
    case State.WRONG_PIN:
      return screen.number(Text.LEFT, 5, 1, pin.triesLeft());
    case State.CHALLENGE:
      return digitsOr(Text.CHALLENGE);
    case State.RESPONSE:
    case State.LOCK_CODE:
      return screen.digits(code, CODE_SIZE);
    case State.NEW_PIN:
      return screen.stars(Text.NEW, length);
    case State.REPEAT_PIN:
      return screen.stars(Text.REPEAT, length);
    case State.UNLOCK:
      return digitsOr(Text.UNLOCK);
    case State.ERROR:
      return screen.number(Text.ERROR, 6, 2, error);
    case State.BATT_LOW:
      return screen.text(Text.BATTERY);
    case State.NO_KEY:
      return screen.text(Text.NO_KEY);
    case State.WEAK_PIN:
      return screen.text(Text.WEAK);
    case State.NO_MATCH:
      return screen.text(Text.NO_MATCH);
    case State.PIN_SET:
      return screen.text(Text.PIN_SET);
    case State.LOCKED:
      return screen.text(Text.LOCKED);
    case State.WRONG_CODE:
      return screen.text(Text.WRONG);
    case State.BLOCKED:
      return screen.text(Text.BLOCKED);
    case State.SERIAL:
      return screen.text(Text.SERIAL);
    case State.TEST:
      return screen.all();
    default:
      return screen.dark();
  }
}

/** Digits replace the prompt. */
function digitsOr(prompt: Text): void {
  if (entry.length()) screen.digits(entry.DIGITS, entry.length());
  else screen.text(prompt);
}
