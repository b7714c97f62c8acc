// Mutants of the firmware, each of which the scenarios must notice (test/firmware/mutants.test.ts).

import type { Telling } from "../support/triedmutants.js";
import type { Mutant } from "./apply.js";
import { TOP_LEVEL } from "./source.js";

export interface ScenarioMutant extends Mutant, Telling {
  /** The broken rule of flash that the simulator reports, if no screen shows the mutant. */
  readonly misuse?: string;
}

const CARD: readonly ScenarioMutant[] = [
  ...changed("times.ts", "the idle time-out is 30 s", "IDLE: u32 = 30_000", "29_999", "30_001"),
  ...changed("times.ts", "a response shows for 60 s", "RESPONSE_TIME: u32 = 60_000", "59_999", "60_001"),
  ...changed(
    "times.ts",
    "the time-out for a phone call is 5 minutes",
    "PHONE_CALL: u32 = 300_000",
    "299_999",
    "300_001",
  ),
  ...changed("times.ts", "messages show for 2 s", "const MESSAGE: u32 = 2_000", "1_999", "2_001"),
  ...changed("times.ts", "BATT LOW shows for 1 s", "BATTERY_MESSAGE: u32 = 1_000", "999", "1_001"),
  ...changed("times.ts", "NO KEY shows for 3 s", "NO_KEY_MESSAGE: u32 = 3_000", "2_999", "3_001"),
];

