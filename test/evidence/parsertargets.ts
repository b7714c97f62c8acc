// The inputs that campaign parsers gives to the host tools: seed files, CSV, receipts, secrets, frames, answers.
//
// Each check takes any bytes and throws if a promise is broken: an error without an exit code or a clear line, a wrong
// result, or a changed file.

import { deepStrictEqual, ok } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CardClient } from "../../host-tools/card/cardclient.js";
import { FrameReader } from "../../host-tools/card/frame.js";
import { Link } from "../../host-tools/card/link.js";
import { exitCodeOf } from "../../host-tools/cli/exit.js";
import { SeedFileError } from "../../host-tools/files/errors.js";
import { ROOT } from "../../host-tools/files/project.js";
import { readKey, readPassphrase, readPin, readSeedSecret } from "../../host-tools/files/secretfile.js";
import { writePrivacyIdeaCsv } from "../../host-tools/seeds/privacyidea.js";
import { describeRefusal, importPskc, outlineSeedFile } from "../../host-tools/seeds/pskcimport.js";
import type { SeedSecret } from "../../host-tools/seeds/pskckeys.js";
import type { SeedRecord } from "../../host-tools/seeds/pskcrecords.js";
import { readReceipt } from "../../host-tools/seeds/receipt.js";
import { Random } from "../../sim/core/random.js";
import { FakeCard, FakeClock, framesIn, lineBytes } from "../support/fakecard.js";
import { MemoryDisk } from "../support/memorydisk.js";
import { pattern } from "../support/pattern.js";
import { below, mutateBytes, mutateElements, pick } from "./mutation.js";

/** The result of a case: refused with a clear line, or accepted with a right result. */
export type Outcome = "refused" | "accepted";

export interface Target {
  readonly name: string;
  /** The number of cases in a usual run. */
  readonly cases: number;
  /** Runs the case that the random source determines. */
  run(random: Random): Outcome | Promise<Outcome>;
}

const PATH = "/file";

/** The error must have an exit code, and a message of one line fit for a terminal. */
function checkError(error: unknown): void {
  if (exitCodeOf(error) === undefined) throw error;
  const { message } = error as Error;
  ok(/^[ -~]{1,400}$/.test(message), `not one clear line: ${JSON.stringify(message)}`);
}

/** The result; undefined if the input was refused with the required error. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    checkError(error);
    return undefined;
  }
}

function diskWith(contents: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk();
  disk.write(disk.create(PATH), contents);
  return disk;
}

function contentsOf(disk: MemoryDisk): Buffer {
  deepStrictEqual([...disk.names.keys()], [PATH], "files are left behind");
  return disk.read(PATH);
}

// Seed files

interface SeedSample {
  readonly xml: string;
  readonly secret: SeedSecret;
  readonly records: readonly SeedRecord[];
  /** Every key in it, in hexadecimal. */
  readonly keys: ReadonlySet<string>;
}

/** The two files were written by `dsc` of the first release; their keys count up by seven, from these. */
function sample(name: string, secret: SeedSecret): SeedSample {
  const xml = readFileSync(join(ROOT, "test", "evidence", name));
  const { records } = importPskc(PATH, secret, diskWith(xml));
  const keys = records.flatMap(({ key, unlockKey }) => (unlockKey ? [key, unlockKey] : [key]));
  deepStrictEqual(
    keys.map((key) => key.toString("hex")),
    [counting(32, 0x11), counting(32, 0x21), counting(64, 0x31), counting(32, 0x41), counting(20, 0x51)],
  );
  return { xml: xml.toString(), secret, records, keys: new Set(keys.map((key) => key.toString("hex"))) };
}

function counting(size: number, from: number): string {
  return Buffer.from(Array.from({ length: size }, (_, at) => at * 7 + from)).toString("hex");
}

const UNDER_KEY = sample("seeds-key.xml", Buffer.from(counting(16, 1), "hex"));
const UNDER_PASSPHRASE = sample("seeds-passphrase.xml", { passphrase: Buffer.from("correct horse") });

