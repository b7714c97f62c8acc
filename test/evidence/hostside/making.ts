// Commands that make files. At every moment each file is complete or missing, and the journal names every exported key. The
// same command, run again, finishes or says that the file exists.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { restore } from "../../../host-tools/desk/register/backup.js";
import { readCustodyKey } from "../../../host-tools/desk/register/custodykeys.js";
import { isSignedBy } from "../../../host-tools/desk/register/journalchain.js";
import { readHead } from "../../../host-tools/desk/register/journalhead.js";
import { readTransportKey } from "../../../host-tools/files/secretfile.js";
import { exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { importPskc } from "../../../host-tools/seeds/pskcimport.js";
import { readReceipt } from "../../../host-tools/seeds/receipt.js";
import { KEYS, SUITE } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { contentsOf, putSeeded, REGISTER, registerArgs, registerFile } from "./deskregister.js";
import { BLANK, type Flow, filesOfOthers, SECRETS, type Verdict } from "./flows.js";
import type { SimulatedBench } from "./simulatedbench.js";

export const PSKC_KEY = Buffer.from("cafe0123babe4567dead89abbeefcdef", "hex");
const OURS = ["IB3000501", "IB3000502", "IB3000503"];
const THEIRS = ["IB3000601", "IB3000602"];
/** The exit code if the file exists. */
const FILE_ERROR = 6;
const JOURNAL = [...registerArgs().slice(0, 2), "--journal-key", "@journal.key"];

interface Made {
  readonly name: string;
  /** Throws if the file is not complete, or the journal does not name its keys. */
  check(path: string, bench: SimulatedBench): Promise<unknown> | unknown;
}

/** Keys of another organisation, as PSKC. */
export function foreignKeys(): Buffer {
  const card = (serial: string, at: number) => ({ serial, suite: SUITE, pinCheck: "card", tries: 5, at }) as const;
  const cards = THEIRS.map(card).map(({ at, ...rest }) => ({ ...rest, key: pattern(32, 600 + at) }));
  return exportPskc(cards, PSKC_KEY, { unlockKeys: false });
}

/** All flows. Each begins with a register that has some cards, and with another organisation's keys. */
export async function makingFlows(): Promise<readonly Flow[]> {
  const register = await registerFile(async (register) => {
    for (const [at, serial] of OURS.entries()) await putSeeded(register, serial, `00112233445566a${at}`);
  });
  const files = {
    ...SECRETS,
    [REGISTER]: register,
    "pskc.key": Buffer.from(PSKC_KEY.toString("hex")),
    "theirs.xml": foreignKeys(),
  };
  const making = (name: string, args: readonly string[], ...made: readonly Made[]): Flow => ({
    ...{ name, args, stage: { flash: BLANK, files }, again: [0, FILE_ERROR] },
    broken: (bench) => broken(bench, made),
    unfinished: (bench) => unfinished(bench, made),
  });
  const pskc = ["--pskc-key", "@pskc.key"];
  const newKeys = Object.keys(KEYS).flatMap((kind) => [`--${kind}-key`, `@new-${kind}.key`]);
  return [
    making("keys", ["keys", "new", "@new.key"], { name: "new.key", check: (path) => readTransportKey(path) }),
    making("head", ["journal", "head", "@head.json", ...JOURNAL], {
      name: "head.json",
      check: checkHead,
    }),
    making("backup", ["register", "backup", "@desk.backup", ...JOURNAL], {
      name: "desk.backup",
      check: checkBackup,
    }),
    making("export", ["pskc", "export", "@ours.xml", ...pskc, ...registerArgs()], {
      name: "ours.xml",
      check: checkExport,
    }),
    making("receipt", ["pskc", "import", "@theirs.xml", "--receipt", "@receipt.json", ...pskc, ...registerArgs()], {
      name: "receipt.json",
      check: checkReceipt,
    }),
    making("csv", ["pskc", "csv", "@theirs.xml", "@out.csv", ...pskc], { name: "out.csv", check: checkCsv }),
    making(
      "init",
      ["register", "init", "--register", "@new.db", ...newKeys],
      ...(["site", "desk", "journal"] as const).map((kind) => ({
        name: `new-${kind}.key`,
        check: (path: string) => readCustodyKey(path, kind),
      })),
    ),
  ];
}

/** What must hold at every moment. */
async function broken(bench: SimulatedBench, made: readonly Made[]): Promise<Verdict> {
  for (const { name, check } of made) {
    if (!existsSync(bench.at(name))) continue;
    try {
      await check(bench.at(name), bench);
    } catch (error) {
      return `${name}: ${(error as Error).message}`;
    }
  }
  return filesOfOthers(bench);
}

async function unfinished(bench: SimulatedBench, made: readonly Made[]): Promise<Verdict> {
  const missing = made.find(({ name }) => !existsSync(bench.at(name)));
  return missing ? `${missing.name} is not there` : broken(bench, made);
}

async function checkHead(path: string, bench: SimulatedBench): Promise<void> {
  const head = readHead(path);
  const entries = (await contentsOf(bench.at(REGISTER))).entries;
  if (!isSignedBy(head.publicKey, head)) throw new Error("is not signed");
  if (entries.length < head.number) throw new Error("names an entry that does not exist");
}

async function checkBackup(path: string, bench: SimulatedBench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "dsc-restored-"));
  try {
    const where = join(folder, "restored.db");
    const { findings } = await restore(path, where, { ...KEYS }, "evidence", { done: [], forgotten: [] });
    if (findings.length > 0) throw new Error(findings.map(({ message }) => message).join("; "));
    const [there, here] = [await contentsOf(where), await contentsOf(bench.at(REGISTER))];
    if (there.keys.length !== here.keys.length) throw new Error("lacks keys");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each exported key is in an entry of the journal, with the file's SHA-256. */
async function checkExport(path: string, bench: SimulatedBench): Promise<void> {
  const { records, refusals } = importPskc(path, PSKC_KEY);
  if (refusals.length > 0 || records.length !== OURS.length) throw new Error("lacks keys");
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  const told = (await contentsOf(bench.at(REGISTER))).entries.filter(({ detail }) => detail?.includes(sha256));
  if (told.length !== OURS.length) throw new Error("the journal does not tell of it");
}

/** Each key that the receipt names is in the register. */
async function checkReceipt(path: string, bench: SimulatedBench): Promise<void> {
  const { keys } = readReceipt(path);
  const kept = (await contentsOf(bench.at(REGISTER))).keys;
  if (keys.length !== THEIRS.length) throw new Error("lacks keys");
  if (!keys.every(({ serial }) => kept.some((each) => each.serial === serial)))
    throw new Error("names a key that the register does not have");
}

function checkCsv(path: string): void {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.length !== THEIRS.length + 1 || lines.at(-1) !== "") throw new Error("is not whole");
}
