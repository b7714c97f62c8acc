// Unmistakable secrets go into each command of `dsc`. Then they are searched for in the whole image of its process, its
// command line and environment, its output and trace, and every file that it left. The register, its log and its index
// are searched while another process reads them, so that SQLite has cleared nothing yet. With a register on a server,
// the server's files and its log of every statement with its parameters are searched too.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { Ins } from "../../../firmware/wire.js";
import { deriveSessionKeys } from "../../../host-tools/card/scp03.js";
import { diversificationData, diversify, type Keyset, testKeys } from "../../../host-tools/card/transportkeys.js";
import { issueChallenge } from "../../../host-tools/desk/register/challenges.js";
import { change } from "../../../host-tools/desk/register/change.js";
import { RegisterError } from "../../../host-tools/desk/register/errors.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { payloads } from "../../../sim/session/cardcommands.js";
import { KEYS, keysFor, newRegister, putCard } from "../../support/openregister.js";
import { NO_POSTGRES, PostgresServer } from "../../support/postgres.js";
import { contentsAt, contentsOf, REGISTER, registerArgs, registerFile } from "./deskregister.js";
import { BLANK, benchOf, MASTER, OLD_MASTER, SECRETS, SERIAL } from "./flows.js";
import { lifeOf } from "./keysoncard.js";
import { PSKC_KEY } from "./making.js";
import { searchImage, seenOf } from "./processmemory.js";
import { type Needle, needlesOf, Search, type Secret } from "./secretsearch.js";
import { goOn, type Launcher, type Outcome, type SimulatedBench, untilStopped } from "./simulatedbench.js";

/**
 * Any image has about 400 of the 10,000 PINs by chance, as arrays of small numbers, and other ones in each run. A real
 * copy is found with any PIN, so a finding with the first PIN is checked with other PINs.
 */
const PINS = ["8352", "6194", "9573", "7481"] as const;
const KEY = Buffer.from("c0ffee00facade11decade22fa11ed3305eed0440ddba1155ca1ab1e660ff1ce", "hex");
const PASSPHRASE = "a Passphrase of the Bench, quite l0ng";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const PIN_SUITE = `${SUITE}-PSHA256`;
const CHALLENGE = "271828";
const USER = "j.doe";
/** Settings of a server that logs every statement. */
const TELLS_ALL = ["log_statement = all", "log_min_duration_statement = 0", "log_parameter_max_length = -1"];

/**
 * A command to run. `@name` is a file of the desk, PORT the card's port, REGISTER the register's place, RESPONSE the right
 * one for the PIN.
 */
export interface CanaryCase {
  readonly id: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly input?: string;
  /** `dsc` commands that come before it. */
  readonly before?: readonly (readonly string[])[];
  /** Files that must hold a secret. */
  readonly holds?: readonly string[];
  /** Whether the register has the card already, and a challenge for it. */
  readonly known?: boolean;
  /** Whether the register is on a server. */
  readonly onServer?: boolean;
}

const DESK = registerArgs((name) => `@${name}`, "REGISTER");
/** Without the keys of the site and the desk. */
const JOURNAL = ["--register", "REGISTER", "--journal-key", "@journal.key"];
const IN = ["--register", "REGISTER"];
const SITE = [...IN, "--site-key", "@site.key", "--desk-key", "@desk.key"];
const CARD = ["--port", "PORT", "--trace", "@trace"];
const PERSONALIZE = ["personalize", ...CARD, "--serial", SERIAL, ...DESK];
const TYPED = ["--pin-file", "@pin", "--key-file", "@token.key", "--transport", "@transport.key"];
const OLD_CARD = [
  ...["personalize", "--port", "PORT", "--serial", SERIAL, ...DESK],
  ...["--pin-file", "@pin", "--transport", "@old.key"],
];
const ORDER = ["order", "add", "--user", USER, "--pin-file", "@pin", ...JOURNAL, "--site-key", "@site.key"];
const LOGIN = ["--serial", SERIAL, "--challenge", CHALLENGE];
const VERIFY = ["verify", ...LOGIN, "--response", "RESPONSE", "--pin-file", "@pin", ...SITE];
const UNLOCK = ["unlock", "--serial", SERIAL, "--lock-code", "01234567", ...DESK];
const PSKC = ["--pskc-key", "@pskc.key"];
const KEY_HEX = KEY.toString("hex");
const NEW_KEYS = Object.keys(KEYS).map((kind) => `new-${kind}.key`);

