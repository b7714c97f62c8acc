// The commands of the language, each defined once: its words, purpose, example and action. The parser, the help, the
// completion of shells and docs/SCRIPTING.md are made from this table.

import { Channel } from "../../../firmware/wire.js";
import { payloadsOn } from "../../../host-tools/card/frame.js";
import { toHex } from "../../../host-tools/files/hex.js";
import { parseSuite, UNLOCK_SUITE } from "../../../host-tools/seeds/suite.js";
import { HOLD_TIME, KEYS, type KeyName, TAP_TIME, UP_TIME } from "../../core/card.js";
import type { Subject } from "../../core/subject.js";
import {
  type Argument,
  challenge,
  count,
  cutMode,
  digits,
  file,
  key,
  LineError,
  milliseconds,
  millivolts,
  name,
  optional,
  randomness,
  seed,
  serialBytes,
  stateName,
  tokenKey,
  unlockKey,
  type Values,
} from "./arguments.js";
import { exactly, type Pattern, text, textOrNothing } from "./pattern.js";
import { type AnyAct, type CardAct, type Context, type SetUp, type Steps, Unmet } from "./steps.js";

/** The group of a command in the reference. */
export const GROUPS = {
  setup: "The card",
  keys: "Keys",
  people: "The site and the help desk",
  time: "Time",
  checks: "Expectations",
  power: "Battery and power cuts",
  line: "The serial line and the random source",
  end: "The end",
} as const;
export type Group = keyof typeof GROUPS;

/** What a command does, with its parsed values: to the setup, to any card, or only to a simulated one. */
export type Carried =
  | { readonly on: "setup"; readonly apply: (setup: SetUp) => void }
  | { readonly on: "any"; readonly act: AnyAct }
  | { readonly on: "simulator"; readonly act: CardAct }
  | { readonly on: "end" };

export interface Command {
  /** Its names: one name, or those of all keys. */
  readonly names: readonly string[];
  readonly args: readonly Argument<unknown>[];
  readonly group: Group;
  /** What it does, in a line. */
  readonly says: string;
  /** Further details. */
  readonly more?: string;
  /** A complete script that passes. */
  readonly example: readonly string[];
  /** Only a simulated card supports it: a board has a real battery and a real flash. */
  readonly simulatorOnly: boolean;
  carry(word: string, values: readonly unknown[]): Carried;
}

interface About {
  readonly group: Group;
  readonly says: string;
  readonly more?: string;
  readonly example: string;
}

type Carry<A extends readonly Argument<unknown>[], R> = (...values: Values<A>) => R;

function command(names: string | readonly string[], args: readonly Argument<unknown>[], about: About) {
  const { example, ...rest } = about;
  const called = typeof names === "string" ? [names] : names;
  return { names: called, args, ...rest, example: example.split("\n").map((line) => line.trim()) };
}

/** A setup line: one of the first lines of a file. */
function first<const A extends readonly Argument<unknown>[]>(
  name: string,
  args: A,
  about: About & { readonly simulatorOnly: boolean },
  apply: Carry<A, (setup: SetUp) => void>,
): Command {
  return {
    ...command(name, args, about),
    simulatorOnly: about.simulatorOnly,
    carry: (_, values) => ({ on: "setup", apply: apply(...(values as Values<A>)) }),
  };
}

function onAny<const A extends readonly Argument<unknown>[]>(
  name: string,
  args: A,
  about: About,
  act: Carry<A, AnyAct>,
): Command {
  return {
    ...command(name, args, about),
    simulatorOnly: false,
    carry: (_, values) => ({ on: "any", act: act(...(values as Values<A>)) }),
  };
}

function onSimulator<const A extends readonly Argument<unknown>[]>(
  name: string,
  args: A,
  about: About,
  act: Carry<A, CardAct>,
): Command {
  return {
    ...command(name, args, about),
    simulatorOnly: true,
    carry: (_, values) => ({ on: "simulator", act: act(...(values as Values<A>)) }),
  };
}

// ---- steps that several commands use ----

function* press(card: Subject, pressed: KeyName, ms = TAP_TIME): Steps {
  card.down(pressed);
  yield { ms };
  card.up(pressed);
  yield { ms: UP_TIME };
}

function* type(card: Subject, typed: string): Steps {
  for (const digit of typed) yield* press(card, digit as KeyName);
}

