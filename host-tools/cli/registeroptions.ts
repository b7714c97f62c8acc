// The register as commands get it: --register and its keys, or the environment variables in their place.

import { userInfo } from "node:os";
import { type Command, Option } from "commander";
import { isTokenUri } from "../desk/custody/uri.js";
import type { KeyFileKind } from "../desk/register/custodykeys.js";
import type { MacKey, WrappingKey } from "../desk/register/heldkeys.js";
import type { JournalKey } from "../desk/register/journalchain.js";
import type { Actor } from "../desk/register/operators.js";
import type { CustodyKeys, Register } from "../desk/register/register.js";
import type { Opener } from "../desk/register/schema.js";
import type { CustodyKind } from "../desk/register/sealing.js";
import { UsageError } from "../files/errors.js";
import { type SecretOptions, STDIN } from "../files/secretfile.js";
import { readFifo, readStdin } from "../files/secretstream.js";
import { sharedFilesOption } from "./commands/options.js";
import { askPassphrase } from "./prompt.js";
import { refuseStdinTwice } from "./secretoptions.js";
import { macInToken, signerInToken, TOKEN_HELP, wrappingInToken } from "./tokens.js";

/** The values of `registerOptions`. */
export interface RegisterOptions {
  register?: string;
  siteKey?: string;
  deskKey?: string;
  journalKey?: string;
  operator?: string;
  operatorKey?: string;
  insecureKeyFile?: boolean;
}

/** For --help. */
export const REGISTER_HELP = `
The register is a file (dsc register init) or the URL of a PostgreSQL database, without a password. Keys are in files
that only their owner can read (chmod 600), or come from standard input (-).
${TOKEN_HELP}`;

/**
 * Adds the options to a command: the register, the keys that it uses, and the operator. A command that takes the
 * journal key changes the register, so the operator signs its entries.
 */
export function registerOptions(command: Command, ...kinds: readonly CustodyKind[]): Command {
  return kinds.includes("journal")
    ? readingOptions(command, ...kinds).addOption(operatorKeyOption())
    : readingOptions(command, ...kinds);
}

/** The same without the operator, for a command that changes nothing or runs before there are operators. */
export function readingOptions(command: Command, ...kinds: readonly CustodyKind[]): Command {
  command.addOption(
    new Option("--register <register>", "the register: a file, or postgres://USER@HOST/DATABASE").env("DSC_REGISTER"),
  );
  for (const kind of kinds) command.addOption(custodyOption(kind));
  return command
    .addOption(
      new Option("--operator <name>", "the acting operator, for the journal (default: the login name)").env(
        "DSC_OPERATOR",
      ),
    )
    .addOption(sharedFilesOption());
}

function operatorKeyOption(): Option {
  const description = "the private key of the acting operator (dsc operator new; -: stdin), or its pkcs11: URI";
  return new Option("--operator-key <file>", description).env("DSC_OPERATOR_KEY");
}

function custodyOption(kind: CustodyKind): Option {
  const description = `the register's ${kind} key (-: stdin), or its pkcs11: URI`;
  return new Option(`--${kind}-key <file>`, description).env(`DSC_${kind.toUpperCase()}_KEY`);
}

/** The register that was named. Throws a UsageError if none was named. */
export function whereOf({ register }: RegisterOptions): string {
  if (register === undefined || register === "")
    throw new UsageError("no register is named; give --register, or set DSC_REGISTER");
  return register;
}

/** The keys that were named; wipe them after use. */
export async function readCustodyKeys(options: RegisterOptions): Promise<CustodyKeys> {
  const { siteKey, deskKey, journalKey, operatorKey } = options;
  refuseStdinTwice(siteKey, deskKey, journalKey, operatorKey);
  const keys: CustodyKeys = {};
  try {
    if (siteKey) keys.site = await readSealing("site", siteKey, options);
    if (deskKey) keys.desk = await readSealing("desk", deskKey, options);
    if (journalKey) keys.journal = await readJournal(journalKey, options);
    return keys;
  } catch (error) {
    wipeKeys(keys);
    throw error;
  }
}

/** For commands that check the journal of a register whose journal key was replaced. */
export function earlierKeyOption(): Option {
  return new Option(
    "--earlier-journal-key <file...>",
    "earlier journal keys of the register, which check its earlier entries",
  );
}