export const CASES: readonly CanaryCase[] = [
  { id: "personalize", args: [...PERSONALIZE, ...TYPED, "--json"], code: 0 },
  { id: "personalize-drawn", args: [...PERSONALIZE, "--pin-file", "@pin"], code: 0 },
  {
    id: "personalize-stdin",
    args: [...PERSONALIZE, "--pin-file", "@pin", "--key-file", "-"],
    code: 0,
    input: `${KEY_HEX}\n`,
  },
  { id: "personalize-next", args: ["personalize", ...CARD, "--next", ...DESK, "--pin-file", "@pin"], code: 0 },
  { id: "personalize-order", args: ["personalize", ...CARD, "--order", "1", ...DESK], code: 0, before: [ORDER] },
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
    before: [["personalize", "--port", "PORT", "--serial", SERIAL, ...DESK, ...TYPED]],
  },
  { id: "personalize-wrong-transport", args: [...PERSONALIZE, ...TYPED, "--reseed"], code: 4, before: [OLD_CARD] },
  { id: "personalize-dry-run", args: [...PERSONALIZE, ...TYPED, "--dry-run"], code: 0 },
  { id: "personalize-odd-key", args: [...PERSONALIZE, ...TYPED.with(3, "@odd.key")], code: 6 },
  { id: "personalize-bad-key", args: [...PERSONALIZE, ...TYPED.with(3, "@bad.key")], code: 6 },
  { id: "personalize-key-as-option", args: [...PERSONALIZE, "--pin", "PIN_GIVEN_BY_MISTAKE"], code: 2 },
  { id: "personalize-server", args: [...PERSONALIZE, ...TYPED, "--json"], code: 0, onServer: true },
  { id: "unlock", args: [...UNLOCK, "--json"], code: 0, known: true },
  { id: "unlock-server", args: UNLOCK, code: 0, known: true, onServer: true },
  { id: "challenge", args: ["challenge", "--serial", SERIAL, ...IN], code: 0, known: true },
  { id: "verify", args: [...VERIFY, "--json"], code: 0, known: true },
  { id: "verify-refused", args: VERIFY.with(6, "00000000"), code: 1, known: true },
  { id: "verify-wrong-key", args: [...VERIFY, "--site-key", "@desk.key"], code: 6, known: true },
  { id: "verify-server", args: VERIFY, code: 0, known: true, onServer: true },
  { id: "order-add", args: [...ORDER, "--json"], code: 0 },
  { id: "order-add-server", args: ORDER, code: 0, onServer: true },
  { id: "order-list", args: ["order", "list", ...IN, "--json"], code: 0, before: [ORDER] },
  { id: "card-show", args: ["card", "show", "--serial", SERIAL, ...IN, "--json"], code: 0, known: true },
  { id: "card-lost", args: ["card", "lost", "--serial", SERIAL, ...JOURNAL], code: 0, known: true },
  { id: "journal-show", args: ["journal", "show", ...IN, "--json"], code: 0, before: [OLD_CARD, ORDER] },
  { id: "journal-head", args: ["journal", "head", "@head.json", ...JOURNAL, "--json"], code: 0 },
  {
    id: "register-init",
    args: [
      ...["register", "init", "--register", "@new.db", "--json"],
      ...Object.keys(KEYS).flatMap((kind) => [`--${kind}-key`, `@new-${kind}.key`]),
    ],
    code: 0,
    holds: NEW_KEYS,
  },
  { id: "register-check", args: ["register", "check", ...DESK, "--json"], code: 0, known: true, before: [ORDER] },
  { id: "register-backup", args: ["register", "backup", "@desk.backup", ...JOURNAL], code: 0, known: true },
  {
    id: "register-restore",
    args: [
      ...["register", "restore", "@desk.backup", "--register", "@back.db", "--journal-key", "@journal.key"],
      "--nothing-since",
    ],
    code: 0,
    known: true,
    before: [ORDER, ["register", "backup", "@desk.backup", ...JOURNAL]],
  },
  {
    id: "register-rekey",
    args: ["register", "rekey", ...DESK, "--new-site-key", "@new-site.key", "--new-desk-key", "@new-desk.key"],
    code: 0,
    known: true,
    before: [ORDER],
    holds: NEW_KEYS,
  },
  {
    id: "pskc-export",
    args: ["pskc", "export", "@ours.xml", "--with-unlock-keys", ...PSKC, ...DESK, "--json"],
    code: 0,
    known: true,
  },
  {
    id: "pskc-export-passphrase",
    args: ["pskc", "export", "@ours.xml", "--pskc-key", "@phrase", ...DESK],
    code: 0,
    known: true,
  },
  { id: "pskc-import", args: ["pskc", "import", "@site.xml", ...PSKC, ...DESK, "--json"], code: 0 },
  { id: "pskc-import-passphrase", args: ["pskc", "import", "@phrase.xml", "--pskc-key", "@phrase", ...DESK], code: 0 },
  { id: "pskc-show", args: ["pskc", "show", "@site.xml", ...PSKC, "--json"], code: 0 },
  { id: "pskc-csv", args: ["pskc", "csv", "@site.xml", "@out.csv", ...PSKC, "--json"], code: 0, holds: ["out.csv"] },
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
];

