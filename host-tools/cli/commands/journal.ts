// `dsc journal`: shows who did what to which card, and checks that the journal is complete.

import type { Command } from "commander";
import { CURVE_KEY_BYTES } from "../../desk/register/curve25519.js";
import type { Entry, Finding, JournalKey, SignedHead } from "../../desk/register/journalchain.js";
import type { SavedHead } from "../../desk/register/journalhead.js";
import type { Register } from "../../desk/register/register.js";
import { counted } from "../../files/counted.js";
import { UsageError } from "../../files/errors.js";
import { createExclusive } from "../../files/files.js";
import { Exit } from "../exit.js";
import { listing, showList } from "../lists.js";
import { columns, show, warn } from "../output.js";
import {
  earlierKeyOption,
  REGISTER_HELP,
  type RegisterOptions,
  readingOptions,
  registerOptions,
  saidOfUnchecked,
  withEarlierKeys,
  withRegister,
} from "../registeroptions.js";
import { printing, refuseStdout, serialNumber, wholeNumber } from "./options.js";

interface ShowOptions extends RegisterOptions {
  serial?: string;
  last?: number;
}

interface VerifyOptions extends RegisterOptions {
  head?: string;
  headKey?: string;
  earlierJournalKey?: string[];
}

const SHOW_EXAMPLES = ["dsc journal show --serial IB3000123", "dsc journal show --last 20 --json"];
const HEAD_EXAMPLES = ["dsc journal head head.json"];
const VERIFY_EXAMPLES = [
  "dsc journal verify --journal-key journal.key --head head.json",
  "dsc journal verify --head head.json --head-key 3d40…660c",
];
const HEAD_NOTES = `
A head states up to which entry the journal went, and is signed with the journal key. Keep it away from the register:
with it \`dsc journal verify --head\` finds that entries were cut off, or that the register was reset to an earlier
state.
${REGISTER_HELP}`;
const VERIFY_NOTES = `
With the journal key every entry is checked against the previous one. Without it only the numbers, the operators'
signatures and a saved head are checked, the head with the public key that \`dsc register init\` printed (--head-key).
If the journal key was replaced (\`dsc register rekey\`), entries under the earlier key are checked only if that key is
given too.
${REGISTER_HELP}

Exit codes: 0 no faults found; 1 an entry was changed, moved, removed or cut off; 6 a file or the register.`;

const COLUMNS = ["number", "at", "actor", "action", "serial", "from", "to", "reason", "detail"] as const;
/** The most entries that can be requested. */
const MOST = 1_000_000;

export function register(program: Command): void {
  const show = listing(registerOptions(printing("show", "show entries of the journal", SHOW_EXAMPLES)))
    .option("--serial <serial>", "only entries of this card", serialNumber)
    .option("--last <n>", "only the last N entries", wholeNumber(1, MOST))
    .addHelpText("after", REGISTER_HELP)
    .action(runShow);
  const head = readingOptions(printing("head", "sign the current end of the journal", HEAD_EXAMPLES), "journal")
    .argument("[file]", "the new file for the head; never overwritten")
    .addHelpText("after", HEAD_NOTES)
    .action(runHead);
  const verify = readingOptions(
    printing("verify", "check that no entry was changed or removed", VERIFY_EXAMPLES),
    "journal",
  )
    .option("--head <file>", "a saved head (dsc journal head)")
    .option("--head-key <hex>", "the public key that signed it, as dsc register init printed it", headKey)
    .addOption(earlierKeyOption())
    .addHelpText("after", VERIFY_NOTES)
    .action(runVerify);
  const commands = [show, head, verify];
  const journal = program.command("journal").description("show and check what was done to which card");
  for (const command of commands) journal.addCommand(command);
}

async function runShow(options: ShowOptions, command: Command): Promise<void> {
  const { readEntries } = await import("../../desk/register/journal.js");
  const { serial, last } = options;
  const entries = await withRegister(options, ({ engine }) => engine.read((db) => readEntries(db, { serial, last })));
  showList(command, "entries", COLUMNS, entries.map(rowOf));
}

