// Secrets that are told apart from everything else go into each command of `dsc`; then they are looked for in the whole
// image of its process, its command line and environment, what it printed and traced, and every file that it left.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { Ins } from "../../../firmware/wire.js";
import { deriveSessionKeys } from "../../../host-tools/card/scp03.js";
import { diversificationData, diversify, type Keyset, testKeys } from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { createSeedFile, type SeedRecord } from "../../../host-tools/seeds/pskc.js";
import { openKeys } from "../../../host-tools/seeds/pskckeys.js";
import { parse } from "../../../host-tools/seeds/pskcxml.js";
import { payloads } from "../../../sim/session/cardcommands.js";
import { BLANK, benchOf, MASTER, OLD_MASTER, SEED_KEY, SERIAL } from "./flows.js";
import { lifeOf, recordsIn } from "./keysoncard.js";
import { searchImage, seenOf } from "./processmemory.js";
import { needlesOf, Search, type Secret } from "./secretsearch.js";
import { goOn, type Launcher, type Outcome, type SimulatedBench, untilStopped } from "./simulatedbench.js";

/**
 * Four digits are in an image by chance: some 400 of the 10,000 PINs are in each, as an array of small numbers, and they
 * are others in each run. A copy of a PIN is there with any PIN: so what was found of the first is looked for with others.
 */
const PINS = ["8352", "6194", "9573", "7481"] as const;
const KEY = Buffer.from("c0ffee00facade11decade22fa11ed3305eed0440ddba1155ca1ab1e660ff1ce", "hex");
const UNLOCK_KEY = Buffer.from("9b1d5a2e7f4c86031e2d3c4b5a69788796a5b4c3d2e1f00f1b2d4e6f81a3c5e7", "hex");
const PASSPHRASE = "a Passphrase of the Bench, quite l0ng";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const PIN_SUITE = `${SUITE}-PSHA256`;
const CHALLENGE = "271828";

/** A command to run. `@name` is a file of the desk, PORT the card's port, RESPONSE the right one for the PIN. */
export interface CanaryCase {
  readonly id: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly input?: string;
  /** `dsc` commands that come before it. */
  readonly before?: readonly (readonly string[])[];
  /** Files that hold a secret on purpose. */
  readonly holds?: readonly string[];
}

const PSKC = ["--pskc", "@site.xml", "--pskc-key", "@seed.key"];
const SEEDS = ["--pskc", "@seeds.xml", "--pskc-key", "@seed.key"];
const CARD = ["--port", "PORT", "--trace", "@trace"];
const PERSONALIZE = ["personalize", ...CARD, "--serial", SERIAL, ...SEEDS];
const TYPED = ["--pin-file", "@pin", "--key-file", "@token.key", "--transport", "@transport.key"];
const OLD_CARD = [
  "personalize",
  "--port",
  "PORT",
  "--serial",
  SERIAL,
  "--pskc",
  "@old.xml",
  "--pskc-key",
  "@seed.key",
  "--pin-file",
  "@pin",
  "--transport",
  "@old.key",
];
const LOGIN = ["--serial", SERIAL, "--challenge", CHALLENGE];
const RESPONSE = ["--response", "RESPONSE"];
const KEY_HEX = KEY.toString("hex");

