// `dsc test`: the bench test of a card before its keys are written, step by step. Screen and keys need a person.

import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { Level } from "../../../firmware/wire.js";
import { LOW_BATTERY } from "../../card/battery.js";
import type { CardClient, CardStatus } from "../../card/cardclient.js";
import { type Keyset, type Master, wipeKeyset } from "../../card/transportkeys.js";
import { claimsPublic, expectedOf, keysetFor } from "../../desk/expectedkeys.js";
import { CheckFailed, WrongCard } from "../../files/errors.js";
import { coloured, columns, show, warn } from "../output.js";
import { askWhether, isInteractive } from "../prompt.js";
import {
  type CardOptions,
  sharedFilesOption,
  speaking,
  type TransportOptions,
  transportOption,
  wholeNumber,
  withCard,
  withMasterKey,
} from "./options.js";

interface Options extends CardOptions, TransportOptions {
  time: number;
}

interface Result {
  readonly test: string;
  readonly result: "good" | "bad" | "left out";
  readonly detail: string;
}

const KEYS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "OK", "PRESS"];
const POLL_TIME = 150;
/** Empty pages of the card's flash: all but one (docs/FLASH.md). */
const SPARE_PAGES = 3;

const EXAMPLES = ["dsc test --port /dev/ttyACM0", "dsc test --port /tmp/card --json"];
const NOTES = `
For a card that is not personalized. At a terminal a person checks the screen and presses every key; without a
terminal these two steps are left out. Exit code 1: a part is bad.`;

export function register(program: Command): void {
  const command = speaking("test", "test a card's parts before keys are written to it", EXAMPLES)
    .addOption(transportOption())
    .addOption(sharedFilesOption())
    .option("--time <seconds>", "how long to wait for all keys", wholeNumber(1, 3600), 60)
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { port } = options;
  const results = await withMasterKey(options, (master) =>
    withCard(options, (card) => testAll(card, master, options.time)),
  );
  const bad = results.filter(({ result }) => result === "bad").map(({ test }) => test);
  show(command, { port, good: bad.length === 0, tests: results }, columns(results.map(describe)));
  if (bad.length > 0) throw new CheckFailed(`bad: ${bad.join(", ")}`);
}

async function testAll(card: CardClient, master: Master | undefined, seconds: number): Promise<Result[]> {
  const status = await card.readStatus();
  if (status.life === "personalized")
    throw new WrongCard("the card is personalized, and only a card without keys is tested; dsc wipe removes them");
  const keys = flashKeys(status, master);
  const person = isInteractive();
  try {
    return [
      await testBattery(card),
      await testParts(card, "random", "the random source"),
      await testParts(card, "crypto", "the known answers"),
      keys ? await testFlash(card, keys) : leftOut("flash", "the card has transport keys of its own (--transport)"),
      person ? await testScreen(card) : leftOut("screen", "no terminal to ask at"),
      person ? await testKeys(card, seconds) : leftOut("keys", "no terminal to ask at"),
    ];
  } finally {
    if (keys) wipeKeyset(keys);
  }
}

/** The flash test writes, so it needs the card's transport keys; undefined if they were not given. */
function flashKeys(status: CardStatus, master: Master | undefined): Keyset | undefined {
  return master || claimsPublic(status) ? keysetFor(expectedOf(master), status) : undefined;
}

async function testBattery(card: CardClient): Promise<Result> {
  const millivolts = await card.selfTest("battery");
  return judged("battery", millivolts >= LOW_BATTERY, `${millivolts} mV`);
}

async function testParts(card: CardClient, test: "random" | "crypto", what: string): Promise<Result> {
  const good = (await card.selfTest(test)) === 1;
  return judged(test, good, good ? `${what}: as expected` : `${what}: wrong`);
}

async function testFlash(card: CardClient, keys: Keyset): Promise<Result> {
  await card.openChannel(Level.FULL, keys);
  const pages = await card.selfTest("flash");
  await card.closeChannel();
  return judged("flash", pages >= SPARE_PAGES, `spare pages that work: ${pages}`);
}

async function testScreen(card: CardClient): Promise<Result> {
  await card.selfTest("screen");
  const good = await askWhether("Does the screen show ********, every segment lit?");
  return judged("screen", good, good ? "checked by eye" : "the answer was no");
}

async function testKeys(card: CardClient, seconds: number): Promise<Result> {
  // Clears keys that were pressed before.
  await card.selfTest("keys");
  const end = Date.now() + seconds * 1000;
  let missing = KEYS;
  let seen = 0;
  sayMissing(missing, seconds);
  while (missing.length > 0 && Date.now() < end) {
    await sleep(POLL_TIME);
    seen |= await card.selfTest("keys");
    const left = KEYS.filter((_, key) => !(seen & (1 << key)));
    if (left.length < missing.length && left.length > 0) sayMissing(left);
    missing = left;
  }
  return judged("keys", missing.length === 0, missing.length ? `not pressed: ${missing.join(" ")}` : "all pressed");
}

function sayMissing(keys: readonly string[], seconds?: number): void {
  const limit = seconds === undefined ? "" : ` (within ${seconds} s)`;
  process.stderr.write(`Press each key once${limit}: ${keys.join(" ")}\n`);
}

function judged(test: string, good: boolean, detail: string): Result {
  return { test, result: good ? "good" : "bad", detail };
}

function leftOut(test: string, reason: string): Result {
  warn(`${test}: left out, ${reason}`);
  return { test, result: "left out", detail: reason };
}

function describe({ test, result, detail }: Result): readonly [string, string] {
  const style = { good: "green", bad: "red", "left out": "yellow" } as const;
  return [test, `${coloured(style[result], result.padEnd(8))}  ${detail}`];
}