const XML_PIECES = [
  ..."<>&\"'/= \t\r\n\0",
  "]]>",
  "<!--",
  "-->",
  "<![CDATA[",
  "<?a ",
  "?>",
  "&#0;",
  "&#x1b;",
  "&#99999999999;",
  "&lt;",
  "&unknown;",
  "\u{1b}[2J",
  "\u009b",
  "\u2028",
  "xmlns=''",
  "<a>",
  "</a>",
  "<a b='c'/>",
  "é",
  "\ufeff",
  "AAAA",
];

/** The parts of the file under a key from which files are generated: its beginning, its packages, and its end. */
export const SEED_PARTS = partsOf(UNDER_KEY.xml);

function partsOf(xml: string): { readonly head: string; readonly packages: readonly string[]; readonly tail: string } {
  const packages = xml.match(/ {2}<pskc:KeyPackage>.*?<\/pskc:KeyPackage>\n/gs) ?? [];
  const [head = "", ...rest] = xml.split(/ {2}<pskc:KeyPackage>.*<\/pskc:KeyPackage>\n/s);
  return { head, packages, tail: rest.join("") };
}

/** Reads a seed file. It must give only keys that went in, and only cards that it also names without the secret. */
export function checkSeedFile(bytes: Buffer, { secret, keys }: SeedSample = UNDER_KEY): Outcome {
  const disk = diskWith(bytes);
  const outline = attempt(() => outlineSeedFile(PATH, disk));
  const imported = attempt(() => importPskc(PATH, secret, disk));
  deepStrictEqual(contentsOf(disk), bytes, "reading changed the file");
  const records = imported?.records ?? [];
  for (const { key, unlockKey } of records) {
    ok(keys.has(key.toString("hex")), "a key that is in no record");
    ok(!unlockKey || keys.has(unlockKey.toString("hex")), "an unlock key that is in no record");
  }
  for (const { serial, field, why } of imported?.refusals ?? [])
    checkError(new SeedFileError(describeRefusal({ serial, field, why })));
  const named = new Set(outline?.cards.map(({ serial }) => serial));
  ok(
    records.every(({ serial }) => named.has(serial)),
    "a card of which nothing is said without the secret",
  );
  if (records.length === 0) return "refused";
  checkCsv(records);
  return "accepted";
}

const ADDED: SeedRecord = {
  serial: "IB3009999",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: pattern(32, 1),
  unlockKey: pattern(32, 2),
  state: "pending",
  keyset: 1,
};

/** Checks the file as privacyIDEA reads it: fields split at commas and trimmed. */
export function checkCsv(records: readonly SeedRecord[]): Outcome {
  const disk = new MemoryDisk();
  const count = attempt(() => writePrivacyIdeaCsv(PATH, records, disk));
  if (count === undefined) {
    deepStrictEqual([...disk.names.keys()], [], "refused, and yet there is a file");
    return "refused";
  }
  const done = records.filter(({ state }) => state === "done");
  const rows = contentsOf(disk).toString().split("\n").slice(0, -1);
  deepStrictEqual(
    rows.map((row) => row.split(",").map((field) => field.trim())),
    done.map(({ serial, key, suite }) => [serial, key.toString("hex"), "ocra", suite]),
  );
  ok(
    rows.every((row) => /^[A-Za-z0-9]/.test(row)),
    "a row that is a comment, or a formula",
  );
  return "accepted";
}

const SEED_FILES: Target = {
  name: "pskc",
  cases: 3000,
  run: (random) => {
    const chosen = below(random, 8) === 0 ? UNDER_PASSPHRASE : UNDER_KEY;
    const isTree = below(random, 2) === 0;
    const shaken = isTree ? Buffer.from(mutateElements(chosen.xml, random)) : Buffer.from(chosen.xml);
    const both = !isTree || below(random, 4) === 0;
    return checkSeedFile(both ? mutateBytes(shaken, random, XML_PIECES) : shaken, chosen);
  },
};

const CSV: Target = {
  name: "csv",
  cases: 10_000,
  run: (random) => {
    const serial = mutateBytes(Buffer.from("IB3000123"), random, [..."=+-@#,;\"'\t\r\n\0 ", "\u2028", "é", "\ufeff"]);
    return checkCsv([{ ...ADDED, serial: serial.toString(), state: "done" }, UNDER_KEY.records[0] as SeedRecord]);
  },
};

