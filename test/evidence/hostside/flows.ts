// The uses of `dsc personalize`, and the promises that must hold for each at every moment and at its end.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { cardOf } from "../../support/cards.js";
import { type Contents, CUSTODY, contentsOf, REGISTER, registerArgs, registerFile } from "./deskregister.js";
import { isKeyOf, lifeOf, responseOf, transportKeysOf, unlocks } from "./keysoncard.js";
import { FIRST_SEED, type Files, type Launcher, REAL, SimulatedBench } from "./simulatedbench.js";

export const SERIAL = "IB3000123";
export const PIN = "8352";
export const MASTER = Buffer.from("5eed0fa11c0de5ba5eba11ca5cadab1e", "hex");
export const OLD_MASTER = Buffer.from("f10a7ed0b0a7decade5caffee0b5e55e", "hex");
const MASTERS = [MASTER, OLD_MASTER];
/** A card that somebody uses, with the public test keys. */
const IN_USE = Uint8Array.from(cardOf({ serial: SERIAL, pin: PIN }).flash.bytes);
const RESPONSE_IN_USE = responseOf(IN_USE, PIN, []);
export const BLANK = new Uint8Array(4096).fill(0xff);

export const SECRETS: Files = {
  ...CUSTODY,
  pin: Buffer.from(`${PIN}\n`),
  "transport.key": Buffer.from(MASTER.toString("hex")),
  "old.key": Buffer.from(OLD_MASTER.toString("hex")),
};

/** The fault in one line; undefined if there is none. */
export type Verdict = string | undefined;

/** The beginning of a case: the card's flash, and files. */
export interface Stage {
  readonly flash: Uint8Array;
  readonly files: Files;
}

/** A command that is ended at some moment, and run again. */
export interface Flow {
  readonly name: string;
  readonly args: readonly string[];
  readonly stage: Stage;
  /** The exit codes with which it may end when it is run again. */
  readonly again: readonly number[];
  /** Checks the promises that hold at every moment. Returns the broken ones. */
  broken(bench: SimulatedBench): Promise<Verdict>;
  /** Checks the promises that hold at the end. Returns the broken ones. */
  unfinished(bench: SimulatedBench): Promise<Verdict>;
}

const WITH_SECRETS = ["personalize", "--port", "PORT", "--pin-file", "@pin"];
const GIVEN = [...WITH_SECRETS, ...registerArgs(), "--serial", SERIAL];
/** Each run has its own trace file, since a trace never overwrites a file. */
const TRACED = ["--trace", "@trace-%"];
const NEW_KEYS = ["--transport", "@transport.key"];

/** All flows. The one that gives a card new transport keys begins with a card that `dsc` personalized. */
export async function flows(): Promise<readonly Flow[]> {
  const begun = { flash: BLANK, files: { ...SECRETS, [REGISTER]: await registerFile() } };
  const rekeyed = await oneRun([...GIVEN, "--transport", "@old.key"], begun);
  const demo = { ...begun, flash: IN_USE };
  const server = ["--pin-check", "server"];
  return [
    flow("fresh", [...NEW_KEYS], begun, 0x01),
    flow("rekey", [...NEW_KEYS, "--transport-old", "@old.key", "--reseed"], rekeyed, 0x02),
    flow("reseed", [...server, ...NEW_KEYS, "--reseed"], demo, 0x01),
    flow("traced", [...NEW_KEYS, ...TRACED], begun, 0x01),
  ];
}

/** `kvn`: the version of the transport keys that the card ends with. */
function flow(name: string, more: readonly string[], stage: Stage, kvn: number): Flow {
  return {
    ...{ name, args: [...GIVEN, ...more], stage, again: [0] },
    broken: brokenPromise,
    unfinished: (bench) => unfinished(name, kvn, bench),
  };
}

export function isTraced({ args }: Flow): boolean {
  return args.includes("--trace");
}

