// Mistakes that somebody could make in the firmware: each is a text that is replaced in one of its files.
// The scenarios must notice every one of them (test/firmware/mutants.test.ts).

import type { Mutation } from "./mutation.js";
import type { Telling } from "./telling.js";

export interface Mutant extends Mutation, Telling {
  /** The rule of flash that the simulator says is broken, where no screen shows the mistake. */
  readonly misuse?: string;
}

const CARD: readonly Mutant[] = [
  ...changed("times.ts", "30 s without a key", "IDLE: u32 = 30_000", "29_999", "30_001"),
  ...changed("times.ts", "60 s on a response", "RESPONSE_TIME: u32 = 60_000", "59_999", "60_001"),
  ...changed("times.ts", "5 minutes for a phone call", "PHONE_CALL: u32 = 300_000", "299_999", "300_001"),
  ...changed("times.ts", "messages stand 2 s", "const MESSAGE: u32 = 2_000", "1_999", "2_001"),
  ...changed("times.ts", "BATT LOW stands 1 s", "BATTERY_MESSAGE: u32 = 1_000", "999", "1_001"),
  ...changed("times.ts", "NO KEY stands 3 s", "NO_KEY_MESSAGE: u32 = 3_000", "2_999", "3_001"),
];

const SCREENS: readonly Mutant[] = [
  card(
    "a response is never extended",
    "card.deadline = card.patience ? card.now + card.patience : card.deadline;",
    "card.deadline = card.patience || card.state === State.RESPONSE ? card.now + IDLE * 2 : card.deadline;",
    true,
  ),
  card(
    "a key that is ignored is a key all the same",
    "card.deadline = card.patience ? card.now + card.patience : card.deadline;",
    "card.deadline = card.patience && event !== Event.HOLD && event !== Event.RELEASE ? card.now + card.patience : card.deadline;",
  ),
  card(
    "keys extend the time of a screen",
    "card.deadline = card.patience ? card.now + card.patience : card.deadline;",
    "card.deadline = card.deadline;",
  ),
  card(
    "letting go of the key that ended a message does nothing",
    "(event === Event.TAP && card.spentKey)",
    "false",
    true,
  ),
  card("the key after it counts", "if (event === Event.DOWN) card.spentKey = false;", ""),
  card(
    "a hold of the key that ended a message is a hold",
    "(event === Event.TAP && card.spentKey)",
    "(event !== Event.DOWN && card.spentKey)",
  ),
  card(
    "a message ends when a key goes down",
    "if (event !== Event.DOWN && event !== Event.TIMEOUT) return;",
    "if (event !== Event.TAP && event !== Event.TIMEOUT) return;",
  ),
  card(
    "the hold that turned it on does not end BATT LOW",
    "if (event !== Event.DOWN && event !== Event.TIMEOUT) return;",
    "if (event === Event.HOLD || event === Event.TAP) return;",
  ),
  card(
    "a key ends a message",
    "if (event !== Event.DOWN && event !== Event.TIMEOUT) return;",
    "if (event !== Event.TIMEOUT) return;",
  ),
  card(
    "holding PRESS turns it on, no other key",
    "if (event === Event.HOLD && key === <u32>Key.PRESS) turnOn();",
    "if (event === Event.HOLD) turnOn();",
  ),
  card(
    "a short PRESS does not turn it on",
    "if (event === Event.HOLD && key === <u32>Key.PRESS) turnOn();",
    "if ((event === Event.HOLD || event === Event.TAP) && key === <u32>Key.PRESS) turnOn();",
  ),
  card(
    "PRESS clears what was entered",
    "if (entry.length() === 0) return turnOff();\n  entry.clear();",
    "return turnOff();",
  ),
  card("PRESS turns off where nothing is entered", "if (entry.length() === 0) return turnOff();", ""),
  card("what PRESS cleared is not shown", "  entry.clear();\n  draw();\n}", "  entry.clear();\n}"),
  card(
    "holding PRESS turns it off",
    "if (event === Event.HOLD) return turnOff();",
    "if (event === Event.HOLD) return;",
  ),
  card(
    "holding PRESS turns it off, with digits entered too",
    "if (event === Event.HOLD) return turnOff();\n  if (event !== Event.TAP) return;",
    "if (event !== Event.TAP && event !== Event.HOLD) return;",
  ),
  card("OK with fewer digits is ignored", "return entry.length() === size;", "return true;", true),
  card(
    "OK with no digits is ignored",
    "return entry.length() === size;",
    "return entry.length() === size || entry.length() === 0;",
  ),
  card("a hold enters nothing", "if (event !== Event.TAP) return false;\n  if (key", "if (key"),
  card(
    "digits are ignored on a response",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.CHALLENGE);",
    "if (event === Event.TAP) enter(State.CHALLENGE);",
  ),
  card(
    "a hold on a response does nothing",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.CHALLENGE);",
    "if (key === <u32>Key.OK) enter(State.CHALLENGE);",
    true,
  ),
  card(
    "the change of the PIN needs a hold of OK",
    "if (key === <u32>Key.OK && entry.length() === 0",
    "if (entry.length() === 0",
  ),
  card(
    "the change of the PIN needs an empty entry",
    "if (key === <u32>Key.OK && entry.length() === 0",
    "if (key === <u32>Key.OK",
    true,
  ),
  successor("a wrong PIN is asked for again", "WRONG_PIN", "OFF"),
  card("a wrong PIN says LEFT", "enter(State.WRONG_PIN);", "enter(State.PIN);"),
  card(
    "the last failure shows LOCKED at once",
    "enter(State.LOCKED);\n  else fail",
    "stand(State.WRONG_PIN, State.LOCKED);\n  else fail",
  ),
  card("a weak PIN is refused", "if (pin.isWeak(entry.DIGITS)) return enter(State.WEAK_PIN);", "", true),
  card("the new PIN is repeated", "if (!entry.matchesKept()) {", "if (false) {"),
  successor("NO MATCH asks for NEW> again", "NO_MATCH", "REPEAT_PIN"),
  successor("PIN SET closes what was open, and asks for the PIN", "PIN_SET", "CHALLENGE"),
  card(
    "on LOCKED digits do nothing",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.LOCK_CODE);",
    "if (event === Event.TAP) enter(State.LOCK_CODE);",
  ),
  card(
    "on LOCKED a hold does nothing",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.LOCK_CODE);",
    "if (key === <u32>Key.OK) enter(State.LOCK_CODE);",
  ),
  card(
    "on a lock code digits do nothing",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.UNLOCK);",
    "if (event === Event.TAP) enter(State.UNLOCK);",
  ),
  card(
    "on a lock code a hold does nothing",
    "if (event === Event.TAP && key === <u32>Key.OK) enter(State.UNLOCK);",
    "if (key === <u32>Key.OK) enter(State.UNLOCK);",
  ),
  successor("after WRONG comes LOCKED", "WRONG_CODE", "UNLOCK"),
  card(
    "a right unlock code asks for a new PIN",
    "if (outcome === Outcome.DONE) enter(State.NEW_PIN);",
    "if (outcome === Outcome.DONE) enter(State.PIN);",
  ),
  card(
    "the fifth wrong code shows BLOCKED at once",
    "enter(State.BLOCKED);\n  else",
    "stand(State.WRONG_CODE, State.BLOCKED);\n  else",
  ),
  card(
    "each screen begins with nothing entered",
    "  entry.clear();\n  if (state !== State.RESPONSE)",
    "  if (state !== State.RESPONSE)",
  ),
  patience(
    "5 minutes on a lock code",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.UNLOCK)",
  ),
  patience(
    "5 minutes on UNLOCK>",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.LOCK_CODE)",
  ),
  patience(
    "30 s on LOCKED",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.LOCKED || state === State.LOCK_CODE || state === State.UNLOCK)",
  ),
  patience(
    "30 s on BLOCKED",
    "if (state === State.LOCK_CODE || state === State.UNLOCK)",
    "if (state === State.BLOCKED || state === State.LOCK_CODE || state === State.UNLOCK)",
  ),
  card("below 2,100 mV it stays off", "if (!power.usable()) return;", ""),
  card("BATT LOW comes first", "if (power.low()) stand(State.BATT_LOW, first);\n  else enter(first);", "enter(first);"),
  card(
    "BLOCKED comes before LOCKED",
    "  if (unlock.isBlocked()) return unlock.block()",
    "  if (pin.isLocked()) return State.LOCKED;\n  if (unlock.isBlocked()) return unlock.block()",
  ),
  card(
    "a locked card turns on LOCKED",
    "  if (pin.isLocked()) return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
    "",
    true,
  ),
  card("a card without a key shows NO KEY", "if (pages.head.life !== Life.PERSONALIZED) return State.NO_KEY;", ""),
  card(
    "power failing while it is locked leaves no PIN",
    "return pin.lock() === Outcome.DONE ? State.LOCKED : State.OFF;",
    "return State.PIN;",
  ),
  card(
    "a flash operation with an empty battery turns it off",
    "if (outcome !== Outcome.FLASH && outcome !== Outcome.RANDOM && outcome !== Outcome.CRYPTO) return turnOff();",
    "",
  ),
  card("off is off", "card.state = State.OFF;\n  card.next", "card.next"),
];