// Receipts

const RECEIPT = Buffer.from(
  JSON.stringify({
    kind: "dsc-pskc-receipt",
    version: 1,
    at: "2026-11-28T12:00:00.000Z",
    export: "a5".repeat(32),
    keys: [
      { serial: "IB3000123", field: "token" },
      { serial: "IB3000123", field: "unlock" },
      { serial: "IB3000124", field: "token" },
    ],
    signature: { algorithm: "Ed25519", key: "5a".repeat(32), value: "c2lnbmF0dXJl" },
  }),
);
const JSON_PIECES = [
  ...'{}[],:"\\ \n\0',
  '"__proto__":{"field":"token"},',
  '"version":1e999,',
  '"keys":[],',
  "null",
  "true",
  "1e999",
  "\\u0000",
  "[",
  '{"a":',
  "é",
  "\ufeff",
];

/** Reads a receipt: the names in it are valid for a search and safe to print. */
export function checkReceipt(bytes: Buffer): Outcome {
  const disk = diskWith(bytes);
  const receipt = attempt(() => readReceipt(PATH, disk));
  deepStrictEqual(contentsOf(disk), bytes, "reading changed the file");
  if (!receipt) return "refused";
  ok(/^[0-9a-f]{64}$/.test(receipt.export), "the file has no hash");
  for (const { serial, field } of receipt.keys) {
    ok(/^[ -~]{1,64}$/.test(serial), `not fit for a terminal: ${JSON.stringify(serial)}`);
    ok(["token", "unlock"].includes(field), "an unknown key field");
  }
  return "accepted";
}

const RECEIPTS: Target = {
  name: "receipts",
  cases: 8000,
  run: (random) => checkReceipt(mutateBytes(RECEIPT, random, JSON_PIECES)),
};

// Secrets

const SECRET_FILES = [
  "# a transport key\n404142434445464748494a4b4c4d4e4f\n",
  "  404142434445464748494A4B4C4D4E4F\r\n",
  `${"a5".repeat(64)}\n`,
  "4071\n",
  "correct horse battery\n",
].map((contents) => Buffer.from(contents));

/** The readers of secrets, each with an independent specification of its result, by regular expressions. */
const READERS: [(stdin: Buffer) => Buffer, (text: string) => string | undefined][] = [
  [(stdin) => readKey("-", { contents: stdin }), (text) => keyIn(text, 16, 64)],
  [(stdin) => readPin("-", { contents: stdin }), (text) => hexOf(/^[ \t\r\n]*([0-9]{4})[ \t\r\n]*$/.exec(text)?.[1])],
  [(stdin) => readPassphrase("-", { contents: stdin }), passphraseIn],
  [
    (stdin) => {
      const secret = readSeedSecret("-", { contents: stdin });
      return secret instanceof Uint8Array ? secret : secret.passphrase;
    },
    (text) => keyIn(text, 16, 16) ?? passphraseIn(text),
  ],
];

const LONGEST_SECRET = 4096;

function keyIn(text: string, least: number, most: number): string | undefined {
  const lines = text.split("\n").map((line) => line.replace(/^[ \t\r]+|[ \t\r]+$/g, ""));
  const [digits = "", ...more] = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const fits = digits.length >= 2 * least && digits.length <= 2 * most && digits.length % 2 === 0;
  return more.length === 0 && fits && /^[0-9a-f]+$/i.test(digits) ? digits.toLowerCase() : undefined;
}

function passphraseIn(text: string): string | undefined {
  const line = text.replace(/\n$/, "").replace(/\r$/, "");
  return line === "" || line.includes("\n") ? undefined : hexOf(line);
}

function hexOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, "latin1").toString("hex");
}

export function checkSecrets(bytes: Buffer): Outcome {
  let outcome: Outcome = "refused";
  for (const [read, expect] of READERS) {
    const expected = bytes.length > LONGEST_SECRET ? undefined : expect(bytes.toString("latin1"));
    const secret = attempt(() => read(bytes));
    deepStrictEqual(secret?.toString("hex"), expected, "a secret is read in another way");
    if (secret) outcome = "accepted";
  }
  return outcome;
}

