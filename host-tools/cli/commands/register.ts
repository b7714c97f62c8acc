// `dsc register`: makes a register and maintains it.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { isTokenUri } from "../../desk/custody/uri.js";
import type { RestoreReport } from "../../desk/register/backup.js";
import type { Engine } from "../../desk/register/engine.js";
import type { CustodyKind } from "../../desk/register/sealing.js";
import { counted } from "../../files/counted.js";
import { UsageError } from "../../files/errors.js";
import { STDIN } from "../../files/secretfile.js";
import { Exit } from "../exit.js";
import { columns, show, warn } from "../output.js";
import { askPassphrase } from "../prompt.js";
import {
  actorOf,
  earlierKeyOption,
  REGISTER_HELP,
  type RegisterOptions,
  readActor,
  readCustodyKeys,
  readingOptions,
  registerOptions,
  saidOfUnchecked,
  whereOf,
  wipeKeys,
  withEarlierKeys,
  withRegister,
} from "../registeroptions.js";
import { createInTokenUnlessThere } from "../tokens.js";
import { printing, refuseStdout, serialNumber, wholeNumber } from "./options.js";

interface InitOptions extends RegisterOptions {
  passphrase?: boolean;
}

interface RekeyOptions extends InitOptions {
  newSiteKey?: string;
  newDeskKey?: string;
  newJournalKey?: string;
}

interface CheckOptions extends RegisterOptions {
  head?: string;
  earlierJournalKey?: string[];
}

interface RestoreOptions extends RegisterOptions {
  numberFrom?: string;
  nothingSince?: boolean;
  done?: number[];
  forgotten?: string[];
  head?: string;
}

const INIT_EXAMPLES = [
  "dsc register init --register register.db --desk-key desk.key --site-key site.key --journal-key journal.key",
];
const INIT_NOTES = `
Keys whose files do not exist yet are drawn, into files that only their owner can read; keep a copy of each in a safe.
Keys that a token does not have yet are drawn in the token and never leave it. Without --site-key the register has no
site: it seeds cards for others. On a server make an empty database in UTF-8 first.

Keep the printed public key: it checks a saved head of the journal without a secret.
${REGISTER_HELP}`;