/** Why a case cannot be run here; undefined if it can. */
export function missingFor({ onServer = false }: CanaryCase): string | undefined {
  return onServer ? NO_POSTGRES : undefined;
}

/** The files that a case gets on its desk. They are not searched. */
function given(pin: string): Record<string, Uint8Array> {
  const line = (text: string) => Buffer.from(`${text}\n`);
  return {
    ...SECRETS,
    "old.key": line(OLD_MASTER.toString("hex").toUpperCase()),
    "pskc.key": line(PSKC_KEY.toString("hex")),
    "token.key": line(KEY_HEX),
    "odd.key": line(KEY_HEX.slice(1)),
    "bad.key": line(`${KEY_HEX.slice(0, -1)}!`),
    pin: line(pin),
    phrase: line(PASSPHRASE),
  };
}

/** Files that hold secrets only sealed or encrypted. They are made once, and searched. */
interface SealedFiles {
  readonly empty: Buffer;
  readonly known: Buffer;
  readonly pskc: Readonly<Record<string, Buffer>>;
}
let sealed: Promise<SealedFiles> | undefined;

async function makeSealed(): Promise<SealedFiles> {
  const card = { serial: "IB3000777", suite: PIN_SUITE, pinCheck: "server", tries: 5, key: KEY } as const;
  const pskc = (secret: Parameters<typeof exportPskc>[1]) => exportPskc([card], secret, { unlockKeys: false });
  return {
    empty: await registerFile(),
    known: await registerFile(putKnown),
    pskc: { "site.xml": pskc(PSKC_KEY), "phrase.xml": pskc({ passphrase: Buffer.from(PASSPHRASE) }) },
  };
}

/** A card that is in use, whose PIN the site checks. */
async function putKnown(register: Register): Promise<void> {
  await putCard(register, SERIAL, "active", { suite: PIN_SUITE, pin_check: "server", user_name: USER });
  await change(register, (each) => bindKeys(each, { serial: SERIAL, cardId: "00112233445566aa", ...keysFor(KEY) }));
}

let server: Promise<PostgresServer> | undefined;

/** The place of a case's register: a file of the desk, or a server that logs everything. */
async function placeOf(bench: SimulatedBench, { known = false, onServer = false }: CanaryCase): Promise<string> {
  sealed ??= makeSealed();
  const { pskc, ...registers } = await sealed;
  for (const [name, bytes] of Object.entries(pskc)) bench.put(name, bytes);
  const where = onServer ? await newOnServer(known) : bench.put(REGISTER, known ? registers.known : registers.empty);
  if (known) await issue(where);
  return where;
}