/** Throws if the screen does not show the wanted text; a board gets a moment to show it. */
function* expectDisplay(command: string, card: Subject, wanted: Pattern, { timeoutMs }: Context): Steps {
  if (timeoutMs > 0) yield { ms: timeoutMs, until: () => wanted.accepts(card.display) };
  if (!wanted.accepts(card.display)) throw unmet(command, "display", wanted, card.display);
}

function unmet(command: string, what: string, { text: expected, isExpression }: Pattern, actual: string): Unmet {
  const differs = isExpression ? ` and does not match ${expected}` : `, not ${named(expected)}`;
  return new Unmet(`${command}: the ${what} is ${named(actual)}${differs}`, expected, actual);
}

function named(text: string): string {
  return text === "" ? "blank" : JSON.stringify(text);
}

/** Throws unless the command fits the screen; a board gets a moment to come to that screen. */
function* demand(command: string, card: Subject, fits: () => boolean, wanted: string, { timeoutMs }: Context): Steps {
  if (timeoutMs > 0) yield { ms: timeoutMs, until: fits };
  if (!fits()) throw new LineError(`${command}: needs ${wanted} on the display, which shows ${named(card.display)}`);
}

const LOGIN = `demo
  hold press
  type 4071
  ok`;
const LOCKED = `seed 7
  demo
  hold press
  type 1111
  ok
  until PIN> 3000
  type 1111
  ok
  until PIN> 3000
  type 1111
  ok
  until PIN> 3000
  type 1111
  ok
  until PIN> 3000
  type 1111
  ok
  expect LOCKED`;