const SCREENS: readonly ScenarioMutant[] = [
  card(
    "a response is never extended",
    "onKey",
    "card.deadline = card.idleTimeout ? card.now + card.idleTimeout : card.deadline;",
    "card.deadline = card.idleTimeout || card.state === State.RESPONSE ? card.now + IDLE * 2 : card.deadline;",
    true,
  ),
  card(
    "an ignored key also extends the time of a screen",
    "onKey",
    "card.deadline = card.idleTimeout ? card.now + card.idleTimeout : card.deadline;",
    "card.deadline = card.idleTimeout && event !== Event.HOLD && event !== Event.RELEASE ? card.now + card.idleTimeout : card.deadline;",
  ),
  card(
    "keys extend the time of a screen",
    "onKey",
    "card.deadline = card.idleTimeout ? card.now + card.idleTimeout : card.deadline;",
    "card.deadline = card.deadline;",
  ),
  card(
    "releasing the key that ended a message does nothing",
    "onKey",
    "(event === Event.TAP && card.spentKey)",
    "false",
    true,
  ),
  card("the next key after a message counts", "onKey", "if (event === Event.DOWN) card.spentKey = false;", ""),
  card(
    "a hold of the key that ended a message is a hold",
    "onKey",
    "(event === Event.TAP && card.spentKey)",
    "(event !== Event.DOWN && card.spentKey)",
  ),
  card(
    "a message ends when a key goes down",
    "message",
    "if (event !== Event.DOWN && event !== Event.TIMEOUT) return;",
    "if (event !== Event.TAP && event !== Event.TIMEOUT) return;",
  ),
  card(
    "the hold that turned the card on does not end BATT LOW",
    "message",
    "if (event !== Event.DOWN && event !== Event.TIMEOUT) return;",
    "if (event === Event.HOLD || event === Event.TAP) return;",
  ),
  card(
    "a key ends a message",
    "message",
    "if (event !== Event.DOWN && event !== Event.TIMEOUT) return;",
    "if (event !== Event.TIMEOUT) return;",
  ),
  card(
    "only holding PRESS turns the card on",
    "off",
    "if (event === Event.HOLD && key === <u32>Key.PRESS) turnOn();",
    "if (event === Event.HOLD) turnOn();",
  ),
  card(
    "a short PRESS does not turn the card on",
    "off",
    "if (event === Event.HOLD && key === <u32>Key.PRESS) turnOn();",
    "if ((event === Event.HOLD || event === Event.TAP) && key === <u32>Key.PRESS) turnOn();",
  ),
  card(
    "PRESS clears the entered digits",
    "press",
    "if (entry.length() === 0) return turnOff(); entry.clear();",
    "return turnOff();",
  ),
  card("PRESS turns the card off if nothing is entered", "press", "if (entry.length() === 0) return turnOff();", ""),
  card("digits that PRESS cleared are not shown", "press", "entry.clear(); draw(); }", "entry.clear(); }"),
  card(
    "holding PRESS turns the card off",
    "press",
    "if (event === Event.HOLD) return turnOff();",
    "if (event === Event.HOLD) return;",
  ),
  card(
    "holding PRESS turns the card off even with digits entered",
    "press",
    "if (event === Event.HOLD) return turnOff(); if (event !== Event.TAP) return;",
    "if (event !== Event.TAP && event !== Event.HOLD) return;",
  ),
  card("OK with fewer digits is ignored", "completed", "return entry.length() === size;", "return true;", true),
  card(
    "OK with no digits is ignored",
    "completed",
    "return entry.length() === size;",
    "return entry.length() === size || entry.length() === 0;",
  ),
  card("a hold enters nothing", "completed", "if (event !== Event.TAP) return false; if (key", "if (key"),
  card(
    "digits are ignored on a response",
    "response",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.CHALLENGE);",
    "if (event === Event.TAP) enter(State.CHALLENGE);",
  ),
  card(
    "a hold on a response does nothing",
    "response",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.CHALLENGE);",
    "if (key === <u32>Key.OK) enter(State.CHALLENGE);",
    true,
  ),
  card(
    "a PIN change needs a hold of OK",
    "challenge",
    "if (key === <u32>Key.OK && entry.length() === 0",
    "if (entry.length() === 0",
  ),
  card(
    "a PIN change needs an empty entry",
    "challenge",
    "if (key === <u32>Key.OK && entry.length() === 0",
    "if (key === <u32>Key.OK",
    true,
  ),
  successor("after a wrong PIN the card asks for it again", "WRONG_PIN", "OFF"),
  card("a wrong PIN shows LEFT", "enterPin", "enter(State.WRONG_PIN);", "enter(State.PIN);"),
  card(
    "the last failure shows LOCKED at once",
    "enterPin",
    "enter(State.LOCKED); else fail",
    "stand(State.WRONG_PIN, State.LOCKED); else fail",
  ),
  card("a weak PIN is refused", "newPin", "if (pin.isWeak(entry.DIGITS)) return enter(State.WEAK_PIN);", "", true),
  card("the new PIN must be repeated", "repeatPin", "if (!entry.matchesKept()) {", "if (false) {"),
  successor("NO MATCH asks for NEW> again", "NO_MATCH", "REPEAT_PIN"),
  successor("PIN SET closes the secrets and asks for the PIN", "PIN_SET", "CHALLENGE"),
  card(
    "on LOCKED digits do nothing",
    "locked",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.LOCK_CODE);",
    "if (event === Event.TAP) enter(State.LOCK_CODE);",
  ),
  card(
    "on LOCKED a hold does nothing",
    "locked",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.LOCK_CODE);",
    "if (key === <u32>Key.OK) enter(State.LOCK_CODE);",
  ),
  card(
    "on a lock code digits do nothing",
    "lockCode",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.UNLOCK);",
    "if (event === Event.TAP) enter(State.UNLOCK);",
  ),
  card(
    "on a lock code a hold does nothing",
    "lockCode",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.UNLOCK);",
    "if (key === <u32>Key.OK) enter(State.UNLOCK);",
  ),
  successor("after WRONG comes LOCKED", "WRONG_CODE", "UNLOCK"),
  card(
    "a right unlock code asks for a new PIN",
    "unlockCode",
    "if (outcome === Outcome.DONE) enter(State.NEW_PIN);",
    "if (outcome === Outcome.DONE) enter(State.PIN);",
  ),
  card(
    "the fifth wrong code shows BLOCKED at once",
    "unlockCode",
    "enter(State.BLOCKED); else",
    "stand(State.WRONG_CODE, State.BLOCKED); else",
  ),
  card(
    "each screen begins with nothing entered",
    "stand",
    "entry.clear(); if (state !== State.RESPONSE)",
    "if (state !== State.RESPONSE)",
  ),
  idleTimeout(
    "a lock code has a time-out of 5 minutes",
    "idleTimeoutOf",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.UNLOCK)",
  ),
  idleTimeout(
    "UNLOCK> has a time-out of 5 minutes",
    "idleTimeoutOf",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.LOCK_CODE)",
  ),
  idleTimeout(
    "LOCKED has a time-out of 30 s",
    "idleTimeoutOf",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.LOCKED || state === State.LOCK_CODE || state === State.UNLOCK)",
  ),
  idleTimeout(
    "BLOCKED has a time-out of 30 s",
    "idleTimeoutOf",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.BLOCKED || state === State.LOCK_CODE || state === State.UNLOCK)",
  ),
  card("below 2,100 mV the card stays off", "turnOn", "if (!power.usable()) return;", ""),
  card(
    "BATT LOW comes first",
    "turnOn",
    "if (power.low()) stand(State.BATT_LOW, first); else enter(first);",
    "enter(first);",
  ),
  card(
    "BLOCKED comes before LOCKED",
    "firstState",
    "if (unlock.isBlocked()) return unlock.block()",
    "if (pin.isLocked()) return State.LOCKED; if (unlock.isBlocked()) return unlock.block()",
  ),
  card(
    "a locked card shows LOCKED when it turns on",
    "firstState",
    "if (pin.isLocked()) return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
    "",
    true,
  ),
  card(
    "a card without a key shows NO KEY",
    "firstState",
    "if (pages.head.life !== Life.PERSONALIZED) return State.NO_KEY;",
    "",
  ),
  card(
    "a power cut while the card locks does not leave it at PIN>",
    "firstState",
    "return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
    "return State.PIN;",
  ),
  card(
    "a flash operation with an empty battery turns the card off",
    "fail",
    "if (outcome !== Outcome.FLASH && outcome !== Outcome.RANDOM && outcome !== Outcome.CRYPTO) return turnOff();",
    "",
  ),
  card("turning off sets the state OFF", "forget", "card.state = State.OFF; card.next", "card.next"),
];