const KEYS: readonly Mutant[] = [
  ...changed("keys.ts", "bounce is shorter than 20 ms", "BOUNCE: u32 = 20", "19", "21"),
  ...changed("keys.ts", "a hold is 800 ms", "HOLD: u32 = 800", "799", "801"),
  {
    breaks: "a hold acts once",
    file: "keys.ts",
    from: "    contacts.held = true;\n",
    to: "    contacts.downAt = now;\n",
    telling: true,
  },
  {
    breaks: "while one key is down the others are ignored",
    file: "keys.ts",
    from: "contacts.active === NO_KEY ? press(key, at) : Event.NONE",
    to: "press(key, at)",
    telling: true,
  },
  {
    breaks: "a key that is ignored stays down until it is open for 20 ms",
    file: "keys.ts",
    from: "if (contacts.down & bit) return contacts.active === NO_KEY ? press(key, at) : Event.NONE;",
    to: "if (contacts.down & bit && contacts.active === NO_KEY) return press(key, at);\n  contacts.down &= ~bit;",
  },
  {
    breaks: "what bounces back is no change",
    file: "keys.ts",
    from: "  contacts.pending ^= bit;\n",
    to: "  contacts.pending |= bit;\n",
  },
  {
    breaks: "a key let go after its hold is not pressed too",
    file: "keys.ts",
    from: "return contacts.held ? Event.RELEASE : Event.TAP;",
    to: "return Event.TAP;",
  },
  {
    breaks: "a hold waits for a contact that is open for the moment",
    file: "keys.ts",
    from: " && !(contacts.pending & (1 << contacts.active))",
    to: "",
  },
];