async function newOnServer(known: boolean): Promise<string> {
  server ??= PostgresServer.start({ settings: TELLS_ALL });
  const where = await (await server).schema();
  const register = await newRegister(where);
  if (known) await putKnown(register);
  await register.close();
  return where;
}

/** A challenge is open for a few minutes, so each case has a new one. */
function issue(where: string): Promise<void> {
  return opened(where, async (register) => {
    await change(register, (each) => issueChallenge(each, SERIAL, () => Number(CHALLENGE)));
  });
}

async function opened<T>(where: string, use: (register: Register) => Promise<T>): Promise<T> {
  const register = await Register.open(await openEngine(where), { ...KEYS }, "evidence");
  try {
    return await use(register);
  } finally {
    await register.close();
  }
}

export interface CanaryResult {
  /** Secrets that were found where they must not be, one line each. */
  readonly wrong: readonly string[];
  /** The number of pieces of secrets in the image. */
  readonly copies: number;
  /** The number of those that came over standard input. */
  readonly remnants: number;
  /** Bytes of memory that were searched. */
  readonly image: number;
  readonly files: number;
}

export async function runCanary(test: CanaryCase, launcher?: Launcher): Promise<CanaryResult> {
  const [first, ...others] = PINS;
  const { memory, wrong, ...result } = await runWith(first, test, launcher);
  let said = wrong;
  for (const pin of others) {
    const suspects = [...memory.found.keys()].filter((name) => name.startsWith("PIN: "));
    if (suspects.length === 0 && !said.some(isOfPin)) break;
    const again = await runWith(pin, test, launcher);
    for (const name of suspects) if (!again.memory.found.has(name)) memory.found.delete(name);
    said = said.filter((what) => !isOfPin(what) || again.wrong.includes(what));
  }
  return { ...result, copies: memory.copies, wrong: [...inMemory(memory), ...said] };
}

function isOfPin(what: string): boolean {
  return what.includes(" has PIN: ");
}

/** The result of a run with this PIN: the secrets in its memory, and the faults elsewhere. */
interface Searched extends Omit<CanaryResult, "copies"> {
  readonly memory: Search;
}

async function runWith(pin: string, test: CanaryCase, launcher?: Launcher): Promise<Searched> {
  const bench = benchOf({ flash: BLANK, files: given(pin) }, launcher);
  try {
    const where = await placeOf(bench, test);
    const resolved = (args: readonly string[]) => args.map((arg) => (arg === "REGISTER" ? where : arg));
    for (const args of test.before ?? []) await bench.run(resolved(args));
    const response = ocra(PIN_SUITE, KEY, { challenge: CHALLENGE, pin });
    const args = resolved(test.args).map((arg) => (arg === "RESPONSE" ? response : arg));
    // While another process reads, written data stays in the log.
    return await reading(where, () => search(bench, pin, { ...test, args }, where));
  } finally {
    bench.close();
  }
}

/** The part of libsql's connection that is used here. */
interface Connection {
  exec(statement: string): void;
  prepare(statement: string): { all(): unknown[] };
  close(): void;
}

/** Runs `use` while another process reads the register's file. */
async function reading<T>(where: string, use: () => Promise<T>): Promise<T> {
  if (isOnServer(where)) return use();
  const Libsql = createRequire(import.meta.url)("libsql") as new (path: string) => Connection;
  const reader = new Libsql(where);
  try {
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM meta").all();
    return await use();
  } finally {
    reader.close();
  }
}

function isOnServer(where: string): boolean {
  return where.startsWith("postgres:");
}

async function search(bench: SimulatedBench, pin: string, test: CanaryCase, where: string): Promise<Searched> {
  const talk = listen(bench);
  const running = bench.start(test.args, { stopAtEnd: true }, test.input);
  if (!(await untilStopped(running))) throw new Error(`${test.id}: ${(await running.ended).stderr}`);
  const pid = running.process.pid as number;
  const needles = needlesOf(await secretsOf(bench, pin, talk, where));
  const memory = new Search(needles);
  const image = searchImage(pid, memory);
  const seen = seenOf(pid);
  const left = filesOf(bench, test);
  goOn(running);
  const outcome = await running.ended;
  const files = [...left, ...filesOf(bench, test), ...(test.onServer ? await filesOfServer() : [])];
  const places: [string, Buffer][] = [
    ["what others see of the process", seen],
    ["stdout", Buffer.from(outcome.stdout)],
    ["stderr", Buffer.from(outcome.stderr)],
    ...files,
  ];
  const remnants = remnantsOf(test, memory);
  const found = new Set(places.flatMap(([name, bytes]) => inPlace(name, bytes, needles)));
  const wrong = [...wrongEnd(test, outcome), ...found, ...openFiles(bench)];
  return { memory, wrong, remnants, image, files: files.length };
}