const KEYS: readonly ScenarioMutant[] = [
  ...changed("keys.ts", "bounce is shorter than 20 ms", "BOUNCE: u32 = 20", "19", "21"),
  ...changed("keys.ts", "a hold is 800 ms", "HOLD: u32 = 800", "799", "801"),
  {
    breaks: "a hold acts once",
    file: "keys.ts",
    within: "next",
    from: "contacts.held = true;",
    to: "contacts.downAt = now;",
    telling: true,
  },
  {
    breaks: "while one key is down the others are ignored",
    file: "keys.ts",
    within: "settle",
    from: "contacts.active === NO_KEY ? press(key, at) : Event.NONE",
    to: "press(key, at)",
    telling: true,
  },
  {
    breaks: "an ignored key stays down until it is open for 20 ms",
    file: "keys.ts",
    within: "settle",
    from: "if (contacts.down & bit) return contacts.active === NO_KEY ? press(key, at) : Event.NONE;",
    to: "if (contacts.down & bit && contacts.active === NO_KEY) return press(key, at); contacts.down &= ~bit;",
  },
  {
    breaks: "a contact that bounces back has not changed",
    file: "keys.ts",
    within: "move",
    from: "contacts.pending ^= bit;",
    to: "contacts.pending |= bit;",
  },
  {
    breaks: "a key released after a hold is not also a tap",
    file: "keys.ts",
    within: "settle",
    from: "return contacts.held ? Event.RELEASE : Event.TAP;",
    to: "return Event.TAP;",
  },
  {
    breaks: "a hold does not count while its contact bounces open",
    file: "keys.ts",
    within: "isHolding",
    from: "&& !(contacts.pending & (1 << contacts.active))",
    to: "",
  },
];