export const CASES: readonly CanaryCase[] = [
  { id: "personalize", args: [...PERSONALIZE, ...TYPED, "--json"], code: 0 },
  { id: "personalize-drawn", args: [...PERSONALIZE, "--pin-file", "@pin"], code: 0 },
  {
    id: "personalize-stdin",
    args: [...PERSONALIZE, "--pin-file", "@pin", "--key-file", "-"],
    code: 0,
    input: `${KEY_HEX}\n`,
  },
  {
    id: "personalize-passphrase",
    args: ["personalize", ...CARD, "--serial", SERIAL, "--pskc", "@seeds.xml", "--pskc-key", "@phrase", ...TYPED],
    code: 0,
  },
  {
    id: "personalize-append",
    args: ["personalize", ...CARD, "--serial", "IB3000124", ...PSKC, "--append", ...TYPED],
    code: 0,
  },
  {
    id: "personalize-rekey",
    args: [...PERSONALIZE, ...TYPED, "--transport-old", "@old.key", "--reseed"],
    code: 0,
    before: [OLD_CARD],
  },
  {
    id: "personalize-nothing",
    args: [...PERSONALIZE, ...TYPED],
    code: 0,
    before: [["personalize", "--port", "PORT", "--serial", SERIAL, ...SEEDS, ...TYPED]],
  },
  { id: "personalize-wrong-transport", args: [...PERSONALIZE, ...TYPED, "--reseed"], code: 4, before: [OLD_CARD] },
  { id: "personalize-dry-run", args: [...PERSONALIZE, ...TYPED, "--dry-run"], code: 0 },
  { id: "personalize-odd-key", args: [...PERSONALIZE, ...TYPED.with(3, "@odd.key")], code: 6 },
  { id: "personalize-bad-key", args: [...PERSONALIZE, ...TYPED.with(3, "@bad.key")], code: 6 },
  { id: "personalize-key-as-option", args: [...PERSONALIZE, "--pin", "PIN_GIVEN_BY_MISTAKE"], code: 2 },
  { id: "unlock", args: ["unlock", "--serial", SERIAL, "--lock-code", "01234567", ...PSKC, "--json"], code: 0 },
  {
    id: "unlock-passphrase",
    args: ["unlock", "--serial", SERIAL, "--lock-code", "01234567", "--pskc", "@phrase.xml", "--pskc-key", "@phrase"],
    code: 0,
  },
  { id: "verify", args: ["verify", ...LOGIN, ...RESPONSE, "--pin-file", "@pin", ...PSKC, "--json"], code: 0 },
  {
    id: "verify-refused",
    args: ["verify", ...LOGIN, "--response", "00000000", "--pin-file", "@pin", ...PSKC],
    code: 1,
  },
  {
    id: "verify-wrong-key",
    args: [
      "verify",
      ...LOGIN,
      ...RESPONSE,
      "--pin-file",
      "@pin",
      "--pskc",
      "@site.xml",
      "--pskc-key",
      "@transport.key",
    ],
    code: 6,
  },
  {
    id: "ocra",
    args: ["ocra", "--suite", PIN_SUITE, "--challenge", CHALLENGE, "--pin-file", "@pin", "--json"],
    code: 0,
    input: `${KEY_HEX}\n`,
  },
  { id: "ocra-odd-key", args: ["ocra", "--suite", SUITE, "--challenge", CHALLENGE], code: 6, input: KEY_HEX.slice(1) },
  {
    id: "wipe",
    args: ["wipe", ...CARD, "--transport", "@old.key", "--yes", "--json"],
    code: 0,
    before: [OLD_CARD],
  },
  { id: "keys-new", args: ["keys", "new", "@new.key", "--json"], code: 0, holds: ["new.key"] },
  { id: "keys-show", args: ["keys", "show", "@transport.key", "--json"], code: 0 },
  { id: "pskc-show", args: ["pskc", "show", "@site.xml", "--pskc-key", "@seed.key", "--json"], code: 0 },
  {
    id: "pskc-csv",
    args: ["pskc", "csv", "@site.xml", "@out.csv", "--pskc-key", "@seed.key", "--json"],
    code: 0,
    holds: ["out.csv"],
  },
];

/** What a case is given on its desk. These files are not searched. */
function given(pin: string): Record<string, Buffer> {
  const line = (text: string) => Buffer.from(`${text}\n`);
  return {
    "seed.key": line(SEED_KEY.toString("hex")),
    "transport.key": line(MASTER.toString("hex")),
    "old.key": line(OLD_MASTER.toString("hex").toUpperCase()),
    "token.key": line(KEY_HEX),
    "odd.key": line(KEY_HEX.slice(1)),
    "bad.key": line(`${KEY_HEX.slice(0, -1)}!`),
    pin: line(pin),
    phrase: line(PASSPHRASE),
  };
}

const RECORD: SeedRecord = {
  serial: SERIAL,
  suite: PIN_SUITE,
  pinCheck: "server",
  tries: 5,
  key: KEY,
  unlockKey: UNLOCK_KEY,
  state: "done",
  keyset: undefined,
};
let siteFiles: Record<string, Buffer> | undefined;

