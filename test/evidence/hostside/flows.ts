// The ways in which `dsc personalize` is used, and what must hold of each at every moment and at its end.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../../../host-tools/files/files.js";
import { createSeedFile, type SeedRecord } from "../../../host-tools/seeds/pskc.js";
import { cardOf } from "../../support/cards.js";
import { pattern } from "../../support/pattern.js";
import { isKeyOf, lifeOf, recordsIn, responseOf, transportKeysOf, unlocks } from "./keysoncard.js";
import { type Files, type Launcher, REAL, SimulatedBench } from "./simulatedbench.js";

export const SERIAL = "IB3000123";
export const PIN = "8352";
export const SEED_KEY = Buffer.from("cafe0123babe4567dead89abbeefcdef", "hex");
export const MASTER = Buffer.from("00112233445566778899aabbccddeeff", "hex");
export const OLD_MASTER = Buffer.from("ffeeddccbbaa99887766554433221100", "hex");
const OTHER_SERIAL = "IB3000777";
const MASTERS = [MASTER, OLD_MASTER];
/** A card that somebody uses, with the public test keys. */
const IN_USE = Uint8Array.from(cardOf({ serial: SERIAL, pin: PIN }).flash.bytes);
const RESPONSE_IN_USE = responseOf(IN_USE, PIN, []);
export const BLANK = new Uint8Array(4096).fill(0xff);

export const SECRETS: Files = {
  "seed.key": Buffer.from(SEED_KEY.toString("hex")),
  pin: Buffer.from(`${PIN}\n`),
  "transport.key": Buffer.from(MASTER.toString("hex")),
  "old.key": Buffer.from(OLD_MASTER.toString("hex")),
};

/** Where a case begins: the card's flash, and files. */
export interface Stage {
  readonly flash: Uint8Array;
  readonly files: Files;
}

export interface Flow {
  readonly name: string;
  readonly args: readonly string[];
  readonly stage: Stage;
  /** The version of the transport keys that the card ends with. */
  readonly kvn: number;
  /** Other cards in the same file, which must stay. */
  readonly others: readonly string[];
}

const WITH_SECRETS = ["personalize", "--port", "PORT", "--pin-file", "@pin", "--pskc-key", "@seed.key"];
const GIVEN = [...WITH_SECRETS, "--serial", SERIAL];
/** A trace overwrites nothing: each run has its own. */
const TRACED = ["--trace", "@trace-%"];
const NEW_KEYS = ["--transport", "@transport.key"];

/** All flows. The one that gives a card new transport keys begins with a card that `dsc` personalized. */
export async function flows(): Promise<readonly Flow[]> {
  const files = SECRETS;
  const rekeyed = await oneRun([...GIVEN, "--pskc", "@old.xml", "--transport", "@old.key"], { flash: BLANK, files });
  const appended = { flash: BLANK, files: { ...files, "seeds.xml": otherSeeds() } };
  const demo = { flash: IN_USE, files };
  const server = ["--pin-check", "server"];
  return [
    flow("fresh", [...NEW_KEYS], { flash: BLANK, files }, 0x01),
    flow("append", ["--append"], appended, 0xff, [OTHER_SERIAL]),
    flow("rekey", [...NEW_KEYS, "--transport-old", "@old.key", "--reseed"], rekeyed, 0x02),
    flow("reseed", [...server, ...NEW_KEYS, "--reseed"], demo, 0x01),
    flow("traced", [...NEW_KEYS, ...TRACED], { flash: BLANK, files }, 0x01),
  ];
}

function flow(name: string, more: readonly string[], stage: Stage, kvn: number, others: readonly string[] = []): Flow {
  return { name, args: [...GIVEN, "--pskc", "@seeds.xml", ...more], stage, kvn, others };
}

export function isTraced({ args }: Flow): boolean {
  return args.includes("--trace");
}

/** The arguments for one card more, into a seed file at that path. */
export function argsFor(serial: string, seeds: string, ...more: readonly string[]): string[] {
  return [...WITH_SECRETS, "--serial", serial, "--pskc", seeds, ...NEW_KEYS, ...more];
}

