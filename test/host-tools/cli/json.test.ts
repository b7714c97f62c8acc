// `--json`: each command, with each of its errors, prints one JSON value on stdout that agrees with the exit code.

import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import * as assert from "uvu/assert";
import { Ins, Sw } from "../../../firmware/wire.js";
import { refusal } from "../../../host-tools/card/apdu.js";
import { BadAnswer, OtherProtocol } from "../../../host-tools/card/errors.js";
import { Exit, KINDS, type Kind, reportOf } from "../../../host-tools/cli/exit.js";
import { program } from "../../../host-tools/cli/main.js";
import { change } from "../../../host-tools/desk/register/change.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { UNREAD } from "../../../host-tools/files/commandline.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import { DEMO } from "../../../sim/session/demo.js";
import { unreadableFlash } from "../../support/cards.js";
import { SOON } from "../../support/days.js";
import { dscHere } from "../../support/dschere.js";
import { hexFile, imageBytes } from "../../support/hexfile.js";
import { KEYS, keysFor, newRegister, putCard } from "../../support/openregister.js";
import { onceListening, preload } from "../../support/preload.js";
import { registerFiles } from "../../support/registerfiles.js";
import { scratchFolder } from "../../support/scratch.js";
import { putSeedFile } from "../../support/seedfile.js";
import { type Ended, dsc as runDsc, SimProcess } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "dsc --json");

const FOLDER = scratchFolder();
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const KEY = Buffer.alloc(32, 7);
const KEY_HEX = KEY.toString("hex");
const SEED_KEY = Buffer.alloc(16, 9);
const CARD: SeedRecord = {
  serial: "IB3000123",
  suite: SUITE,
  pinCheck: "card",
  tries: 5,
  key: KEY,
  unlockKey: KEY,
  state: "done",
  keyset: undefined,
};
const CHALLENGE = "012345";
const USED = "IB3000200";
const USED_KEY = Buffer.alloc(32, 8);
/** Challenges of that card that are open. */
const [ONCE, TWICE] = ["271829", "314159"] as const;
const DAY = 24 * 60 * 60_000;