/** In the order of the reference. */
export const COMMANDS: readonly Command[] = [
  first(
    "demo",
    [],
    {
      group: "setup",
      says: "makes the demo card: PIN `4071`, five tries, a public test key",
      more: "On a board, it makes nothing: it says that the board's card is the demo card.",
      example: "demo\n hold press\n expect PIN>",
      simulatorOnly: false,
    },
    () => (setup) => setup.demo(),
  ),
  first(
    "flash",
    [file],
    {
      group: "setup",
      says: "makes a card with the flash in FILE",
      more: "`run` looks for FILE beside the command file, and does not change it.",
      example: "flash card.bin\n hold press\n expect PIN>",
      simulatorOnly: true,
    },
    (path) => (setup) => setup.flash(path),
  ),
  first(
    "seed",
    [seed],
    {
      group: "setup",
      says: "makes random choices repeatable: lock codes, and the bits that a torn write leaves",
      example: "seed 7\n demo\n show",
      simulatorOnly: true,
    },
    (value) => (setup) => setup.seed(value),
  ),
  first(
    "key",
    [tokenKey, optional(unlockKey)],
    {
      group: "setup",
      says: "gives the token key for `answer`, and the unlock key for `unlock`",
      more: "Needed for every card but the demo card.",
      example: `flash card.bin
        key 3132333435363738393031323334353637383930313233343536373839303132
        hold press
        type 4071
        ok
        answer 123456`,
      simulatorOnly: false,
    },
    (token, unlock) => (setup) => setup.keys(token, unlock),
  ),
  {
    ...command(KEYS.toSorted(pressFirst), [], {
      group: "keys",
      says: `presses that key: ${TAP_TIME} ms down, then ${UP_TIME} ms up`,
      example: "demo\n hold press\n 4\n expect PIN>*\n press\n expect PIN>\n press\n expect",
    }),
    simulatorOnly: false,
    carry: (word) => ({ on: "any", act: (card) => press(card, word as KeyName) }),
  },
  onAny(
    "hold",
    [key, optional(milliseconds)],
    {
      group: "keys",
      says: `holds that key down for MS, or for ${HOLD_TIME} ms, then leaves it up for ${UP_TIME} ms`,
      more: "The report follows the release.",
      example: "demo\n hold press\n expect PIN>\n hold press 1500\n expect",
    },
    (held, ms) => (card) => press(card, held, ms ?? HOLD_TIME),
  ),
  onAny(
    "down",
    [key],
    {
      group: "keys",
      says: "closes that key's contact; no time passes",
      example: "demo\n down press\n wait 799\n expect\n wait 1\n expect PIN>\n up press",
    },
    (closed) => (card) => {
      card.down(closed);
      return undefined;
    },
  ),
  onAny(
    "up",
    [key],
    {
      group: "keys",
      says: "opens that key's contact; no time passes",
      more: "It is an error if the contact is already open.",
      example: "down 5\n wait 100\n up 5",
    },
    (opened) => (card) => {
      if (!card.isDown(opened)) throw new LineError(`up: ${opened} is not down`);
      card.up(opened);
      return undefined;
    },
  ),
  onAny(
    "type",
    [digits],
    {
      group: "keys",
      says: "types those digits, with one press each",
      example: "demo\n hold press\n type 4071\n expect PIN>****",
    },
    (typed) => (card) => type(card, typed),
  ),
  onAny(
    "answer",
    [challenge],
    {
      group: "people",
      says: "types a challenge, presses OK, and checks the response",
      more: "Only on `CHALLNG>`. It is an error if the card shows another response than the site computes, with the key of the demo card or of `key`.",
      example: `${LOGIN}\n answer 123456`,
    },
    (asked) => (card, context) => answer(card, asked, context),
  ),
  onAny(
    "unlock",
    [],
    {
      group: "people",
      says: "answers a lock code: presses OK, types the help desk's unlock code, and presses OK",
      more: "Only while the card shows a lock code. It is an error if `NEW>` does not follow, or if the unlock key is unknown: `key` gives none, and the card is not the demo card.",
      example: `${LOCKED}\n ok\n unlock\n expect NEW>`,
    },
    () => (card, context) => unlock(card, context),
  ),
  onAny(
    "wait",
    [milliseconds],
    {
      group: "time",
      says: "lets that time pass",
      example: "demo\n hold press\n wait 29000\n expect PIN>\n wait 1000\n expect",
    },
    (ms) =>
      function* () {
        yield { ms };
      },
  ),
  onAny(
    "until",
    [text, milliseconds],
    {
      group: "time",
      says: "lets time pass until the display is TEXT, at most MS",
      more: "It is an error if the display is not TEXT by then. `/^$/` waits for a blank screen.",
      example: "demo\n hold press\n type 1111\n ok\n expect LEFT 4\n until PIN> 3000",
    },
    (wanted, ms) => (card) => until(card, wanted, ms),
  ),
  onAny(
    "show",
    [],
    { group: "time", says: "does nothing but report, as every command does", example: "show" },
    () => () => undefined,
  ),
  onAny(
    "expect",
    [textOrNothing],
    {
      group: "checks",
      says: "the display must be TEXT, or blank if nothing follows",
      example: "demo\n expect\n hold press\n expect PIN>\n expect /^PIN/",
    },
    (wanted) => (card, context) => expectDisplay("expect", card, wanted, context),
  ),
  onAny(
    "expect-state",
    [stateName],
    {
      group: "checks",
      says: "the card's state must be NAME",
      example: "demo\n expect-state OFF\n hold press\n expect-state PIN",
    },
    (wanted) => (card, context) => expectState(card, wanted, context),
  ),
  onSimulator(
    "expect-answer",
    [textOrNothing],
    {
      group: "checks",
      says: "the last answer on the serial line must be TEXT: data and status word, in hex",
      example: "serial c000e1f0c0\n expect-answer 01",
    },
    (wanted) =>
      (_, { sent }) => {
        const answered = toHex(payloadsOn(Channel.APDU, sent).at(-1) ?? new Uint8Array());
        if (!wanted.accepts(answered)) throw unmet("expect-answer", "answer", wanted, answered);
        return undefined;
      },
  ),
  onSimulator(
    "battery",
    [millivolts],
    {
      group: "power",
      says: "sets the battery's voltage, and inserts a battery if there is none",
      more: "A fresh battery has 3000 mV.",
      example: "demo\n battery 2300\n hold press\n expect BATT LOW\n wait 1000\n expect PIN>",
    },
    (voltage) => (card) => {
      card.setBattery(voltage);
      return undefined;
    },
  ),
  onSimulator(
    "cut",
    [],
    {
      group: "power",
      says: "removes the battery: only flash keeps its contents",
      more: "Until `battery` inserts one, keys do nothing and are no error.",
      example: "demo\n hold press\n cut\n hold press\n expect\n battery 3000\n hold press\n expect PIN>",
    },
    () =>
      (card, { extra }) => {
        card.setBattery(0);
        extra.cut = true;
        return undefined;
      },
  ),
  onSimulator(
    "cut-at",
    [count, optional(cutMode)],
    {
      group: "power",
      says: "cuts the power at the Nth flash operation from now; 1 is the next one",
      more: "The cut falls before the operation (`clean`, the default) or in the middle of it (`torn`). Each program and each erase is an operation; reads do not count. A new `cut-at` replaces the one before.",
      example: `demo
        hold press
        type 4071
        cut-at 1 torn
        ok
        expect
        battery 3000
        hold press
        expect PIN>`,
    },
    (number, how) => (card) => {
      card.cutAt(number, how ?? "clean");
      return undefined;
    },
  ),
  onSimulator(
    "flash-ops",
    [],
    { group: "power", says: 'reports `"ops":N`, the flash operations so far', example: "flash-ops" },
    () =>
      (card, { extra }) => {
        extra.ops = card.flash.operations;
        return undefined;
      },
  ),
  onSimulator(
    "save",
    [name],
    {
      group: "power",
      says: "saves the whole card, including its clock, in memory as NAME",
      example: "demo\n hold press\n save on\n press\n expect\n load on\n expect PIN>",
    },
    (place) => (card) => {
      card.save(place);
      return undefined;
    },
  ),
  onSimulator(
    "load",
    [name],
    {
      group: "power",
      says: "restores the card that was saved as NAME",
      example: "save start\n wait 5000\n load start",
    },
    (place) => (card) => {
      if (!card.load(place)) throw new LineError(`load: nothing was saved as ${printable(place)}`);
      return undefined;
    },
  ),
  onSimulator(
    "serial",
    [serialBytes],
    {
      group: "line",
      says: "sends those bytes to the card's serial line; no time passes",
      example: "serial c000e1f0c0\n expect NO KEY",
    },
    (bytes) => (card) => {
      card.receive(bytes);
      return undefined;
    },
  ),
  onSimulator(
    "random",
    [randomness],
    {
      group: "line",
      says: "makes the card's random source fail from now on, or work again",
      example: "demo\n random fails\n hold press\n expect ERROR 03",
    },
    (how) => (card) => {
      card.randomFails = how === "fails";
      return undefined;
    },
  ),
  {
    ...command("end", [], {
      group: "end",
      says: "ends a recording: no command may follow",
      example: "show\n end",
    }),
    simulatorOnly: false,
    carry: () => ({ on: "end" }),
  },
];