/** The arguments to personalize one more card with the register of that desk. */
export function argsFor(desk: SimulatedBench, ...more: readonly string[]): string[] {
  return [...WITH_SECRETS, ...registerArgs((name) => desk.at(name)), ...NEW_KEYS, ...more];
}

async function oneRun(args: readonly string[], stage: Stage): Promise<Stage> {
  const bench = benchOf(stage);
  const { code, stderr } = await bench.run(args);
  const after = stageOf(bench);
  bench.close();
  if (code !== 0) throw new Error(`the first personalization failed: ${stderr}`);
  return after;
}

export function benchOf({ flash, files }: Stage, launcher: Launcher = REAL, seed = FIRST_SEED): SimulatedBench {
  return new SimulatedBench(flash, files, launcher, seed);
}

/** The state of a bench, from which another one can begin. */
function stageOf(bench: SimulatedBench): Stage {
  const names = readdirSync(bench.at(""));
  return { flash: bench.flash, files: Object.fromEntries(names.map((name) => [name, readFileSync(bench.at(name))])) };
}

/** Checks at any moment that the register has the card's key. Returns the fault in one line. */
export async function brokenPromise(
  desk: SimulatedBench,
  flash: Uint8Array = desk.flash,
  serial = SERIAL,
): Promise<Verdict> {
  let contents: Contents;
  try {
    contents = await contentsOf(desk.at(REGISTER));
  } catch (error) {
    return `the register cannot be read: ${(error as Error).message}`;
  }
  if (contents.findings.length > 0) return `the register: ${contents.findings.join("; ")}`;
  const { life } = lifeOf(flash);
  if (life === "blank") return undefined;
  const response = responseOf(flash, PIN, MASTERS);
  if (response === undefined) return `the card is ${life}, and nobody can ask it for a response`;
  // The card's earlier key belongs to its former owner.
  const mine = contents.keys.filter((keys) => keys.serial === serial);
  if (mine.some((keys) => isKeyOf(keys, response, PIN))) return undefined;
  if (response === RESPONSE_IN_USE) return undefined;
  return `the card is ${life} with a key that the register does not have`;
}

async function unfinished(name: string, kvn: number, bench: SimulatedBench): Promise<Verdict> {
  const life = lifeOf(bench.flash);
  const broken = (await brokenPromise(bench)) ?? (await notDone(bench, bench.flash, SERIAL));
  if (broken) return broken;
  if (life.kvn !== kvn || !transportKeysOf(bench.flash, [MASTER])) return "the card has other transport keys";
  // Nothing locks a card whose PIN the site checks.
  const [keys] = (await contentsOf(bench.at(REGISTER))).keys.filter(({ state }) => state === "active");
  if (name !== "reseed" && !(keys && unlocks(bench.flash, keys))) return "its unlock key does not open the card";
  return filesOfOthers(bench);
}

/** Checks that the card is done by its own state and in the register, with one active set of keys. Returns the fault. */
export async function notDone(desk: SimulatedBench, flash: Uint8Array, serial: string): Promise<Verdict> {
  const life = lifeOf(flash);
  if (life.life !== "personalized" || life.serial !== serial) return `the card is ${life.life}`;
  const { keys } = await contentsOf(desk.at(REGISTER));
  const [active, ...more] = keys.filter((each) => each.serial === serial && each.state === "active");
  if (!active || more.length > 0) return `the register has ${more.length + (active ? 1 : 0)} active keys of the card`;
  if (active.cardState !== "seeded") return "the register does not say that the card is done";
  const response = responseOf(flash, PIN, MASTERS);
  return response !== undefined && isKeyOf(active, response, PIN) ? undefined : "the active key is not the card's";
}

/** Checks that only the owner can read what a killed process left. */
export function filesOfOthers(bench: SimulatedBench): Verdict {
  const names = readdirSync(bench.at(""));
  const open = names.find((name) => statSync(join(bench.at(""), name)).mode & 0o077);
  return open && `others may read ${open}`;
}