async function oneRun(args: readonly string[], stage: Stage): Promise<Stage> {
  const bench = benchOf(stage);
  const { code, stderr } = await bench.run(args);
  const after = stageOf(bench);
  bench.close();
  if (code !== 0) throw new Error(`the first personalization failed: ${stderr}`);
  return after;
}

/** A seed file with another card in it. */
function otherSeeds(): Buffer {
  const bench = new SimulatedBench(BLANK, {});
  const shared = { suite: "OCRA-1:HOTP-SHA256-8:QN06", pinCheck: "card", tries: 5, state: "done" } as const;
  const record: SeedRecord = {
    ...shared,
    serial: OTHER_SERIAL,
    key: pattern(32),
    unlockKey: pattern(32),
    keyset: undefined,
  };
  createSeedFile(bench.at("seeds.xml"), SEED_KEY, record);
  const bytes = readFileSync(bench.at("seeds.xml"));
  bench.close();
  return bytes;
}

export function benchOf({ flash, files }: Stage, launcher: Launcher = REAL): SimulatedBench {
  return new SimulatedBench(flash, files, launcher);
}

/** A bench as it is, so that another one can begin there. */
function stageOf(bench: SimulatedBench): Stage {
  const names = readdirSync(bench.at(""));
  return { flash: bench.flash, files: Object.fromEntries(names.map((name) => [name, readFileSync(bench.at(name))])) };
}

/**
 * What must hold at every moment: who has the files has the key of the card. Returns what does not, in a line.
 * A seed file is whole, or not there.
 */
export function brokenPromise(
  bench: SimulatedBench,
  flash: Uint8Array = bench.flash,
  serial = SERIAL,
): string | undefined {
  let records: SeedRecord[];
  try {
    records = ["seeds.xml", "old.xml"].flatMap((name) => [...recordsIn(bench.at(name), SEED_KEY)]);
  } catch (error) {
    return `a seed file cannot be read: ${(error as Error).message}`;
  }
  const { life } = lifeOf(flash);
  if (life === "blank") return undefined;
  const response = responseOf(flash, PIN, MASTERS);
  if (response === undefined) return `the card is ${life}, and nobody can ask it for a response`;
  // The key that the card had before is in a file of somebody else's.
  const mine = records.filter((record) => record.serial === serial);
  if (mine.some((record) => isKeyOf(record, response, PIN))) return undefined;
  if (response === RESPONSE_IN_USE) return undefined;
  return `the card is ${life} with a key that is in no seed file`;
}

/** What must hold in the end. Returns what does not, in a line. */
export function unfinished({ kvn, others, name }: Flow, bench: SimulatedBench): string | undefined {
  const broken = brokenPromise(bench);
  if (broken) return broken;
  const life = lifeOf(bench.flash);
  if (life.life !== "personalized" || life.serial !== SERIAL) return `the card is ${life.life}`;
  if (life.kvn !== kvn || !transportKeysOf(bench.flash, [MASTER])) return "the card has other transport keys";
  const records = recordsIn(bench.at("seeds.xml"), SEED_KEY);
  const [record, ...more] = records.filter(({ serial }) => serial === SERIAL);
  if (!record || more.length > 0) return `the file has ${more.length + (record ? 1 : 0)} records of the card`;
  if (record.state !== "done") return "the file does not say that the card is done";
  if (!others.every((other) => records.some(({ serial }) => serial === other))) return "another card's record is gone";
  if (name !== "reseed" && !unlocks(bench.flash, record)) return "its unlock key does not open the card";
  return filesLeft(bench);
}

/** What a process that was killed has left keeps nobody out, and is its owner's alone. */
function filesLeft(bench: SimulatedBench): string | undefined {
  try {
    withLock(bench.at("seeds.xml"), () => {});
  } catch (error) {
    return (error as Error).message;
  }
  const names = readdirSync(bench.at(""));
  const open = names.find((name) => statSync(join(bench.at(""), name)).mode & 0o077);
  return open && `others may read ${open}`;
}