const ENTRY: readonly ScenarioMutant[] = [
  {
    breaks: "a fifth digit is ignored",
    file: "entry.ts",
    within: "add",
    from: "if (entry.length >= most) return;",
    to: "if (entry.length >= most) { store<u8>(DIGITS + most - 1, (0x30 + digit) as u8); return; }",
    telling: true,
  },
  {
    breaks: "a fifth digit does not begin a new entry",
    file: "entry.ts",
    within: "add",
    from: "if (entry.length >= most) return;",
    to: "if (entry.length >= most) clear();",
  },
  {
    breaks: "all four digits are compared with the repeated PIN",
    file: "entry.ts",
    within: "matchesKept",
    from: "return load<u32>(DIGITS) === load<u32>(KEPT);",
    to: "return load<u16>(DIGITS) === load<u16>(KEPT);",
  },
  {
    breaks: "PRESS at REP> keeps the first entry",
    file: "entry.ts",
    within: "clear",
    from: "entry.length = 0; }",
    to: "entry.length = 0; memory.fill(KEPT, 0, 4); }",
  },
];

const PIN: readonly ScenarioMutant[] = [
  rule("four equal digits and a repeated pair are weak", "isWeak", "if (a === c && b === d) return true;", ""),
  rule(
    "a repeated pair of different digits is weak",
    "isWeak",
    "if (a === c && b === d) return true;",
    "if (a === b && a === c && b === d) return true;",
  ),
  rule(
    "a PIN is a repeated pair only if both halves are equal",
    "isWeak",
    "if (a === c && b === d) return true;",
    "if (a === c || b === d) return true;",
  ),
  rule("ascending runs are weak", "isWeak", "if ((step === 1 || step === 9)", "if ((step === 9)"),
  rule("descending runs are weak", "isWeak", "if ((step === 1 || step === 9)", "if ((step === 1)"),
  rule("only runs with steps of one are weak", "isWeak", "if ((step === 1 || step === 9)", "if ((true)"),
  rule(
    "runs wrap around",
    "isWeak",
    "const step = (b + 10 - a) % 10;",
    "const step = (b + 10 - a) % 10; if (a < d !== a < b) return (a === 0x31 && b === 0x39) || (a === 0x32 && b === 0x30);",
  ),
  rule("a run has four digits", "isWeak", "&& (d + 10 - c) % 10 === step", ""),
  rule("a run begins with its first digit", "isWeak", "&& (c + 10 - b) % 10 === step", ""),
  rule("years 19xx are weak", "isWeak", "(a === 0x31 && b === 0x39) ||", ""),
  rule("years 20xx are weak", "isWeak", "|| (a === 0x32 && b === 0x30);", ";"),
  rule("years begin with both digits", "isWeak", "(a === 0x31 && b === 0x39)", "(b === 0x39)"),
  rule("years 20xx begin with both digits", "isWeak", "(a === 0x32 && b === 0x30)", "(a === 0x32)"),
  rule(
    "a PIN change gives all tries back",
    "set",
    "head.pinSpent = 0; head.codeSpent = 0; return commit();",
    "head.pinSpent = 4; head.codeSpent = 0; return commit();",
  ),
  rule(
    "PIN SET gives the tries of unlock codes back",
    "set",
    "head.pinSpent = 0; head.codeSpent = 0; return commit();",
    "head.pinSpent = 0; return commit();",
  ),
  rule(
    "the fifth wrong PIN locks",
    "triesLeft",
    "used < head.tries ? head.tries - used : 0",
    "used <= head.tries ? head.tries + 1 - used : 0",
  ),
  rule(
    "the fifth wrong PIN locks at once",
    "check",
    "spentBackwards(Tally.PIN) < head.tries ?",
    "spentBackwards(Tally.PIN) <= head.tries ?",
    true,
  ),
  rule(
    "a right PIN gives all tries back",
    "check",
    "return onetry.conclude(onetry.giveBack());",
    "return Outcome.DONE;",
    true,
  ),
  rule("locking destroys the wrap under the PIN", "lock", "return destroy(Wrap.PIN);", "return Outcome.DONE;"),
];