const ENTRY: readonly Mutant[] = [
  {
    breaks: "a fifth digit is ignored",
    file: "entry.ts",
    from: "if (entry.length >= most) return;",
    to: "if (entry.length >= most) { store<u8>(DIGITS + most - 1, (0x30 + digit) as u8); return; }",
    telling: true,
  },
  {
    breaks: "a fifth digit is not the first of a new entry",
    file: "entry.ts",
    from: "if (entry.length >= most) return;",
    to: "if (entry.length >= most) clear();",
  },
  {
    breaks: "four digits are repeated, not three",
    file: "entry.ts",
    from: "return load<u32>(DIGITS) === load<u32>(KEPT);",
    to: "return load<u16>(DIGITS) === load<u16>(KEPT);",
  },
  {
    breaks: "PRESS at REP> keeps the first",
    file: "entry.ts",
    from: "  entry.length = 0;\n}",
    to: "  entry.length = 0;\n  memory.fill(KEPT, 0, 4);\n}",
  },
];

const PIN: readonly Mutant[] = [
  rule("four digits are equal, or a pair is repeated", "if (a === c && b === d) return true;", ""),
  rule(
    "a pair is repeated, not only one digit",
    "if (a === c && b === d) return true;",
    "if (a === b && a === c && b === d) return true;",
  ),
  rule(
    "only both halves alike are a pair",
    "if (a === c && b === d) return true;",
    "if (a === c || b === d) return true;",
  ),
  rule("runs go up", "if ((step === 1 || step === 9)", "if ((step === 9)"),
  rule("runs go down", "if ((step === 1 || step === 9)", "if ((step === 1)"),
  rule("runs have steps of one", "if ((step === 1 || step === 9)", "if ((true)"),
  rule(
    "runs wrap",
    "const step = (b + 10 - a) % 10;\n",
    "const step = (b + 10 - a) % 10;\n  if (a < d !== a < b) return (a === 0x31 && b === 0x39) || (a === 0x32 && b === 0x30);\n",
  ),
  rule("a run is four digits long", " && (d + 10 - c) % 10 === step", ""),
  rule("a run begins with its first digit", " && (c + 10 - b) % 10 === step", ""),
  rule("years 19xx", "(a === 0x31 && b === 0x39) || ", ""),
  rule("years 20xx", " || (a === 0x32 && b === 0x30);", ";"),
  rule("years begin with both digits", "(a === 0x31 && b === 0x39)", "(b === 0x39)"),
  rule("years 20xx begin with both digits", "(a === 0x32 && b === 0x30)", "(a === 0x32)"),
  rule(
    "a PIN change gives all tries back",
    "  head.pinSpent = 0;\n  head.codeSpent = 0;\n  return commit();\n}\n\n/** Seals what is open for",
    "  head.pinSpent = 4;\n  head.codeSpent = 0;\n  return commit();\n}\n\n/** Seals what is open for",
  ),
  rule(
    "PIN SET gives the tries of unlock codes back",
    "  head.pinSpent = 0;\n  head.codeSpent = 0;\n  return commit();\n}\n\n/** Seals what is open for",
    "  head.pinSpent = 0;\n  return commit();\n}\n\n/** Seals what is open for",
  ),
  rule(
    "the fifth wrong PIN locks",
    "used < head.tries ? head.tries - used : 0",
    "used <= head.tries ? head.tries + 1 - used : 0",
  ),
  rule(
    "the fifth wrong PIN locks at once",
    "spentBackwards(Tally.PIN) < head.tries ?",
    "spentBackwards(Tally.PIN) <= head.tries ?",
    true,
  ),
  rule(
    "a right PIN gives all tries back",
    "return attempt.conclude(attempt.giveBack());",
    "return Outcome.DONE;",
    true,
  ),
  rule("PIN and lockout: what the PIN opens is destroyed", "  return destroy(Wrap.PIN);", "  return Outcome.DONE;"),
];

