// A register in a file that the user may not read, or may not write: who may read it, reads it, without a change to its
// folder. Anything else is one line and exit code 6.

import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import { inWords } from "../../../host-tools/desk/register/sqlite.js";
import { ACTOR, KEYS, newRegister, putCard } from "../../support/openregister.js";
import { scratchFolder } from "../../support/scratch.js";
import { testUnless } from "../../support/skipping.js";
import { dscAsStranger, NO_STRANGER } from "../../support/stranger.js";
import { suite } from "../../support/suite.js";

const test = suite("dsc on a register that may not be written");
const FOLDER = scratchFolder();
chmodSync(FOLDER, 0o755);

const SERIAL = "IB3000123";
const JOURNAL_KEY = join(FOLDER, "journal.key");
writeFileSync(JOURNAL_KEY, KEYS.journal.toString("hex"), { mode: 0o644 });
/** No other key is given, since the environment of a test may name one. */
const { DSC_REGISTER: _, DSC_SITE_KEY: __, DSC_DESK_KEY: ___, DSC_JOURNAL_KEY: ____, ...env } = process.env;

/** Each opens the register: those that need no key only read. */
const READING: readonly (readonly string[])[] = [
  ["card", "list"],
  ["card", "show", "--serial", SERIAL],
  ["card", "history", "--serial", SERIAL],
  ["order", "list"],
  ["batch", "list"],
  ["operator", "list"],
  ["settings"],
  ["journal", "show"],
  ["journal", "verify", "--journal-key", JOURNAL_KEY, "--insecure-key-file"],
  ["register", "check"],
];
const WRITING: readonly (readonly string[])[] = [
  ["settings", "serial.first", "IB3000500", "--journal-key", JOURNAL_KEY, "--insecure-key-file"],
  ["card", "lost", "--serial", SERIAL, "--reason", "lost", "--journal-key", JOURNAL_KEY, "--insecure-key-file"],
];

let folders = 0;

interface Modes {
  readonly file: number;
  readonly folder: number;
}

/** A copy, since this process keeps SQLite's side files for a while. */
async function make(where: string): Promise<void> {
  const original = join(scratchFolder(), "desk.db");
  const register = await newRegister(original);
  await putCard(register, SERIAL, "seeded");
  await register.close();
  await register.engine.close();
  copyFileSync(original, where);
}

/** Calls `use` with a register whose file and folder have these modes. */
async function withModes({ file, folder }: Modes, use: (where: string) => Promise<void>): Promise<void> {
  const path = join(FOLDER, `desk${++folders} ü %3F?#`);
  mkdirSync(path);
  const where = join(path, "desk.db");
  await make(where);
  chmodSync(where, file);
  chmodSync(path, folder);
  try {
    await use(where);
  } finally {
    chmodSync(path, 0o755);
    rmSync(path, { recursive: true });
  }
}

const run = (where: string, args: readonly string[]) => dscAsStranger([...args, "--register", where], { env });

/** One line on stderr, and the same in JSON, with exit code 6. */
async function refuses(where: string, args: readonly string[], expected: RegExp): Promise<void> {
  const ended = await run(where, args);
  assert.equal([ended.code, ended.stdout], [6, ""], `${args.join(" ")}: ${ended.stderr}`);
  assert.match(ended.stderr, /^dsc: .+\n$/);
  assert.match(ended.stderr, expected, args.join(" "));
  const { error } = JSON.parse((await run(where, [...args, "--json"])).stdout);
  assert.is(error.code, 6);
  assert.is(`dsc: ${error.message}\n`, ended.stderr);
}

/** Each command reads, and leaves nothing beside the file. */
async function reads(where: string, commands = READING): Promise<void> {
  const before = readdirSync(join(where, "..")).sort();
  for (const args of commands) {
    const ended = await run(where, args);
    assert.is(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`);
  }
  assert.equal(readdirSync(join(where, "..")).sort(), before);
}

testUnless(test, NO_STRANGER, "a file that may not be read is refused", () =>
  withModes({ file: 0o000, folder: 0o755 }, async (where) => {
    for (const args of [...READING, ...WRITING]) await refuses(where, args, /desk\.db: .*permission/);
  }),
);

testUnless(test, NO_STRANGER, "a register in a folder that may not be entered is not called missing", () =>
  withModes({ file: 0o644, folder: 0o644 }, async (where) => {
    for (const args of [READING[0] ?? [], WRITING[0] ?? []]) await refuses(where, args, /desk\.db: .*permission/);
  }),
);

for (const modes of [
  { file: 0o444, folder: 0o555 },
  { file: 0o444, folder: 0o777 },
])
  testUnless(test, NO_STRANGER, `whoever may only read reads (${modes.folder.toString(8)}), and changes nothing`, () =>
    withModes(modes, async (where) => {
      await reads(where);
      for (const args of WRITING) await refuses(where, args, /desk\.db: cannot be written/);
    }),
  );

testUnless(test, NO_STRANGER, "whoever may only read sees what others have just written", () =>
  withModes({ file: 0o644, folder: 0o755 }, async (where) => {
    const engine = await openEngine(where);
    const desk = await Register.open(engine, { ...KEYS }, ACTOR);
    await putCard(desk, "IB3000124", "seeded");
    chmodSync(join(where, ".."), 0o555);
    const { stdout, stderr } = await run(where, ["card", "list", "--csv"]);
    assert.match(stdout, "IB3000124", stderr);
    chmodSync(join(where, ".."), 0o755);
    await desk.close();
    await engine.close();
  }),
);

testUnless(test, NO_STRANGER, "a log that cannot be read is not left out", () =>
  withModes({ file: 0o644, folder: 0o755 }, async (where) => {
    writeFileSync(`${where}-wal`, Buffer.alloc(5000), { mode: 0o444 });
    chmodSync(join(where, ".."), 0o555);
    await refuses(where, READING[0] ?? [], /desk\.db: .*\(-wal\).*copy it/);
  }),
);

test("a failed open and each longer code of SQLite are refusals", () => {
  const of = (error: unknown) => inWords("desk.db", error) as { reason?: string };
  const longer: [number, string][] = [
    [1544, "read-only"],
    [2574, "denied"],
    [2826, "other"],
    [1035, "damaged"],
    [773, "busy"],
  ];
  for (const [code, reason] of longer)
    assert.is(of(Object.assign(new Error("x"), { code: `UNKNOWN_SQLITE_ERROR_${code}` })).reason, reason, `${code}`);
  const Database = createRequire(import.meta.url)("libsql");
  let failed: unknown;
  try {
    new Database(join(FOLDER, "no", "desk.db"));
  } catch (error) {
    failed = error;
  }
  assert.is(of(failed).reason, "denied", `${failed}`);
});

test.run();