const UNLOCK: readonly ScenarioMutant[] = [
  ...changed("unlock.ts", "the fifth wrong code blocks", "CODE_TRIES: u32 = Limit.CODE_TRIES", "4", "6"),
  unlock(
    "a used lock code is never valid again",
    "prepare",
    "head.lockCode = code;",
    "head.lockCode = head.lockCode ? head.lockCode : code;",
    true,
  ),
  unlock(
    "the unlock code belongs to the lock code",
    "prepare",
    "head.lockCode = code; unlockCode();",
    "unlockCode(); head.lockCode = code;",
  ),
  unlock(
    "a right code gives no tries back before PIN SET",
    "renew",
    "head.codeSpent = wrongBefore as u8;",
    "head.codeSpent = 0;",
    true,
  ),
  unlock(
    "a right code is not counted as a wrong one",
    "renew",
    "head.codeSpent = wrongBefore as u8;",
    "head.codeSpent = (wrongBefore + 1) as u8;",
  ),
  unlock("the card stays LOCKED until PIN SET", "renew", "head.pinSpent = head.tries;", "head.pinSpent = 0;"),
  unlock(
    "a right code has spent its lock code",
    "check",
    "return onetry.conclude(renew(before));",
    "return Outcome.DONE;",
    true,
  ),
  unlock(
    "the fifth wrong code blocks at once",
    "check",
    "spentBackwards(Tally.CODE) < CODE_TRIES ?",
    "spentBackwards(Tally.CODE) <= CODE_TRIES ?",
  ),
  unlock(
    "the unlock code has its own suite",
    TOP_LEVEL,
    "0x41, 0x32, 0x35, 0x36, 0x2d,",
    "0x41, 0x35, 0x31, 0x32, 0x2d,",
  ),
  unlock("the fifth wrong code destroys the wrap", "block", "return destroy(Wrap.CODE);", "return Outcome.DONE;"),
];

const FLASH: readonly ScenarioMutant[] = [
  {
    breaks: "a try is spent before the PIN is checked",
    file: "onetry.ts",
    within: "open",
    from: "if (!flash.program(slot, SPENT)) return Outcome.BATTERY; const after = flash.word(slot); const missing = used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN); return vault.open(which, use, digits, length, before + missing, after) === 0 ? Outcome.DONE : Outcome.WRONG;",
    to: "const opened = vault.open(which, use, digits, length, before, SPENT) === 0; if (opened) { current.slot = slot; return Outcome.DONE; } if (!flash.program(slot, SPENT)) return Outcome.BATTERY; return Outcome.WRONG;",
    telling: true,
  },
  {
    breaks: "an interrupted check counts as a wrong one",
    file: "tally.ts",
    within: "spent",
    from: "else if (!isErased(slot)) count++;",
    to: "else if (load<u32>(slot) === SPENT) count++;",
  },
  {
    breaks: "a give-back restores all tries before it",
    file: "tally.ts",
    within: "spent",
    from: "=== GIVEN) count = 0;",
    to: "=== GIVEN) count = max<i32>(0, (count as i32) - 1) as u32;",
  },
  {
    breaks: "an interrupted give-back gives nothing back",
    file: "tally.ts",
    within: "spent",
    from: "if (load<u32>(slot, 4) === GIVEN) count = 0;",
    to: "if (load<u32>(slot, 4) !== 0xffffffff) count = 0;",
  },
  {
    breaks: "a torn slot is not used again",
    file: "tally.ts",
    within: "freeSlot",
    from: "if (!isErased(slotAt(at, at === <u32>tally))) free",
    to: "if (load<u32>(slotAt(at, at === <u32>tally)) === SPENT) free",
    misuse: "the word was programmed before",
  },
  ...changed("power.ts", "BATT LOW shows below 2,400 mV", "LOW: u32 = 2400", "2399", "2401"),
  ...changed("power.ts", "the card turns off below 2,100 mV", "EMPTY: u32 = 2100", "2099", "2101"),
  {
    breaks: "each flash operation checks the battery",
    file: "flash.ts",
    within: "program",
    from: "function program(address: u32, value: u32): bool { if (!power.usable()) return false;",
    to: "function program(address: u32, value: u32): bool {",
  },
  {
    breaks: "the head is written last",
    file: "pages.ts",
    within: "writeNext",
    from: "if (at !== HEAD_CHECK_AT && !write(start, at)) return Outcome.BATTERY;",
    to: "if (!write(start, at)) return Outcome.BATTERY;",
  },
  {
    breaks: "what a cut left in another page is erased",
    file: "pages.ts",
    within: "mount",
    from: "return Outcome.FLASH; return clearOthers();",
    to: "return Outcome.FLASH; return Outcome.DONE;",
  },
];