const RESTORE_NOTES = `
The place that --register names must be empty; it may use another engine than the register that was backed up. The
backup lacks everything that was done after it. So state the next serial number (--number-from), the orders that were
done since then, whose PINs must not return (--done), and the cards whose keys were forgotten since then (--forgotten;
with -U: the unlock key). If nothing was done since then, such as when a register moves to a server, give
--nothing-since.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const init = readingOptions(
    printing("init", "make a register, and the keys that do not exist yet", INIT_EXAMPLES),
    ...ALL,
  )
    .option("--passphrase", "encrypt each new key with a passphrase, which is asked for")
    .addHelpText("after", INIT_NOTES)
    .action(runInit);
  const check = readingOptions(
    printing("check", "check the whole register, and report its faults", ["dsc register check"]),
    ...ALL,
  )
    .option("--head <file>", "a saved head of the journal (dsc journal head)")
    .addOption(earlierKeyOption())
    .addHelpText("after", `\nIt checks what the given keys open. Exit code 1 if something is wrong.${REGISTER_HELP}`)
    .action(runCheck);
  const backup = readingOptions(printing("backup", "back it up while it is in use", BACKUP_EXAMPLES), "journal")
    .argument("<file>", "the new file, for its owner's eyes only; never overwritten")
    .addHelpText("after", REGISTER_HELP)
    .action(runBackup);
  const restore = registerOptions(printing("restore", "make a register from a backup", RESTORE_EXAMPLES), "journal")
    .argument("<file>", "the backup")
    .option("--number-from <serial>", "the next serial number to assign", serialNumber)
    .option("--nothing-since", "nothing was done after the backup")
    .option("--done <order...>", "orders that were done after the backup", collectNumbers)
    .option("--forgotten <serial...>", "cards whose keys were forgotten after the backup")
    .option("--head <file>", "the last saved head of the journal")
    .addHelpText("after", RESTORE_NOTES)
    .action(runRestore);
  const rekey = registerOptions(
    printing("rekey", "replace the site key, desk key or journal key", REKEY_EXAMPLES),
    ...ALL,
  )
    .option("--new-site-key <file>", "the new site key; drawn if the file does not exist yet")
    .option("--new-desk-key <file>", "the new desk key; likewise")
    .option("--new-journal-key <file>", "the new journal key; likewise")
    .option("--passphrase", "encrypt each new key with a passphrase, which is asked for")
    .addHelpText("after", REKEY_NOTES)
    .action(runRekey);
  const migrate = registerOptions(
    printing("migrate", "migrate a register on a server to this version", MIGRATE_EXAMPLES),
  )
    .addHelpText(
      "after",
      `\nEnd the other benches and back up the register first. A register in a file is migrated automatically.${REGISTER_HELP}`,
    )
    .action(runMigrate);
  const clock = registerOptions(
    printing("clock", "show or correct the time of the register", CLOCK_EXAMPLES),
    "journal",
  )
    .option("--accept", "accept the clock's time although the register has seen a later one")
    .addHelpText("after", REGISTER_HELP)
    .action(runClock);
  const group = program.command("register").description("the register of cards, keys and orders");
  for (const command of [init, check, backup, restore, rekey, migrate, clock]) group.addCommand(command);
}

const ALL: readonly CustodyKind[] = ["site", "desk", "journal"];
const BACKUP_EXAMPLES = ["dsc register backup register-2026-11-28.backup"];
const RESTORE_EXAMPLES = [
  "dsc register restore register.backup --register new.db --number-from IB3000200 --done 17 18",
  "dsc register restore register.backup --register postgres://desk@db.example/register --nothing-since",
];
const REKEY_EXAMPLES = ["dsc register rekey --new-desk-key desk-2027.key"];
const REKEY_NOTES = `
The change is made completely or not at all. Other benches continue once they are given the new keys. The old keys still
open earlier backups: destroy both together. The old journal key is needed to check the entries that were made under it
(dsc journal verify --earlier-journal-key). Keep the printed public key, like that of dsc register init.
${REGISTER_HELP}`;
const MIGRATE_EXAMPLES = ["dsc register migrate --register postgres://desk@db.example/register"];
const CLOCK_EXAMPLES = ["dsc register clock", "dsc register clock --accept"];

function collectNumbers(text: string, before: number[] = []): number[] {
  return [...before, wholeNumber(1, Number.MAX_SAFE_INTEGER)(text)];
}

async function runInit(options: InitOptions, command: Command): Promise<void> {
  const where = whereOf(options);
  const { deskKey, journalKey } = options;
  if (!deskKey || !journalKey)
    throw new UsageError(
      "a register has a desk key and a journal key; name their files with --desk-key and --journal-key",
    );
  const { site, drawn, publicKey } = await makeRegister(where, options);
  const result = { register: where, site, drawn, journalPublicKey: publicKey };
  show(command, result, initLines(where, site, drawn, publicKey));
}

/** Makes the register, or nothing. */
async function makeRegister(where: string, options: InitOptions) {
  const { openEngine } = await import("../../desk/register/open.js");
  // Opened before keys are drawn, so that a refused command draws none.
  const engine = await openEngine(where, { create: true });
  try {
    const drawn = await drawMissing(options);
    const made = await initialize(engine, options);
    await engine.close();
    return { ...made, drawn };
  } catch (error) {
    await engine.discard();
    throw error;
  }
}

async function initialize(engine: Engine, options: InitOptions) {
  const { initRegister } = await import("../../desk/register/initialize.js");
  const keys = await readCustodyKeys(options);
  try {
    const publicKey = await initRegister(engine, keys, actorOf(options));
    return { site: keys.site !== undefined, publicKey: publicKey.toString("hex") };
  } finally {
    wipeKeys(keys);
  }
}

/** Draws the keys whose files do not exist. Returns their names. */
async function drawMissing(options: InitOptions): Promise<string[]> {
  const drawn: string[] = [];
  for (const [kind, path] of pathsOf(options)) {
    if (path === undefined || path === STDIN) continue;
    if (isTokenUri(path)) {
      if (await createInTokenUnlessThere(path, kind, options)) drawn.push(path);
      continue;
    }
    if (existsSync(path)) continue;
    const { createCustodyKey } = await import("../../desk/register/custodykeys.js");
    const passphrase = options.passphrase ? await askPassphrase(`New passphrase of the ${kind} key`, true) : undefined;
    createCustodyKey(path, kind, passphrase ? { passphrase: { passphrase } } : {}).fill(0);
    passphrase?.fill(0);
    drawn.push(path);
  }
  return drawn;
}

function pathsOf({ siteKey, deskKey, journalKey }: RegisterOptions): [CustodyKind, string | undefined][] {
  return [
    ["site", siteKey || undefined],
    ["desk", deskKey],
    ["journal", journalKey],
  ];
}

function drawnLine(path: string): string {
  return `${path}: a new key${isTokenUri(path) ? ", which cannot leave its token" : "; keep a copy in a safe place"}`;
}

function initLines(where: string, site: boolean, drawn: readonly string[], publicKey: string): string[] {
  return [
    `${where}: a new register${site ? "" : ", without a site"}`,
    ...drawn.map(drawnLine),
    `public key of its journal: ${publicKey}`,
  ];
}

async function runCheck(options: CheckOptions, command: Command): Promise<void> {
  const head = await headOf(options.head);
  await withRegister(options, async (register) => {
    const { checkRegister } = await import("../../desk/register/check.js");
    const report = await withEarlierKeys(options, register, (earlier) => checkRegister(register, head, earlier));
    const { cards, opened, entries, unchecked, findings, notGiven } = report;
    const said = saidOfUnchecked(register, unchecked);
    if (said !== undefined) warn(said);
    for (const kind of notGiven) warn(`the ${kind} key was not given, so what only it opens was not checked`);
    const summary = columns([
      ["cards", String(cards)],
      ["keys", `${opened} opened`],
      ["journal", counted(entries, "entry", "entries")],
    ]);
    show(command, { ...report, right: findings.length === 0 }, [
      ...summary,
      ...(findings.length > 0 ? findings : ["no faults found"]),
    ]);
    if (findings.length > 0) process.exitCode = Exit.FAILED;
  });
}

async function runBackup(file: string, options: RegisterOptions, command: Command): Promise<void> {
  refuseStdout(file);
  await withRegister(options, async (register) => {
    const { backUp } = await import("../../desk/register/backup.js");
    const { at, rows } = await backUp(register, file);
    const time = new Date(at).toISOString();
    show(command, { file, at: time, rows }, [
      `${file}: a backup of ${counted(rows.cards ?? 0, "card")}, as of ${time}; keep it apart from the keys`,
    ]);
  });
}

async function runRestore(file: string, options: RestoreOptions, command: Command): Promise<void> {
  const { numberFrom, nothingSince = false, done = [], forgotten = [] } = options;
  const where = whereOf(options);
  if ((numberFrom === undefined) !== nothingSince)
    throw new UsageError(
      "give the next serial number (--number-from SERIAL), or confirm that nothing was done since the backup (--nothing-since)",
    );
  const head = await headOf(options.head);
  const keys = await readCustodyKeys(options);
  try {
    const { restore } = await import("../../desk/register/backup.js");
    const since = { nextSerial: numberFrom, done, forgotten, head };
    const report = await restore(file, where, keys, await readActor(options), since);
    if (head === undefined) warn("no saved head was given: later entries of the journal are unknown");
    const at = new Date(report.at).toISOString();
    show(command, { register: where, ...report, at }, restoreLines(where, at, report));
    if (report.findings.length > 0) process.exitCode = Exit.FAILED;
  } finally {
    wipeKeys(keys);
  }
}

function restoreLines(where: string, at: string, report: RestoreReport): string[] {
  const { lostEntries, findings, challengesEnded, pending, openOrders, rows } = report;
  const again = [
    ...(lostEntries
      ? [`${counted(lostEntries, "entry", "entries")} of the journal came after the backup: repeat what they record`]
      : []),
    ...(challengesEnded > 0
      ? [`${counted(challengesEnded, "open challenge")} ended with the restore; draw new ones`]
      : []),
    ...(pending.length > 0 ? [`personalization not finished, run dsc personalize again: ${pending.join(", ")}`] : []),
    ...(openOrders.length > 0 ? [`open orders; check which of them were done since: ${openOrders.join(", ")}`] : []),
  ];
  return [
    `${where}: a register with ${counted(rows.cards ?? 0, "card")}, as of ${at}`,
    ...findings.map(({ message }) => `journal: ${message}`),
    ...again,
    "dsc register check checks all of it",
  ];
}

async function runRekey(options: RekeyOptions, command: Command): Promise<void> {
  const { newSiteKey, newDeskKey, newJournalKey, passphrase, insecureKeyFile } = options;
  const named = { siteKey: newSiteKey, deskKey: newDeskKey, journalKey: newJournalKey, passphrase, insecureKeyFile };
  const wanted = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) as InitOptions;
  if (newSiteKey === undefined && newDeskKey === undefined && newJournalKey === undefined)
    throw new UsageError("no new key is given; give one or more of --new-site-key, --new-desk-key, --new-journal-key");
  await withRegister(options, async (register) => {
    const { rekey } = await import("../../desk/register/rekey.js");
    const { JournalKey } = await import("../../desk/register/journalchain.js");
    const drawn = await drawMissing(wanted);
    const next = await readCustodyKeys(wanted);
    try {
      const keys = await rekey(register, next);
      const where = register.engine.where;
      const journal = next.journal && new JournalKey(next.journal, register.id);
      journal?.wipe();
      const publicKey = journal?.publicKey.toString("hex");
      const lines = [
        ...drawn.map(drawnLine),
        `${where}: ${counted(keys, "key")} sealed again`,
        ...(publicKey === undefined ? [] : [`public key of its journal from now on: ${publicKey}`]),
      ];
      show(command, { register: where, keys, drawn, journalPublicKey: publicKey ?? null }, lines);
    } finally {
      wipeKeys(next);
    }
  });
}

async function runMigrate(options: RegisterOptions, command: Command): Promise<void> {
  const where = whereOf(options);
  const { openEngine } = await import("../../desk/register/open.js");
  const engine = await openEngine(where, { migrate: true });
  try {
    const rows = await engine.read((db) =>
      db.selectFrom("migrations").select("number").orderBy("number", "desc").execute(),
    );
    const version = rows[0]?.number ?? 0;
    show(command, { register: where, version }, [`${where}: has version ${version}`]);
  } finally {
    await engine.close();
  }
}

async function runClock(
  { accept = false, ...options }: RegisterOptions & { accept?: boolean },
  command: Command,
): Promise<void> {
  await withRegister(options, async (register) => {
    const { acceptClock, readClock } = await import("../../desk/register/acceptclock.js");
    const { now, latest } = accept ? await acceptClock(register) : await readClock(register);
    const text = { clock: new Date(now).toISOString(), latest: latest === 0 ? null : new Date(latest).toISOString() };
    const lines = columns([
      ["clock", text.clock],
      ["latest", text.latest ?? "none yet"],
    ]);
    show(
      command,
      { ...text, accepted: accept },
      accept ? [...lines, "the register uses the clock's time from now on"] : lines,
    );
  });
}

async function headOf(path: string | undefined) {
  if (path === undefined) return undefined;
  const { readHead } = await import("../../desk/register/journalhead.js");
  return readHead(path);
}