const UNLOCK: readonly Mutant[] = [
  ...changed("unlock.ts", "the fifth wrong code blocks", "CODE_TRIES: u32 = Limit.CODE_TRIES", "4", "6"),
  unlock(
    "a used lock code is never good twice",
    "    head.lockCode = code;\n",
    "    head.lockCode = head.lockCode ? head.lockCode : code;\n",
    true,
  ),
  unlock(
    "the unlock code belongs to the lock code",
    "    head.lockCode = code;\n    unlockCode();",
    "    unlockCode();\n    head.lockCode = code;",
  ),
  unlock(
    "a right code gives no tries back before PIN SET",
    "head.codeSpent = wrongBefore as u8;",
    "head.codeSpent = 0;",
    true,
  ),
  unlock(
    "a right code is not counted as a wrong one",
    "head.codeSpent = wrongBefore as u8;",
    "head.codeSpent = (wrongBefore + 1) as u8;",
  ),
  unlock("the card stays LOCKED until PIN SET", "head.pinSpent = head.tries;", "head.pinSpent = 0;"),
  unlock(
    "a right code has spent its lock code",
    "return attempt.conclude(renew(before));",
    "return Outcome.DONE;",
    true,
  ),
  unlock(
    "the fifth wrong code blocks at once",
    "spentBackwards(Tally.CODE) < CODE_TRIES ?",
    "spentBackwards(Tally.CODE) <= CODE_TRIES ?",
  ),
  unlock("suite of the unlock code", "0x41, 0x32, 0x35, 0x36, 0x2d,", "0x41, 0x35, 0x31, 0x32, 0x2d,"),
  unlock("the fifth wrong code destroys", "  return destroy(Wrap.CODE);", "  return Outcome.DONE;"),
];