/**
 * Standard input lies in a buffer of libuv that Node frees without wiping, so findings there are counted separately.
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

function inPlace(name: string, bytes: Buffer, needles: readonly Needle[]): string[] {
  const search = new Search(needles);
  // Padded, because a needle may lie at the very end.
  search.look(Buffer.concat([bytes, Buffer.alloc(64)]), bytes.length);
  return [...search.found.keys()].map((what) => `${name} has ${what}`);
}

function wrongEnd({ code }: CanaryCase, outcome: Outcome): string[] {
  return outcome.code === code ? [] : [`exit code ${outcome.code}, not ${code}: ${outcome.stderr}`];
}

/** All files of the bench, except those that it was given and those that hold a secret on purpose. */
function filesOf(bench: SimulatedBench, { holds = [] }: CanaryCase): [string, Buffer][] {
  const known = [...Object.keys(given(PINS[0])), ...holds].map((name) => bench.at(name));
  return allFiles(bench.folder)
    .filter((path) => !known.includes(path))
    .map((path) => [relative(bench.folder, path), readFileSync(path)]);
}

/** The server's log of all statements, and all its other files. */
async function filesOfServer(): Promise<[string, Buffer][]> {
  const { log, data } = await (server as Promise<PostgresServer>);
  if (!log.includes(SERIAL) && !log.includes(USER)) throw new Error("the server's log does not tell what it was told");
  const files = allFiles(data).map((path): [string, Buffer] => ["the server's files", readWhere(path)]);
  return [["the server's log", Buffer.from(log)], ...files];
}

/** A server removes files while it runs. */
function readWhere(path: string): Buffer {
  return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
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

/** Everything that must stay secret: the given and the drawn secrets, and those derived from them. */
async function secretsOf(bench: SimulatedBench, pin: string, talk: Talk, where: string): Promise<Secret[]> {
  const given: Secret[] = [
    { name: "PIN", bytes: Buffer.from(pin), kind: "pin" },
    { name: "token key", bytes: KEY },
    { name: "master key", bytes: MASTER },
    { name: "old master key", bytes: OLD_MASTER },
    { name: "key of a PSKC file", bytes: PSKC_KEY },
    { name: "passphrase", bytes: Buffer.from(PASSPHRASE) },
    ...Object.entries(KEYS).map(([kind, bytes]) => ({ name: `${kind} key`, bytes })),
  ];
  return [...given, ...drawnKeys(bench), ...(await kept(where)), ...derived(bench, talk)];
}

/** The secrets that the register keeps sealed. A register with new keys cannot be opened with the case's keys. */
async function kept(where: string): Promise<Secret[]> {
  try {
    const { keys } = isOnServer(where) ? await contentsAt(where) : await contentsOf(where);
    return keys.flatMap(({ key, unlockKey }): Secret[] => [
      { name: "token key", bytes: key },
      ...(unlockKey.length > 0 ? [{ name: "unlock key", bytes: unlockKey }] : []),
    ]);
  } catch (error) {
    if (!(error instanceof RegisterError) || error.reason !== "wrong-key") throw error;
    return [];
  }
}

/** Keys that the command drew into files of the desk. */
function drawnKeys(bench: SimulatedBench): Secret[] {
  return ["new.key", ...NEW_KEYS].flatMap((name) => {
    if (!existsSync(bench.at(name))) return [];
    const hex = readFileSync(bench.at(name), "utf8").trimEnd().split("\n").at(-1) as string;
    return [{ name: `key in ${name}`, bytes: Buffer.from(hex, "hex") }];
  });
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