function put(name: string, contents: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const at = (name: string) => join(FOLDER, name);
const PENDING: SeedRecord = { ...CARD, serial: "IB3000125", state: "pending" };
const SEEDS = putSeedFile(at("seeds.xml"), SEED_KEY, CARD, PENDING);
const SEED_KEY_FILE = put("seeds.key", SEED_KEY.toString("hex"));
const ONE = putSeedFile(at("one.xml"), SEED_KEY, { ...CARD, unlockKey: undefined });
const ODD_KEY = put("odd.key", `${SEED_KEY.toString("hex").slice(1)}\n`);
const MASTER = put("transport.key", "00112233445566778899aabbccddeeff\n");
const OTHER = put("other.key", "ffeeddccbbaa99887766554433221100\n");
const PIN = put("pin", "8352\n");
const NO_PIN = put("no.pin", "83521\n");
const BROKEN = put("broken.json", "{}");
const NOTHING = at("nothing");
/** A key in a token whose module does not exist. */
const IN_TOKEN = `pkcs11:token=desk;object=key?module-path=${NOTHING}`;
const IMAGE = put("image.hex", hexFile([{ address: 0, bytes: imageBytes() }]));

/** A register with a card that is shipped, one that is in use and has open challenges, and one order. */
const REGISTER = at("desk.db");
const opened = await newRegister(REGISTER);
await putCard(opened, CARD.serial, "shipped");
await putCard(opened, DEMO.serial, "retired");
await change(opened, (each) => bindKeys(each, { serial: CARD.serial, cardId: "00112233445566aa", ...keysFor(KEY) }));
await putCard(opened, USED, "active");
await change(opened, (each) => bindKeys(each, { serial: USED, cardId: "00112233445566bb", ...keysFor(USED_KEY) }));
for (const challenge of [ONCE, TWICE]) {
  const row = { serial: USED, challenge, issued: Date.now(), expires: Date.now() + DAY, used: 0, response_right: null };
  await change(
    opened,
    async ({ db }) =>
      void (await db
        .insertInto("challenges")
        .values({ ...row, used: 0 })
        .execute()),
  );
}
await opened.close();
const custody = (name: "site" | "desk" | "journal") => [
  `--${name}-key`,
  put(`${name}.key`, KEYS[name].toString("hex")),
];
const IN = ["--register", REGISTER];
const BACKUP = at("desk.backup");
const OTHER_KEY = put("other-custody.key", "11".repeat(32));
const JOURNAL = [...IN, ...custody("journal")];
const SITE = [...IN, ...custody("site")];
const PSKC_KEYS = [...JOURNAL, ...custody("site"), ...custody("desk"), "--pskc-key", SEED_KEY_FILE];
const ORDER = [...JOURNAL, ...custody("site"), "--user", "j.doe", "--pin-file", PIN];
const NOT_RIGHT = ["--challenge", CHALLENGE, "--response", "00000000"];

const right = (challenge: string) => ocra(SUITE, USED_KEY, { challenge });
const wrong = (challenge: string) => right(challenge).slice(0, 7) + ((Number(right(challenge)[7]) + 1) % 10);
const SERIAL = ["--serial", CARD.serial];
const IN_USE = ["--serial", USED];
const ANSWERED = [...IN_USE, "--challenge", ONCE, "--response", right(ONCE)];
const UNLOCK = [...IN_USE, "--lock-code", "12345678"];
const OCRA = ["--suite", SUITE, "--challenge", CHALLENGE];
/** A register without cards. */
const DESK = await registerFiles(FOLDER, "empty");
const SEEDING = [...DESK, "--pin-file", PIN];

/** Cards on the line, by what they are. */
const ports = {
  blank: at("blank"),
  /** With a key, and with transport keys of its own under MASTER. */
  own: at("own"),
  demo: at("demo"),
  /** Blank, its battery nearly empty. */
  low: at("low"),
  /** In ERROR 02. */
  error: at("error"),
  /** A line on which nothing answers. */
  silent: at("silent"),
};
const port = (name: keyof typeof ports) => ["--port", ports[name]];

/** How a command ends: its result, or the kind of its error. */
type Outcome = "done" | "refused response" | Kind;
type Row = readonly [outcome: Outcome, args: readonly string[], input?: string];

/** Each command, and each way in which it ends. Mistakes common to all commands are below. */
const TABLE: Record<string, readonly Row[]> = {
  ports: [
    ["done", port("blank")],
    ["done", port("error")],
  ],
  flash: [
    ["usage", ["--erase"]],
    ["board", ["--image", IMAGE, "--mount", NOTHING]],
    ["file", ["--image", NOTHING]],
    ["file", ["--image", FOLDER]],
  ],
  info: [
    ["done", port("demo")],
    ["port", ["--port", NOTHING]],
    ["port", ["--port", PIN]],
    ["port", ["--port", ""]],
    ["no-answer", port("silent")],
    ["card-error", port("error")],
    ["file", [...port("demo"), "--trace", BROKEN]],
    ["file", [...port("demo"), "--trace", ""]],
  ],
  check: [
    ["done", [...port("demo"), ...IN]],
    ["port", ["--port", NOTHING, ...IN]],
    ["no-answer", [...port("silent"), ...IN]],
    ["card-error", [...port("error"), ...IN]],
    ["authentication", [...port("own"), ...IN, "--transport", MASTER]],
    ["register", [...port("low"), ...IN]],
    ["register", [...port("demo"), "--register", NOTHING]],
    ["secret", [...port("demo"), ...IN, "--transport", ODD_KEY]],
    ["file", [...port("demo"), ...IN, "--transport", NOTHING]],
    ["usage", [...port("demo"), ...IN, "--transport", "-", "--site-key", "-"]],
    ["interrupted", [...port("demo"), ...IN, "--transport", "-"]],
  ],
  personalize: [
    ["done", [...port("blank"), ...SERIAL, ...SEEDING, "--dry-run"]],
    ["usage", [...port("blank"), ...SERIAL, ...SEEDING, "--pin-check", "server", "--suite", SUITE]],
    ["usage", [...port("blank"), ...SERIAL, ...DESK]],
    ["usage", [...port("blank"), ...SERIAL, "--pin-file", PIN]],
    ["usage", [...port("blank"), ...SERIAL, ...SEEDING, "--next"]],
    ["port", ["--port", NOTHING, ...SERIAL, ...SEEDING]],
    ["no-answer", [...port("silent"), ...SERIAL, ...SEEDING]],
    ["card-error", [...port("error"), ...SERIAL, ...SEEDING]],
    ["authentication", [...port("own"), ...SERIAL, ...SEEDING, "--reseed", "--transport", OTHER]],
    ["secret", [...port("blank"), ...SERIAL, ...SEEDING, "--desk-key", ODD_KEY]],
    ["secret", [...port("blank"), ...SERIAL, ...SEEDING, "--pin-file", NO_PIN]],
    ["file", [...port("blank"), ...SERIAL, ...SEEDING, "--key-file", NOTHING]],
    ["register", [...port("blank"), ...SERIAL, ...SEEDING, "--register", BROKEN]],
    ["register", [...port("blank"), ...SERIAL, ...SEEDING, "--site-key", OTHER_KEY]],
    ["interrupted", [...port("blank"), ...SERIAL, ...SEEDING, "--pin-file", "-"]],
  ],
  "batch list": [
    ["done", IN],
    ["usage", []],
    ["register", ["--register", NOTHING]],
  ],
  "batch show": [
    ["usage", IN],
    ["register", [...IN, "--batch", "1"]],
  ],
  "batch report": [
    ["usage", [...JOURNAL, "--batch", "one"]],
    ["usage", [...JOURNAL, "--batch", "1", "--labels", "-"]],
    ["file", [...JOURNAL, "--batch", "1", "--labels", PIN]],
    ["register", [...JOURNAL, "--batch", "1"]],
  ],
  "batch close": [
    ["usage", JOURNAL],
    ["register", [...JOURNAL, "--batch", "1"]],
  ],
  test: [
    ["done", port("blank")],
    ["check", port("low")],
    ["port", ["--port", NOTHING]],
    ["no-answer", port("silent")],
    ["card-error", port("error")],
    ["wrong-card", port("demo")],
    ["secret", [...port("blank"), "--transport", ODD_KEY]],
    ["interrupted", [...port("blank"), "--transport", "-"]],
  ],
  wipe: [
    ["port", ["--port", NOTHING]],
    ["no-answer", port("silent")],
    ["card-error", port("error")],
    ["authentication", port("own")],
    ["authentication", [...port("own"), "--transport", OTHER]],
    ["secret", [...port("own"), "--transport", ODD_KEY]],
    ["file", [...port("own"), "--transport", NOTHING]],
    ["interrupted", [...port("own"), "--transport", "-"]],
  ],
  "keys new": [
    ["done", [at("drawn.key")]],
    ["usage", ["-"]],
    ["file", [PIN]],
    ["file", [join(NOTHING, "key")]],
    ["file", [""]],
  ],
  "keys show": [
    ["done", [MASTER]],
    ["done", [MASTER, "--fingerprint"]],
    ["usage", []],
    ["file", [NOTHING]],
    ["file", [""]],
    ["secret", [ODD_KEY]],
    ["token", [IN_TOKEN]],
    ["interrupted", ["-"]],
  ],
  "pskc forget": [
    ["usage", JOURNAL],
    ["file", [...JOURNAL, "--receipt", NOTHING]],
    ["file", [...JOURNAL, "--receipt", BROKEN]],
  ],
  "pskc import": [
    ["done", [ONE, ...PSKC_KEYS]],
    ["usage", [ONE, ...PSKC_KEYS, "--receipt", "-"]],
    ["file", [ONE, ...PSKC_KEYS, "--receipt", PIN]],
    ["file", [NOTHING, ...PSKC_KEYS]],
    ["seed-file", [PIN, ...PSKC_KEYS]],
    ["secret", [ONE, ...PSKC_KEYS, "--receipt", NOTHING, "--sign-key", ODD_KEY]],
    ["register", [ONE, ...PSKC_KEYS, "--receipt", NOTHING, "--register", BROKEN]],
    ["interrupted", [ONE, ...PSKC_KEYS, "--receipt", NOTHING, "--pskc-key", "-"]],
  ],
  "pskc export": [
    ["done", [at("export.xml"), ...PSKC_KEYS]],
    ["usage", ["-", ...PSKC_KEYS]],
    ["file", [PIN, ...PSKC_KEYS]],
    ["file", [at("no.xml"), ...PSKC_KEYS, "--site-cert", PIN]],
    ["seed-file", [at("no.xml"), ...PSKC_KEYS, "--batch", "7"]],
    ["secret", [at("no.xml"), ...PSKC_KEYS, "--pskc-key", ODD_KEY]],
    ["register", [at("no.xml"), ...PSKC_KEYS, "--register", NOTHING]],
    ["interrupted", [at("no.xml"), ...PSKC_KEYS, "--pskc-key", "-"]],
  ],
  "register init": [
    ["done", ["--register", at("new.db"), "--desk-key", at("d.key"), "--journal-key", at("j.key")]],
    ["register", [...JOURNAL, ...custody("desk")]],
    ["register", ["--register", PIN, "--desk-key", at("d.key"), "--journal-key", at("j.key")]],
    ["usage", ["--register", at("other.db"), "--desk-key", at("d.key")]],
    ["file", ["--register", join(NOTHING, "r.db"), "--desk-key", at("d.key"), "--journal-key", at("j.key")]],
  ],
  "register check": [
    ["done", [...JOURNAL, ...custody("site"), ...custody("desk")]],
    ["register", [...IN, "--desk-key", OTHER_KEY]],
    ["register", ["--register", NOTHING]],
    ["usage", []],
    ["usage", ["--register", "postgres://desk:secret@localhost/desk"]],
    ["secret", [...IN, "--desk-key", ODD_KEY]],
    ["file", [...IN, "--head", NOTHING]],
    ["interrupted", [...IN, "--desk-key", "-"]],
  ],
  "register backup": [
    ["done", [...JOURNAL, BACKUP]],
    ["file", [...JOURNAL, BACKUP]],
    ["register", [...IN, at("other.backup")]],
    ["usage", [...JOURNAL, "-"]],
  ],
  "register restore": [
    ["done", [...custody("journal"), "--register", at("back.db"), BACKUP, "--number-from", "IB3000700"]],
    ["register", [...custody("journal"), "--register", at("back.db"), BACKUP, "--nothing-since"]],
    ["register", [...custody("journal"), "--register", at("back2.db"), PIN, "--nothing-since"]],
    ["register", [...custody("journal"), "--register", at("back2.db"), BACKUP, "--nothing-since", "--done", "99"]],
    ["usage", [...custody("journal"), "--register", at("back2.db"), BACKUP]],
    ["file", [...custody("journal"), "--register", at("back2.db"), NOTHING, "--nothing-since"]],
    ["interrupted", ["--register", at("back2.db"), BACKUP, "--nothing-since", "--journal-key", "-"]],
  ],
  "register rekey": [
    ["usage", JOURNAL],
    ["register", [...JOURNAL, "--new-desk-key", at("d.key")]],
    ["secret", [...JOURNAL, "--new-desk-key", ODD_KEY]],
  ],
  "register migrate": [
    ["done", IN],
    ["register", ["--register", NOTHING]],
  ],
  "register clock": [
    ["done", IN],
    ["done", [...JOURNAL, "--accept"]],
    ["register", [...IN, "--accept"]],
  ],
  settings: [
    ["done", IN],
    ["done", [...JOURNAL, "serial.first", "IB3000500"]],
    ["register", [...IN, "serial.first", "IB3000500"]],
    ["usage", [...IN, "serial.last"]],
    ["usage", [...JOURNAL, "serial.first", "1"]],
    ["done", [...JOURNAL, "label.sheet", "5160"]],
    ["paper", [...JOURNAL, "letter.font", NOTHING]],
    ["paper", [...JOURNAL, "letter.language", "XX"]],
  ],
  "pskc show": [
    ["done", [SEEDS]],
    ["file", [NOTHING]],
    ["seed-file", [PIN]],
    ["secret", [SEEDS, "--pskc-key", ODD_KEY]],
    ["seed-file", [SEEDS, "--pskc-key", MASTER]],
    ["interrupted", [SEEDS, "--pskc-key", "-"]],
  ],
  "pskc csv": [
    ["done", [SEEDS, at("import.csv"), "--pskc-key", SEED_KEY_FILE]],
    ["usage", [SEEDS, "-", "--pskc-key", SEED_KEY_FILE]],
    ["file", [SEEDS, PIN, "--pskc-key", SEED_KEY_FILE]],
    ["seed-file", [PIN, at("no.csv"), "--pskc-key", SEED_KEY_FILE]],
    ["secret", [SEEDS, at("no.csv"), "--pskc-key", ODD_KEY]],
    ["interrupted", [SEEDS, at("no.csv"), "--pskc-key", "-"]],
  ],
  "card list": [
    ["done", IN],
    ["usage", []],
    ["usage", [...IN, "--csv"]],
    ["register", ["--register", NOTHING]],
    ["register", ["--register", SEEDS]],
  ],
  "card show": [
    ["done", [...IN, ...SERIAL]],
    ["register", [...IN, "--serial", "IB3999999"]],
  ],
  "card history": [
    ["done", [...IN, ...SERIAL]],
    ["register", [...IN, "--serial", "IB3999999"]],
  ],
  "card ship": [
    ["register", [...JOURNAL, ...SERIAL, "--arrives", SOON]],
    ["usage", [...JOURNAL, ...SERIAL, "--arrives", "2026-02-30"]],
  ],
  "card activate": [
    ["refused response", [...JOURNAL, ...custody("site"), ...SERIAL, ...NOT_RIGHT]],
    ["usage", [...JOURNAL, ...custody("site"), ...SERIAL, ...NOT_RIGHT, "--response", "1"]],
    ["interrupted", [...JOURNAL, ...SERIAL, ...NOT_RIGHT, "--site-key", "-"]],
  ],
  "card found": [["register", [...JOURNAL, ...custody("site"), ...SERIAL, ...NOT_RIGHT]]],
  "card lost": [
    ["done", [...JOURNAL, ...SERIAL, "--reason", "stolen"]],
    ["register", [...IN, ...SERIAL]],
    ["register", [...IN, ...SERIAL, "--journal-key", put("wrong.key", "00".repeat(32))]],
    ["secret", [...IN, ...SERIAL, "--journal-key", ODD_KEY]],
    ["usage", [...JOURNAL, ...SERIAL, "--reason", ""]],
  ],
  "card return": [["register", [...JOURNAL, "--serial", "IB3999999"]]],
  "card retire": [["register", [...JOURNAL, "--serial", "IB3999999"]]],
  "order add": [
    ["done", ORDER],
    ["secret", [...ORDER, "--pin-file", NO_PIN]],
    ["usage", [...ORDER, "--pin-file", put("weak.pin", "1234")]],
    ["usage", [...ORDER, "--pin-check", "server", "--suite", SUITE]],
    ["register", [...JOURNAL, "--user", "j.doe", "--pin-file", PIN]],
    ["interrupted", [...ORDER, "--pin-file", "-"]],
  ],
  "order list": [
    ["done", IN],
    ["usage", [...IN, "--state", "lost"]],
  ],
  "order cancel": [
    ["done", [...JOURNAL, "--order", "1"]],
    ["register", [...JOURNAL, "--order", "99"]],
    ["usage", [...JOURNAL, "--order", "0"]],
  ],
  "operator new": [
    ["done", [at("anna.key")]],
    ["file", [PIN]],
    ["usage", ["-"]],
  ],
  "operator list": [
    ["done", IN],
    ["register", ["--register", NOTHING]],
  ],
  "operator add": [
    ["usage", [...JOURNAL, "anna"]],
    ["usage", [...JOURNAL, "anna", "--public-key", "12"]],
    ["register", [...JOURNAL, "anna", "--public-key", "00".repeat(32)]],
    ["usage", [...JOURNAL, "a b"]],
    ["secret", [...JOURNAL, "anna", "--operator-key", ODD_KEY]],
    ["token", [...JOURNAL, "anna", "--operator-key", IN_TOKEN]],
  ],
  "operator remove": [["register", [...JOURNAL, "anna"]]],
  approve: [
    ["register", [...JOURNAL, "00".repeat(8)]],
    ["usage", [...JOURNAL, "12"]],
    ["usage", [...JOURNAL, "zzz"]],
  ],
  "journal show": [
    ["done", IN],
    ["usage", [...IN, "--last", "0"]],
  ],
  "journal head": [
    ["done", [...JOURNAL, at("head.json")]],
    ["register", IN],
    ["file", [...JOURNAL, PIN]],
    ["usage", [...JOURNAL, "-"]],
  ],
  "journal verify": [
    ["done", JOURNAL],
    ["usage", IN],
    ["usage", [...JOURNAL, "--head-key", "00".repeat(32)]],
    ["file", [...IN, "--head", NOTHING]],
    ["file", [...IN, "--head", BROKEN]],
    ["refused response", [...IN, "--head", at("head.json"), "--head-key", "00".repeat(32)]],
  ],
  challenge: [
    ["done", [...IN_USE, ...IN]],
    ["register", ["--serial", "IB3999999", ...IN]],
    ["usage", IN_USE],
    ["register", ["--serial", DEMO.serial, ...IN]],
    ["usage", ["--serial", "ib3000123", ...IN]],
    ["register", [...SERIAL, "--register", BROKEN]],
    ["register", [...SERIAL, "--register", NOTHING]],
  ],
  verify: [
    ["refused response", [...IN_USE, "--challenge", CHALLENGE, "--response", right(CHALLENGE), ...SITE]],
    ["done", [...ANSWERED, ...SITE]],
    ["refused response", [...ANSWERED, ...SITE]],
    ["refused response", [...IN_USE, "--challenge", TWICE, "--response", wrong(TWICE), ...SITE]],
    ["refused response", [...IN_USE, "--challenge", TWICE, "--response", right(TWICE), ...SITE]],
    ["register", [...ANSWERED, ...IN]],
    ["register", [...ANSWERED, ...SITE, "--serial", "IB3999999"]],
    ["usage", ANSWERED],
    ["usage", [...ANSWERED, ...SITE, "--serial", "ib3000123"]],
    ["usage", [...ANSWERED, ...SITE, "--response", "1"]],
    ["file", [...ANSWERED, ...SITE, "--site-key", NOTHING]],
    ["secret", [...ANSWERED, ...SITE, "--site-key", ODD_KEY]],
    ["interrupted", [...ANSWERED, ...SITE, "--site-key", "-"]],
  ],
  unlock: [
    ["done", [...UNLOCK, ...SITE, ...custody("journal")]],
    ["register", [...UNLOCK, ...SITE]],
    ["register", [...UNLOCK, ...SITE, ...custody("journal"), "--serial", "IB3999999"]],
    ["usage", UNLOCK],
    ["usage", [...UNLOCK, ...SITE, ...custody("journal"), "--serial", "ib3000123"]],
    ["usage", [...UNLOCK, ...SITE, ...custody("journal"), "--lock-code", "1"]],
    ["file", [...UNLOCK, ...SITE, "--journal-key", NOTHING]],
    ["secret", [...UNLOCK, ...SITE, "--journal-key", ODD_KEY]],
    ["interrupted", [...UNLOCK, ...SITE, "--journal-key", "-"]],
  ],
  ocra: [
    ["done", OCRA, KEY_HEX],
    ["usage", [...OCRA, "--challenge", "1"], KEY_HEX],
    ["usage", [...OCRA, "--suite", `${SUITE}-PSHA1`], KEY_HEX],
    ["secret", OCRA, `${KEY_HEX}0`],
    ["file", [...OCRA, "--suite", `${SUITE}-PSHA1`, "--pin-file", NOTHING], KEY_HEX],
    ["interrupted", OCRA],
  ],
  completion: [["done", ["bash"]]],
};

/** The first row of each outcome is run as a process; the others are run by the same code in this one. */
const ALONE = new Set(
  new Map(
    Object.values(TABLE)
      .flat()
      .reverse()
      .map((row) => [row[0], row]),
  ).values(),
);

/** Commands that do something, by their words. */
function commands(command: Command, words: readonly string[] = []): Map<string, Command> {
  if (command.commands.length === 0) return new Map([[words.join(" "), command]]);
  return new Map(command.commands.flatMap((inner) => [...commands(inner, [...words, inner.name()])]));
}

const COMMANDS = commands(await program(() => {}));

/** Mistakes that can be made with every command. */
function mistakesWith(command: Command): string[][] {
  const valued = command.options.filter((option) => option.required && option.long);
  const chosen = valued.filter((option) => option.argChoices || option.parseArg);
  return [
    ["--no-such-option=00112233445566778899aabbccddeeff"],
    ["--", "one", "argument", "too", "many"],
    ...(valued[0] ? [[String(valued.at(-1)?.long)]] : []),
    ...chosen.slice(0, 1).map(({ long }) => [`${long}=@`]),
  ];
}

/** Runs work on all items, as many at once as there are processors. */
async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

let values = 0;

/** The one value on stdout. */
function jsonOf({ stdout, stderr, code }: Ended, line: string): Record<string, unknown> {
  assert.match(stdout, /^[^\n]+\n$/, `${line}: exit code ${code}: "${stdout}" ${stderr}`);
  const value = JSON.parse(stdout);
  assert.ok(value !== null && typeof value === "object" && !Array.isArray(value), line);
  values++;
  return value;
}

function checkError(ended: Ended, kind: Kind, line: string): void {
  const { error } = jsonOf(ended, line) as { error: Record<string, unknown> };
  assert.ok(error, `${line}: ${ended.stdout}`);
  assert.equal(
    [error.kind, error.code, ended.code],
    [kind, KINDS[kind].code, KINDS[kind].code],
    `${line}: ${ended.stdout}`,
  );
  assert.equal(Object.keys(error), ["code", "kind", "message", "hint"], line);
  for (const text of [error.message, error.hint]) assert.match(String(text), /^[^\n]+$/, line);
  if (kind !== "internal") assert.is(besideWaiting(ended.stderr), "", line);
}

function checkOutcome(ended: Ended, outcome: Outcome, line: string): void {
  if (outcome !== "done" && outcome !== "refused response") return checkError(ended, outcome, line);
  const { error, warnings } = jsonOf(ended, line);
  assert.is(error, undefined, line);
  assert.ok(Array.isArray(warnings), line);
  assert.is(ended.code, outcome === "done" ? Exit.DONE : Exit.FAILED, `${line}: ${ended.stdout}`);
  assert.is(besideWaiting(ended.stderr), "", line);
}

/** The text on stderr without messages about long waits. */
function besideWaiting(stderr: string): string {
  return stderr.replace(/^still waiting: .*\n/gm, "");
}

const INTERRUPTED = preload(FOLDER, "interrupted", onceListening('process.kill(process.pid, "SIGINT");'));
/** `dsc` asks this when it looks for the command. */
const MISTAKEN = preload(FOLDER, "mistaken", 'Object.hasOwn = () => { throw new TypeError("x is not a function"); };');
const MISTAKEN_LATER = preload(
  FOLDER,
  "later",
  onceListening('setImmediate(() => { throw new TypeError("x is not a function"); });'),
);

const sims: SimProcess[] = [];
const start = async (name: keyof typeof ports, ...args: string[]) => {
  const sim = await SimProcess.start(ports[name], ...args);
  sims.push(sim);
  return sim;
};

test.before(async () => {
  await start("blank");
  await start("demo", "--demo");
  await (await start("low")).run("battery 2300");
  (await start("silent")).pause();
  await start("error", "--flash", errorCard());
  await start("own");
  const desk = [...(await registerFiles(FOLDER, "own")), "--pin-file", PIN];
  const own = ["personalize", ...port("own"), ...SERIAL, "--transport", MASTER, ...desk];
  const done = await runDsc(own);
  assert.is(done.code, 0, done.stderr);
});

/** A flash file of a card in ERROR. */
function errorCard(): string {
  const path = at("error.bin");
  writeFileSync(path, unreadableFlash(), { mode: 0o600 });
  return path;
}

test.after(() => SimProcess.killAll());

test("every command is in the table, and nothing else", () => {
  assert.equal(Object.keys(TABLE).sort(), [...COMMANDS.keys()].sort());
  for (const [words, rows] of Object.entries(TABLE)) assert.ok(rows.length > 0, words);
});

test("the table has every kind of error that can occur without a broken card or board", () => {
  const met = new Set(Object.values(TABLE).flatMap((rows) => rows.map(([outcome]) => outcome)));
  const missing = Object.keys(KINDS).filter((kind) => !met.has(kind as Kind));
  // A simulated card never refuses a command of dsc and never gives a malformed answer. A mistake in dsc is simulated
  // below. The PIN of a token needs a token (tokens.test.ts).
  assert.equal(missing, ["bad-answer", "token-pin", "refused", "internal"]);
});

test("errors of a card that answers unlike a simulated one are in JSON", () => {
  const { code, kind, message, hint } = reportOf(refusal(Ins.SET_STATUS, Sw.NOT_IN_THIS_STATE));
  assert.equal([code, kind], [Exit.REFUSED, "refused"]);
  assert.match(message, /^SET STATUS: /);
  assert.match(hint, /dsc info/);
  for (const error of [new BadAnswer("GET DATA"), new OtherProtocol("the card speaks version 9")])
    assert.equal([reportOf(error).code, reportOf(error).kind], [Exit.PORT, "bad-answer"]);
});

for (const [words, rows] of Object.entries(TABLE)) {
  test(`${words}: it prints one JSON value in every case`, async () => {
    // One after another, because one program at a time has a port.
    for (const row of rows) {
      const [outcome, args] = row;
      const line = [...words.split(" "), "--json", ...args];
      checkOutcome(await runRow(row, line), outcome, line.join(" "));
    }
  });
}

function runRow(row: Row, line: readonly string[]): Promise<Ended> {
  const [outcome, , input = ""] = row;
  // A command that waits for a secret is interrupted, with stdin open and empty.
  if (outcome === "interrupted") return runDsc(line, { input: null, env: INTERRUPTED });
  return ALONE.has(row) ? runDsc(line, { input }) : dscHere(line, input);
}

test("usage errors of every command are in JSON, wherever --json stands", async () => {
  const check = (ended: Ended, line: readonly string[]) => {
    checkError(ended, "usage", line.join(" "));
    assert.not.match(ended.stdout, "00112233");
  };
  for (const [words, command] of COMMANDS) {
    for (const mistake of mistakesWith(command)) {
      const line = [...words.split(" "), "--json", ...mistake];
      check(await dscHere(line), line);
    }
  }
  const others = [["--json"], ["nope", "--json"], ["--json", "info"], ["pskc", "--json"], ["help", "nope", "--json"]];
  await forEach(others, async (line) => check(await runDsc(line), line));
});

test("every usage error of every command is one line without the given values", async () => {
  for (const [words, command] of COMMANDS) {
    for (const more of mistakesWith(command)) {
      const line = [...words.split(" "), ...more];
      const dsc = (await program(() => {}, line)).configureOutput({ writeErr: () => {} });
      const error = await dsc.parseAsync(line, { from: "user" }).then(
        () => undefined,
        (error: unknown) => error,
      );
      const { kind, message } = reportOf(error);
      assert.is(kind, "usage", line.join(" "));
      assert.match(message, /^[^\n]+$/, line.join(" "));
      assert.not.match(message, "00112233");
    }
  }
});

test("--json has the same effect before the command as after it", async () => {
  const rows: readonly (readonly [Outcome, number, readonly string[], string?])[] = [
    ["done", 2, ["keys", "show", MASTER]],
    ["done", 1, ["ocra", ...OCRA], KEY_HEX],
    ["usage", 1, ["info"]],
    ["usage", 2, ["keys", "show", "--", MASTER, MASTER]],
    ["secret", 2, ["keys", "show", "--", ODD_KEY]],
  ];
  for (const [outcome, words, line, input = ""] of rows) {
    const before = ["--json", ...line];
    const behind = line.toSpliced(words, 0, "--json");
    const ended = await runDsc(before, { input });
    checkOutcome(ended, outcome, before.join(" "));
    assert.is(ended.stdout, (await runDsc(behind, { input })).stdout, before.join(" "));
  }
});

test("help and the version are in JSON, too", async () => {
  for (const [name, line] of [
    ["version", ["--version"]],
    ["help", ["--help"]],
    ["help", ["help", "pskc"]],
    ["help", ["verify", "--help"]],
  ] as const) {
    const ended = await dscHere([...line, "--json"]);
    checkOutcome(ended, "done", line.join(" "));
    assert.type(JSON.parse(ended.stdout)[name], "string");
  }
});

test("Ctrl-C at once in every command gives one value, and the exit code says whether it had finished", async () => {
  for (const [words, [row]] of Object.entries(TABLE)) {
    const [outcome, args, input = ""] = row as Row;
    const ended = await runDsc([...words.split(" "), "--json", ...freshen(args)], { input, env: INTERRUPTED });
    if (ended.code === Exit.INTERRUPTED) checkError(ended, "interrupted", words);
    else checkOutcome(ended, outcome, words);
  }
});

/** Replaces the names of files that earlier rows already made. */
function freshen(args: readonly string[]): string[] {
  return args.map((arg) => (/(drawn\.key|import\.csv|head\.json)$/.test(arg) ? `${arg}2` : arg));
}

test("a fault in dsc itself, in any command and at any time, gives code 70 and a stack on stderr", async () => {
  const check = (ended: Ended, words: string) => {
    checkError(ended, "internal", words);
    assert.match(ended.stderr, /TypeError: x is not a function\n +at /);
  };
  check(await runDsc(["info", "--json"], { env: MISTAKEN }), "info");
  const { parseAsync } = Command.prototype;
  Command.prototype.parseAsync = () => {
    throw new TypeError("x is not a function");
  };
  try {
    for (const words of COMMANDS.keys()) check(await dscHere([...words.split(" "), "--json"]), words);
  } finally {
    Command.prototype.parseAsync = parseAsync;
  }
  const line = ["ocra", ...OCRA, "--json"];
  checkError(await runDsc(line, { input: null, env: MISTAKEN_LATER }), "internal", line.join(" "));
});

test("if nobody reads stdout, the exit code says what failed, or that nobody read", async () => {
  const gone = { during: (running: { stdout: { destroy(): unknown } }) => void running.stdout.destroy() };
  for (const words of [["completion", "bash"], ["completion", "bash", "--json"], ["--help"], ["ports", "--help"]])
    assert.equal([(await runDsc(words, gone)).code], [UNREAD], words.join(" "));
  const ended = await runDsc(["verify", "--json"], gone);
  assert.equal([ended.code, ended.stderr], [Exit.USAGE, ""]);
});

test("warnings are in the result and beside an error", async () => {
  const csv = ["pskc", "csv", SEEDS, at("warned.csv"), "--pskc-key", SEED_KEY_FILE, "--json"];
  assert.match(JSON.parse((await dscHere(csv)).stdout).warnings[0], /personalization not finished/);
  const low = await dscHere(["test", ...port("low"), "--json"]);
  const { good, tests, error, warnings } = JSON.parse(low.stdout);
  assert.equal([good, tests.length, error.code], [false, 6, 1]);
  assert.match(warnings.join(), /screen: left out/);
});

test("the expected number of values was checked", () => {
  assert.ok(values > 80, `${values}`);
});

test.run();