function rowOf({ at, mac: _, signature: __, ...entry }: Entry) {
  return { ...entry, at: new Date(at).toISOString() };
}

async function runHead(file: string | undefined, options: RegisterOptions, command: Command): Promise<void> {
  if (file !== undefined) refuseStdout(file);
  const { signHead } = await import("../../desk/register/journal.js");
  const { headInJson } = await import("../../desk/register/journalhead.js");
  const head = await withRegister(options, async ({ engine, journal }) => {
    const now = await engine.now();
    const signed: SignedHead = await engine.read((db) => signHead(db, journal, now));
    return headInJson({ ...signed, publicKey: journal.publicKey });
  });
  if (file !== undefined) createExclusive(file, `${JSON.stringify(head)}\n`);
  show(
    command,
    { head, file: file ?? null },
    columns([
      ["entry", String(head.number)],
      ["at", head.at],
      ["MAC", head.mac],
      ["signature", head.signature],
      ["public key", head.publicKey],
    ]),
  );
}

async function runVerify(options: VerifyOptions, command: Command): Promise<void> {
  const { head: path, journalKey, headKey } = options;
  if (path === undefined && journalKey === undefined)
    throw new UsageError("nothing to check it with; give --journal-key, or --head with a saved head");
  if (headKey !== undefined && path === undefined)
    throw new UsageError("--head-key: no head to check; give --head too");
  const { readHead } = await import("../../desk/register/journalhead.js");
  const head = path === undefined ? undefined : readHead(path);
  const { count, findings, checked, said } = await withRegister(options, (opened) =>
    withEarlierKeys(options, opened, (earlier) => verify(opened, head, headKey, earlier)),
  );
  if (said !== undefined) warn(said);
  const right = `${counted(count, "entry", "entries")}; checked: ${checked}`;
  const lines = findings.length > 0 ? findings.map(({ message }) => message) : [right];
  show(
    command,
    { entries: count, checked, findings: findings.map(({ number, what, message }) => ({ number, what, message })) },
    lines,
  );
  if (findings.length > 0) process.exitCode = Exit.FAILED;
}

async function verify(
  opened: Register,
  head: SavedHead | undefined,
  given: string | undefined,
  earlier: readonly JournalKey[],
) {
  const { verifyJournal } = await import("../../desk/register/journal.js");
  const key = opened.has("journal") ? opened.journal : undefined;
  const { count, findings, unchecked } = await opened.engine.read((db) => verifyJournal(db, key, head, earlier));
  const wrong = head && (await headFault(opened, head, given));
  return {
    count,
    findings: wrong ? [wrong, ...findings] : findings,
    checked: whatWasChecked(key !== undefined, unchecked),
    said: saidOfUnchecked(opened, unchecked),
  };
}

function whatWasChecked(hasKey: boolean, unchecked: number): string {
  if (!hasKey) return "numbers, operators' signatures and head";
  return unchecked === 0 ? "every entry" : `every entry from ${unchecked + 1} on`;
}

/** The journal key implies the public key; without it, the user gives the right one. */
async function headFault(opened: Register, head: SavedHead, given: string | undefined): Promise<Finding | undefined> {
  const { isHeadOf } = await import("../../desk/register/journal.js");
  const { isSignedBy } = await import("../../desk/register/journalchain.js");
  const fault = (message: string): Finding => ({ number: head.number, what: "head", message });
  if (!opened.id.equals(head.register)) return fault("the saved head belongs to another register");
  const wrong = fault("the saved head is not signed by this register's journal key");
  if (given !== undefined && !isSignedBy(Buffer.from(given, "hex"), head)) return wrong;
  if (given !== undefined && !opened.has("journal")) return undefined;
  const current = opened.has("journal") ? opened.journal.publicKey : opened.journalPublic;
  return (await opened.engine.read((db) => isHeadOf(db, current, head))) ? undefined : wrong;
}

function headKey(text: string): string {
  if (new RegExp(`^[0-9a-fA-F]{${2 * CURVE_KEY_BYTES}}$`).test(text)) return text;
  throw new UsageError(`--head-key: ${2 * CURVE_KEY_BYTES} hexadecimal digits are expected`);
}