/** Calls `use` with the journal keys in these files, and wipes them. */
export async function withEarlierKeys<T>(
  { earlierJournalKey: paths = [], ...options }: RegisterOptions & { earlierJournalKey?: readonly string[] },
  register: Register,
  use: (earlier: readonly JournalKey[]) => Promise<T>,
): Promise<T> {
  refuseStdinTwice(options.siteKey, options.deskKey, options.journalKey, ...paths);
  const { JournalKey } = await import("../desk/register/journalchain.js");
  const keys: JournalKey[] = [];
  try {
    for (const path of paths) {
      const key = await readJournal(path, options);
      keys.push(new JournalKey(key, register.id));
      wipeKeys({ journal: key });
    }
    return await use(keys);
  } finally {
    for (const key of keys) key.wipe();
  }
}

/**
 * The warning about entries under earlier journal keys; undefined if there are none. Without the journal key no entry is
 * checked under its key, so nothing is known of earlier keys.
 */
export function saidOfUnchecked(register: Register, unchecked: number): string | undefined {
  if (unchecked === 0 || !register.has("journal")) return undefined;
  const entries = unchecked === 1 ? "entry 1 is" : `entries 1 to ${unchecked} are`;
  return `${entries} under an earlier journal key, so only numbers were checked; give that key with --earlier-journal-key`;
}

/** A key in a token has nothing to wipe here. */
export function wipeKeys(keys: CustodyKeys): void {
  for (const key of Object.values(keys)) if (Buffer.isBuffer(key)) key.fill(0);
}

async function readSealing(kind: Opener, path: string, options: RegisterOptions): Promise<Buffer | WrappingKey> {
  return isTokenUri(path) ? wrappingInToken(path, options) : readCustody(kind, path, options);
}

async function readJournal(path: string, options: RegisterOptions): Promise<Buffer | MacKey> {
  return isTokenUri(path) ? macInToken(path, options) : readCustody("journal", path, options);
}

async function readCustody(kind: KeyFileKind, path: string, { insecureKeyFile }: RegisterOptions): Promise<Buffer> {
  const { readCustodyKey } = await import("../desk/register/custodykeys.js");
  const allowShared = insecureKeyFile === true;
  const contents = path === STDIN ? await readStdin() : await readFifo(path, { allowShared });
  const options: SecretOptions = { allowShared, ...(contents && { contents }) };
  try {
    return await readCustodyKey(path, kind, { ...options, askPassphrase: () => passphraseFor(kind) });
  } finally {
    contents?.fill(0);
  }
}

async function passphraseFor(kind: KeyFileKind) {
  return { passphrase: await askPassphrase(`Passphrase of the ${kind} key`, false) };
}

/** The name of the acting operator. */
export function actorOf({ operator }: RegisterOptions): string {
  return operator === undefined || operator === "" ? userInfo().username : operator;
}

/** The acting operator, with the operator key if it was given. */
export async function readActor(options: RegisterOptions): Promise<Actor> {
  const { operatorKey } = options;
  const name = actorOf(options);
  if (operatorKey === undefined || operatorKey === "") return name;
  const { Operator } = await import("../desk/register/operators.js");
  if (isTokenUri(operatorKey)) return new Operator(name, await signerInToken(operatorKey, options));
  const seed = await readCustody("operator", operatorKey, options);
  try {
    return new Operator(name, seed);
  } finally {
    seed.fill(0);
  }
}

/** Opens the register with the named keys, calls `use`, and closes it in any case. */
export async function withRegister<T>(options: RegisterOptions, use: (register: Register) => Promise<T>): Promise<T> {
  const where = whereOf(options);
  const keys = await readCustodyKeys(options);
  try {
    const actor = await readActor(options);
    // Loaded here, since most commands need no register, and loading a database takes longer than running them.
    const [{ openEngine }, { Register }] = await Promise.all([
      import("../desk/register/open.js"),
      import("../desk/register/register.js"),
    ]);
    const engine = await openEngine(where);
    try {
      const register = await Register.open(engine, keys, actor);
      try {
        return await use(register);
      } finally {
        await register.close();
      }
    } finally {
      await engine.close();
    }
  } finally {
    wipeKeys(keys);
  }
}