/** The site's seed files, made once. They hold secrets encrypted only: they are searched. */
function putSeedFiles(bench: SimulatedBench): void {
  if (!siteFiles) {
    createSeedFile(bench.at("site.xml"), SEED_KEY, RECORD);
    createSeedFile(bench.at("phrase.xml"), { passphrase: Buffer.from(PASSPHRASE) }, RECORD);
    const names = ["site.xml", "phrase.xml"];
    siteFiles = Object.fromEntries(names.map((name) => [name, readFileSync(bench.at(name))]));
  }
  for (const [name, bytes] of Object.entries(siteFiles)) bench.put(name, bytes);
}

export interface CanaryResult {
  /** In a line each: what was found where it must not be. */
  readonly wrong: readonly string[];
  /** Pieces of secrets in the image, */
  readonly copies: number;
  /** and those of what came over standard input. */
  readonly remnants: number;
  /** Bytes of memory that were searched. */
  readonly image: number;
  readonly files: number;
}

export async function runCanary(test: CanaryCase, launcher?: Launcher): Promise<CanaryResult> {
  const [first, ...others] = PINS;
  const { memory, wrong, ...result } = await runWith(first, test, launcher);
  for (const pin of others) {
    const suspects = [...memory.found.keys()].filter((name) => name.startsWith("PIN: "));
    if (suspects.length === 0) break;
    const again = await runWith(pin, test, launcher);
    for (const name of suspects) if (!again.memory.found.has(name)) memory.found.delete(name);
  }
  return { ...result, copies: memory.copies, wrong: [...inMemory(memory), ...wrong] };
}

/** What a run with this PIN came to: what is in its memory, and what is wrong elsewhere. */
interface Searched extends Omit<CanaryResult, "copies"> {
  readonly memory: Search;
}

async function runWith(pin: string, test: CanaryCase, launcher?: Launcher): Promise<Searched> {
  const bench = benchOf({ flash: BLANK, files: given(pin) }, launcher);
  try {
    putSeedFiles(bench);
    for (const args of test.before ?? []) await bench.run(args);
    return await search(bench, pin, test);
  } finally {
    bench.close();
  }
}

async function search(bench: SimulatedBench, pin: string, test: CanaryCase): Promise<Searched> {
  const talk = listen(bench);
  const response = () => ocra(PIN_SUITE, KEY, { challenge: CHALLENGE, pin });
  const args = test.args.map((arg) => (arg === "RESPONSE" ? response() : arg));
  const running = bench.start(args, { stopAtEnd: true }, test.input);
  if (!(await untilStopped(running))) throw new Error(`${test.id}: ${(await running.ended).stderr}`);
  const pid = running.process.pid as number;
  const needles = needlesOf(secretsOf(bench, pin, talk));
  const memory = new Search(needles);
  const image = searchImage(pid, memory);
  const seen = seenOf(pid);
  goOn(running);
  const outcome = await running.ended;
  const places: [string, Buffer][] = [
    ["what others see of the process", seen],
    ["stdout", Buffer.from(outcome.stdout)],
    ["stderr", Buffer.from(outcome.stderr)],
    ...filesOf(bench, test),
  ];
  const remnants = remnantsOf(test, memory);
  const wrong = [...wrongEnd(test, outcome), ...places.flatMap(([n, b]) => inPlace(n, b, needles))];
  wrong.push(...openFiles(bench));
  return { memory, wrong, remnants, image, files: places.length - 3 };
}

/**
 * What comes over standard input lies in a buffer of libuv's, which Node frees as it is: it is counted apart, and
 * taken out of what was found.
 */
function remnantsOf({ input = "" }: CanaryCase, { found }: Search): number {
  const form = "token key: hex";
  const count = found.get(form) ?? 0;
  // A key's beginning and end, once each.
  if (!input || count > 2) return 0;
  found.delete(form);
  return count;
}

function inMemory({ found }: Search): string[] {
  return [...found].map(([name, count]) => `the image of the process has ${name}, ${count} times`);
}

function inPlace(name: string, bytes: Buffer, needles: ReturnType<typeof needlesOf>): string[] {
  const search = new Search(needles);
  // A needle may end where the place does.
  search.look(Buffer.concat([bytes, Buffer.alloc(64)]), bytes.length);
  return [...search.found.keys()].map((what) => `${name} has ${what}`);
}

function wrongEnd({ code }: CanaryCase, outcome: Outcome): string[] {
  return outcome.code === code ? [] : [`exit code ${outcome.code}, not ${code}: ${outcome.stderr}`];
}