const BY_NAME: ReadonlyMap<string, Command> = new Map(
  COMMANDS.flatMap((one) => one.names.map((called) => [called, one] as const)),
);

/** The command of a name, or undefined. */
export function commandNamed(called: string): Command | undefined {
  return BY_NAME.get(called);
}

/** At most a few printable characters of the user's input. */
export function printable(typed: string): string {
  return typed.replace(/[^\x20-\x7e]/g, "?").slice(0, 20);
}

/** The keys in the order of the reference: PRESS, OK, digits, which are in order already. */
function pressFirst(a: string, b: string): number {
  return b.length - a.length;
}

function* until(card: Subject, wanted: Pattern, ms: number): Steps {
  const met = yield { ms, until: () => wanted.accepts(card.display) };
  if (met) return;
  const { message, expected, actual } = unmet("until", "display", wanted, card.display);
  throw new Unmet(`${message}, after ${ms} ms`, expected, actual);
}

function* expectState(card: Subject, wanted: string, { timeoutMs }: Context): Steps {
  if (timeoutMs > 0) yield { ms: timeoutMs, until: () => card.state === wanted };
  if (card.state !== wanted) throw unmet("expect-state", "state", exactly(wanted), card.state);
}

function* answer(card: Subject, asked: string, context: Context): Steps {
  yield* demand("answer", card, () => card.display === "CHALLNG>", "CHALLNG>", context);
  const { suite, key: token } = context.keys();
  if (parseSuite(suite).pin !== undefined)
    throw new LineError(`answer: a response of ${suite} depends on the PIN; use type and expect instead`);
  yield* type(card, asked);
  yield* press(card, "ok");
  yield* expectDisplay("answer", card, exactly(context.response(suite, token, asked)), context);
}

function* unlock(card: Subject, context: Context): Steps {
  yield* demand("unlock", card, () => card.state === "LOCK_CODE", "a lock code", context);
  const { unlockKey: unlocking } = context.keys();
  if (!unlocking) throw new LineError("unlock: the unlock key is unknown; give it in a setup line, key HEX UNLOCKHEX");
  const code = context.response(UNLOCK_SUITE, unlocking, card.display);
  yield* press(card, "ok");
  yield* type(card, code);
  yield* press(card, "ok");
  yield* expectDisplay("unlock", card, exactly("NEW>"), context);
}