const SECRETS: Target = {
  name: "secrets",
  cases: 20_000,
  run: (random) => checkSecrets(mutateBytes(pick(random, SECRET_FILES), random, [..."# \t\r\n\0gF0", "\n# a\n", "é"])),
};

// The serial line

const TRAFFIC = Buffer.concat([
  lineBytes(0, Buffer.alloc(0)),
  lineBytes(0, Buffer.of(1)),
  lineBytes(0, Buffer.from("80ca004500", "hex")),
  lineBytes(1, Buffer.from("c0dbdcddc0db", "hex")),
  lineBytes(0, pattern(261)),
  lineBytes(1, pattern(60, 1)),
]);
const LINE_PIECES = ["c0", "db", "dc", "dd", "dbdc", "dbdd", "c000e1f0c0", "00"].map((hex) => Buffer.from(hex, "hex"));

/** The frames decoded from a line in chunks are those that another decoder finds in the whole line. */
export function checkLine(line: Buffer, size: number): Outcome {
  const reader = new FrameReader();
  const chunks = Array.from({ length: Math.ceil(line.length / size) }, (_, i) =>
    line.subarray(i * size, (i + 1) * size),
  );
  const frames = chunks.flatMap((chunk) => reader.read(chunk));
  const plain = frames.map(({ channel, payload }) => ({ channel, payload: Buffer.from(payload) }));
  deepStrictEqual(plain, framesIn(line), "other frames than another decoder's");
  return plain.length === 6 ? "accepted" : "refused";
}

const FRAMES: Target = {
  name: "frames",
  cases: 3000,
  run: (random) => {
    const line = mutateBytes(TRAFFIC, random, LINE_PIECES);
    return checkLine(line, 1 + below(random, 400));
  },
};

/** The public data of a personalized card, by tag (docs/PROTOCOL.md, GET DATA). */
const DATA: Readonly<Record<string, Buffer>> = {
  "0045": Buffer.from("IB3000123"),
  "00e0": Buffer.from("e012c00401ff8810c00402ff8810c00403ff8810", "hex"),
  df20: Buffer.from("03010105030400000bb8", "hex"),
  df21: Buffer.from("0001020102030405060708", "hex"),
  df22: Buffer.from("OCRA-1:HOTP-SHA256-8:QN06"),
  df23: Buffer.from("07030806", "hex"),
};

/** Reads the status of a card whose data objects are these, over a line that may be changed on the way. */
export async function checkStatus(
  data: Readonly<Record<string, Buffer>>,
  spoil?: (line: Buffer) => Buffer,
): Promise<Outcome> {
  const card = new FakeCard();
  const clock = new FakeClock();
  card.spoil = spoil;
  card.answer = ({ p1, p2 }) => {
    const value = data[Buffer.of(p1, p2).toString("hex")];
    return value ? { data: value.subarray(0, 256), sw: 0x9000 } : { sw: 0x6a88 };
  };
  const link = new Link(card, { timer: clock.timer });
  try {
    const status = await clock.until(new CardClient(link).readStatus());
    for (const text of [status.serial ?? "-", status.suite ?? "-", status.firmware.version])
      ok(/^[!-~]*$/.test(text), `not fit for a terminal: ${JSON.stringify(text)}`);
    return "accepted";
  } catch (error) {
    checkError(error);
    return "refused";
  } finally {
    link.close();
  }
}

const ANSWERS: Target = {
  name: "answers",
  cases: 1500,
  run: (random) => {
    const tag = pick(random, Object.keys(DATA));
    const pieces = ["\u{1b}[2J", "\n", "\0", "A", "\u0080"];
    const changed = { ...DATA, [tag]: mutateBytes(DATA[tag] as Buffer, random, pieces) };
    const noise = new Random(random.next());
    const isNoisy = below(random, 2) === 0;
    const spoil = (line: Buffer) => (below(noise, 4) === 0 ? mutateBytes(line, noise, LINE_PIECES) : line);
    return checkStatus(changed, isNoisy ? spoil : undefined);
  },
};

export const TARGETS: readonly Target[] = [SEED_FILES, CSV, RECEIPTS, SECRETS, FRAMES, ANSWERS];