/** Everything under the bench but what it was given, and what holds a secret on purpose. */
function filesOf(bench: SimulatedBench, { holds = [] }: CanaryCase): [string, Buffer][] {
  const known = [...Object.keys(given(PINS[0])), ...holds].map((name) => bench.at(name));
  return allFiles(bench.folder)
    .filter((path) => !known.includes(path))
    .map((path) => [relative(bench.folder, path), readFileSync(path)]);
}

function allFiles(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function openFiles(bench: SimulatedBench): string[] {
  const open = allFiles(bench.folder).filter((path) => statSync(path).mode & 0o077);
  return open.map((path) => `others may read ${relative(bench.folder, path)}`);
}

interface Talk {
  readonly toCard: number[];
  readonly fromCard: number[];
}

function listen({ card }: SimulatedBench): Talk {
  const talk: Talk = { toCard: [], fromCard: [] };
  card.watchers.push({
    serial: (bytes) => void talk.toCard.push(...bytes),
    sent: (bytes) => void talk.fromCard.push(...bytes),
  });
  return talk;
}

/** All that must stay secret: what was given, what was drawn, and what was derived of it. */
function secretsOf(bench: SimulatedBench, pin: string, talk: Talk): Secret[] {
  const given: Secret[] = [
    { name: "PIN", bytes: Buffer.from(pin), kind: "pin" },
    { name: "token key", bytes: KEY },
    { name: "unlock key", bytes: UNLOCK_KEY },
    { name: "master key", bytes: MASTER },
    { name: "old master key", bytes: OLD_MASTER },
    { name: "seed file key", bytes: SEED_KEY },
    { name: "passphrase", bytes: Buffer.from(PASSPHRASE) },
  ];
  return [...given, ...drawn(bench), ...derived(bench, talk)];
}

function drawn(bench: SimulatedBench): Secret[] {
  const records = ["seeds.xml", "site.xml", "old.xml"].flatMap((name) => readable(bench.at(name)));
  const keys = records.flatMap(({ key, unlockKey }) => [
    { name: "token key", bytes: key },
    ...(unlockKey ? [{ name: "unlock key", bytes: unlockKey }] : []),
  ]);
  const { mac } = openKeys(parse(readFileSync(bench.at("site.xml"))), SEED_KEY);
  return [...keys, { name: "MAC key of the seed file", bytes: mac }, ...masterIn(bench)];
}

/** A file under a passphrase has what the token key file has. */
function readable(path: string): readonly SeedRecord[] {
  try {
    return recordsIn(path, SEED_KEY);
  } catch {
    return [];
  }
}

function masterIn(bench: SimulatedBench): Secret[] {
  const file = allFiles(bench.folder).find((path) => path === bench.at("new.key"));
  const hex = file && readFileSync(file, "utf8").trimEnd().split("\n").at(-1);
  return hex ? [{ name: "new master key", bytes: Buffer.from(hex, "hex") }] : [];
}

/** The card's own keys, and those of every channel. */
function derived(bench: SimulatedBench, talk: Talk): Secret[] {
  const { serial } = lifeOf(bench.flash);
  const serials = [...new Set([SERIAL, serial].filter((any) => any !== ""))];
  const own = serials.flatMap((any) =>
    [MASTER, OLD_MASTER].map((master) => diversify(master, diversificationData(any), 1)),
  );
  const keysets = [testKeys(), ...own];
  const named = own.flatMap((keyset) => [keyset.enc, keyset.mac, keyset.dek]);
  const session = keysets.flatMap((keyset) => sessionKeys(keyset, talk));
  return [
    ...named.map((bytes) => ({ name: "transport key", bytes })),
    ...session.map((bytes) => ({ name: "session key", bytes })),
  ];
}

function sessionKeys(keyset: Keyset, { toCard, fromCard }: Talk): Uint8Array[] {
  const commands = payloads(Uint8Array.from(toCard));
  const answers = payloads(Uint8Array.from(fromCard));
  return commands.flatMap((command, index) => {
    const answer = answers[index];
    if (command[1] !== Ins.INITIALIZE_UPDATE || !answer || answer.length < 29) return [];
    const context = Buffer.concat([command.subarray(5, 13), answer.subarray(13, 21)]);
    const { enc, mac, rmac } = deriveSessionKeys(keyset, context);
    return [enc, mac, rmac];
  });
}