const FLASH: readonly Mutant[] = [
  {
    breaks: "a try is spent before the PIN is looked at",
    file: "attempt.ts",
    from: "  if (!flash.program(slot, SPENT)) return Outcome.BATTERY;\n  const after = flash.word(slot);\n  // Which tries count is told by the use: a fault in `tally` would spend those of the other kind.\n  const missing = used + 1 - spentBackwards(use === Use.CODE ? Tally.CODE : Tally.PIN);\n  return vault.open(which, use, digits, length, before + missing, after) === 0 ? Outcome.DONE : Outcome.WRONG;",
    to: "  const opened = vault.open(which, use, digits, length, before, SPENT) === 0;\n  if (opened) { current.slot = slot; return Outcome.DONE; }\n  if (!flash.program(slot, SPENT)) return Outcome.BATTERY;\n  return Outcome.WRONG;",
    telling: true,
  },
  {
    breaks: "an interrupted check counts as a wrong one",
    file: "tally.ts",
    from: "else if (!isErased(slot)) count++;",
    to: "else if (load<u32>(slot) === SPENT) count++;",
  },
  {
    breaks: "giving back forgives all before it",
    file: "tally.ts",
    from: "=== GIVEN) count = 0;",
    to: "=== GIVEN) count = max<i32>(0, (count as i32) - 1) as u32;",
  },
  {
    breaks: "an interrupted give-back gives nothing back",
    file: "tally.ts",
    from: "if (load<u32>(slot, 4) === GIVEN) count = 0;",
    to: "if (load<u32>(slot, 4) !== 0xffffffff) count = 0;",
  },
  {
    breaks: "a slot that is torn is not used again",
    file: "tally.ts",
    from: "if (!isErased(slotAt(at, at === <u32>tally))) free",
    to: "if (load<u32>(slotAt(at, at === <u32>tally)) === SPENT) free",
    misuse: "the word was programmed before",
  },
  ...changed("power.ts", "BATT LOW below 2,400 mV", "LOW: u32 = 2400", "2399", "2401"),
  ...changed("power.ts", "off below 2,100 mV", "EMPTY: u32 = 2100", "2099", "2101"),
  {
    breaks: "each flash operation asks the battery",
    file: "flash.ts",
    from: "export function program(address: u32, value: u32): bool {\n  if (!power.usable()) return false;",
    to: "export function program(address: u32, value: u32): bool {",
  },
  {
    breaks: "the head is written last",
    file: "store.ts",
    from: "    if (at !== HEAD_CHECK_AT && !write(start, at)) return Outcome.BATTERY;",
    to: "    if (!write(start, at)) return Outcome.BATTERY;",
  },
  {
    breaks: "what a cut left in another page is cleared",
    file: "store.ts",
    from: "return Outcome.FLASH;\n  return clearOthers();",
    to: "return Outcome.FLASH;\n  return Outcome.DONE;",
  },
];

const TEXTS: readonly Mutant[] = [
  {
    breaks: "leading zeros are kept",
    file: "screen.ts",
    from: "  memory.copy(LINE, digits, length);",
    to: "  memory.copy(LINE, digits, length);\n  for (let i: u32 = 0; i + 1 < length && load<u8>(LINE + i) === 0x30; i++) store<u8>(LINE + i, BLANK);",
  },
  {
    breaks: "the first digit replaces the prompt",
    file: "face.ts",
    from: "if (entry.length()) screen.digits(entry.DIGITS, entry.length());",
    to: "if (entry.length() > 1) screen.digits(entry.DIGITS, entry.length());",
  },
  {
    breaks: "one star for each digit",
    file: "screen.ts",
    from: "memory.fill(LINE + 4, STAR, stars);",
    to: "memory.fill(LINE + 4, STAR, 4);",
  },
  {
    breaks: "responses to all challenges",
    file: "token.ts",
    from: "  ocra.input.challengeLength = CHALLENGE_SIZE;",
    to: "  ocra.input.challengeLength = CHALLENGE_SIZE - 1;",
  },
];

/** Every mutant that a scenario file must notice. */
export const MUTANTS: readonly Mutant[] = [
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
function changed(file: string, breaks: string, from: string, ...values: string[]): Mutant[] {
  return values.map((value) => ({
    breaks: `${breaks} (${value})`,
    file,
    from: `${from};`,
    to: `${from.slice(0, from.lastIndexOf(" "))} ${value};`,
  }));
}

function card(breaks: string, from: string, to: string, telling?: true): Mutant {
  return { breaks, file: "card.ts", from, to, ...(telling && { telling }) };
}

/** What follows a message is another screen. */
function successor(breaks: string, message: string, next: string): Mutant {
  const from = "export function successorOf(state: State): State {\n";
  const to = `${from}  if (state === State.${message}) return State.${next};\n`;
  return { breaks, file: "times.ts", from, to };
}

function patience(breaks: string, from: string, to: string): Mutant {
  return { breaks, file: "times.ts", from, to };
}

function rule(breaks: string, from: string, to: string, telling?: true): Mutant {
  return { breaks, file: "pin.ts", from, to, ...(telling && { telling }) };
}

function unlock(breaks: string, from: string, to: string, telling?: true): Mutant {
  return { breaks, file: "unlock.ts", from, to, ...(telling && { telling }) };
}