const TEXTS: readonly ScenarioMutant[] = [
  {
    breaks: "leading zeros are kept",
    file: "screen.ts",
    within: "digits",
    from: "memory.copy(LINE, digits, length);",
    to: "memory.copy(LINE, digits, length); for (let i: u32 = 0; i + 1 < length && load<u8>(LINE + i) === 0x30; i++) store<u8>(LINE + i, BLANK);",
  },
  {
    breaks: "the first digit replaces the prompt",
    file: "view.ts",
    within: "digitsOr",
    from: "if (entry.length()) screen.digits(entry.DIGITS, entry.length());",
    to: "if (entry.length() > 1) screen.digits(entry.DIGITS, entry.length());",
  },
  {
    breaks: "each digit shows one star",
    file: "screen.ts",
    within: "stars",
    from: "memory.fill(LINE + 4, STAR, stars);",
    to: "memory.fill(LINE + 4, STAR, 4);",
  },
  {
    breaks: "the response covers the whole challenge",
    file: "token.ts",
    within: "respond",
    from: "ocra.input.challengeLength = CHALLENGE_SIZE;",
    to: "ocra.input.challengeLength = CHALLENGE_SIZE - 1;",
  },
];

/** Every mutant that a scenario file must notice. */
export const SCENARIO_MUTANTS: readonly ScenarioMutant[] = [
  ...CARD,
  ...SCREENS,
  ...KEYS,
  ...ENTRY,
  ...PIN,
  ...UNLOCK,
  ...FLASH,
  ...TEXTS,
];

/** A constant with other values: `from` is "NAME: u32 = VALUE". */
function changed(file: string, breaks: string, from: string, ...values: string[]): ScenarioMutant[] {
  return values.map((value) => ({
    breaks: `${breaks} (${value})`,
    file,
    within: TOP_LEVEL,
    from: `${from};`,
    to: `${from.slice(0, from.lastIndexOf(" "))} ${value};`,
  }));
}

function card(breaks: string, within: string, from: string, to: string, telling?: true): ScenarioMutant {
  return { breaks, file: "card.ts", within, from, to, ...(telling && { telling }) };
}

/** A mutant with another successor of a message. */
function successor(breaks: string, message: string, next: string): ScenarioMutant {
  const from = "switch (state) {";
  const to = `if (state === State.${message}) return State.${next}; ${from}`;
  return { breaks, file: "times.ts", within: "successorOf", from, to };
}

function idleTimeout(breaks: string, within: string, from: string, to: string): ScenarioMutant {
  return { breaks, file: "times.ts", within, from, to };
}

function rule(breaks: string, within: string, from: string, to: string, telling?: true): ScenarioMutant {
  return { breaks, file: "pin.ts", within, from, to, ...(telling && { telling }) };
}

function unlock(breaks: string, within: string, from: string, to: string, telling?: true): ScenarioMutant {
  return { breaks, file: "unlock.ts", within, from, to, ...(telling && { telling }) };
}
