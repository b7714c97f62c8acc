// A batch at a bench with disturbances, and the promises that must hold in spite of them:
//
//   D1  a card that has taken keys is bound to its serial number in the register, at every moment
//   D2  in the end every card is personalized with one key, which the register has as its only active one
//   D3  cards and rows belong together one to one, and the report says the same as the register
//   D4  no PIN is lost: each card opens with the PIN of its row, and each PIN is once in the final letters
//   D5  the journal is whole

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type BatchReport, reportOf } from "../../../host-tools/desk/batch/report.js";
import { closeBatch } from "../../../host-tools/desk/register/batches.js";
import { verifyJournal } from "../../../host-tools/desk/register/journal.js";
import { currentKeys } from "../../../host-tools/desk/register/keys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import type { Card } from "../../../sim/core/card.js";
import { blankCard, login } from "../../support/cards.js";
import { KEYS, newRegister, SUITE } from "../../support/openregister.js";
import { pagesOf } from "../../support/pdf.js";
import { statusOf } from "../../support/seeding.js";
import { dsc } from "../../support/simprocess.js";
import { type Disturbances, RandomBench } from "./bench.js";

const PORTS = 8;
const CHALLENGE = "271828";
const LETTERS = "letters.pdf";
/** On a letter only the digits of a PIN are this high (mm). */
const LARGE = 8;

export interface DeskCase {
  /** The place for the register: a file that does not exist yet, or the URL of an empty schema. */
  readonly where: string;
  /** For the files of the run. */
  readonly folder: string;
  readonly cards: number;
  readonly seed: number;
}

export interface DeskResult {
  readonly disturbances: Disturbances;
  /** The broken promises, one line each. */
  readonly wrong: readonly string[];
}

/** Seeds a batch and checks what must hold. */
export async function runDesk({ where, folder, cards: count, seed }: DeskCase): Promise<DeskResult> {
  const register = await newRegister(where);
  const cards = Array.from({ length: count }, (_, at) => blankCard({ seed: seed * 100_000 + at }));
  const named = await Promise.all(cards.map(async (card) => ({ card, id: (await statusOf(card)).id ?? "" })));
  const bench = new RandomBench(folder, PORTS, named, seed);
  try {
    const wrong: string[] = [];
    const { site, desk, transport } = openers(where, folder);
    const args = ["personalize", "--batch", listFile(folder, count), ...desk, ...site, ...transport];
    const { code, last } = await bench.run(args, async () => void wrong.push(...(await unbound(register, cards))));
    // Print papers once and not after each kill, because loading the printing code takes longer than seeding a card.
    const papers =
      code === 0
        ? await dsc(["batch", "report", folder, "--batch", "1", "--pin-letters", join(folder, LETTERS), ...desk])
        : undefined;
    if (code !== 0) wrong.push(`the tool ended with ${code}: ${last}`, ...(await failedRows(register, bench)));
    else if (papers?.code !== 0) wrong.push(`the report ended with ${papers?.code}: ${papers?.stderr}`);
    else wrong.push(...(await judge(where, folder, cards)));
    return { disturbances: bench.disturbances, wrong };
  } finally {
    bench.close();
    await register.close();
  }
}

/** Why rows failed, and what was seen at the port before. */
async function failedRows({ engine }: Register, bench: RandomBench): Promise<string[]> {
  const rows = await engine.read((db) =>
    db.selectFrom("batch_rows").selectAll().where("state", "=", "failed").execute(),
  );
  return rows.flatMap(({ card_id, serial, why }) => [
    `${serial} of card ${card_id} failed: ${why}`,
    ...bench.before("failed", card_id ?? ""),
  ]);
}

/** Some PINs are given, most are drawn. */
function listFile(folder: string, count: number): string {
  const rows = Array.from({ length: count }, (_, at) => `,user${at},,${at % 5 === 0 ? "8352" : ""},,,`);
  return put(folder, "cards.csv", ["serial,user,suite,pin,pin_check,tries,key", ...rows].join("\n"));
}

/** Options that open the register, and the transport keys. */
function openers(where: string, folder: string) {
  const key = (kind: keyof typeof KEYS) => [`--${kind}-key`, put(folder, `${kind}.key`, KEYS[kind].toString("hex"))];
  return {
    desk: ["--register", where, ...key("desk"), ...key("journal")],
    site: key("site"),
    transport: ["--transport", put(folder, "transport.key", "00112233445566778899aabbccddeeff\n")],
  };
}

function put(folder: string, name: string, contents: string): string {
  const path = join(folder, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

/** D1. */
async function unbound({ engine }: Register, cards: readonly Card[]): Promise<string[]> {
  const bound = await engine.read((db) => db.selectFrom("cards").select(["card_id", "serial"]).execute());
  const wrong: string[] = [];
  for (const card of cards) {
    const { id, life } = await statusOf(card);
    if (life !== "blank" && !bound.some((row) => row.card_id === id))
      wrong.push(`D1: card ${id} is ${life} and bound to nothing`);
  }
  return wrong;
}

async function judge(where: string, folder: string, cards: readonly Card[]): Promise<string[]> {
  const register = await Register.open(await openEngine(where), { ...KEYS }, "anna");
  try {
    const report = await reportOf(register, 1);
    const written = JSON.parse(readFileSync(join(folder, "batch-1.json"), "utf8")) as BatchReport;
    const letters = lettersIn(join(folder, LETTERS));
    const wrong = [...reportFaults(report, cards.length), ...letterFaults(report, letters)];
    if (!isDeepStrictEqual(written.cards, report.cards)) wrong.push("D3: the report that was written is another one");
    for (const card of cards) wrong.push(...(await cardFaults(register, report, letters, card)));
    wrong.push(...(await keyFaults(register, cards.length)));
    const journal = await register.engine.read((db) => verifyJournal(db, register.journal));
    wrong.push(...journal.findings.map(({ message }) => `D5: ${message}`));
    await closeBatch(register, 1, { unfinished: false, withoutLetters: false });
    return wrong;
  } finally {
    await register.close();
  }
}

/** The PINs in the file of letters: a list for each serial number. */
function lettersIn(path: string): ReadonlyMap<string, readonly string[]> {
  const printed = new Map<string, string[]>();
  for (const { words } of pagesOf(readFileSync(path))) {
    const serial = words.find(({ text }) => /^IB\d{7}$/.test(text))?.text ?? "none";
    // The digits of the PIN are the largest on the page.
    const digits = words.filter(({ text, top, bottom }) => /^\d$/.test(text) && bottom - top > LARGE);
    const pin = digits.map(({ text }) => text).join("");
    printed.set(serial, [...(printed.get(serial) ?? []), pin]);
  }
  return printed;
}

/** D3, of the report. */
function reportFaults({ done, failed, pending, cards, ports }: BatchReport, count: number): string[] {
  const wrong: string[] = [];
  if (done !== count || failed + pending !== 0)
    wrong.push(`D3: ${done} done, ${failed} failed, ${pending} pending of ${count}`);
  if (new Set(cards.map(({ serial }) => serial)).size !== count) wrong.push("D3: a serial number is in two rows");
  if (new Set(cards.map(({ cardId }) => cardId)).size !== count) wrong.push("D3: a card is in two rows");
  const seeded = ports.reduce((sum, port) => sum + port.done, 0);
  if (seeded !== count) wrong.push(`D3: the ports have seeded ${seeded} cards`);
  return wrong;
}

/** D4, of the letters. */
function letterFaults({ cards }: BatchReport, letters: ReadonlyMap<string, readonly string[]>): string[] {
  const wrong = cards
    .filter(({ serial }) => letters.get(serial ?? "")?.length !== 1)
    .map(({ serial }) => `D4: ${serial} has ${letters.get(serial ?? "")?.length ?? 0} letters`);
  return letters.size === cards.length ? wrong : [...wrong, `D4: ${letters.size} letters for ${cards.length} cards`];
}

/** D2 to D4, of a card. */
async function cardFaults(
  register: Register,
  { cards }: BatchReport,
  letters: ReadonlyMap<string, readonly string[]>,
  card: Card,
): Promise<string[]> {
  const { id, serial = "", life } = await statusOf(card);
  const row = cards.find(({ cardId }) => cardId === id);
  if (life !== "personalized") return [`D2: card ${id} is ${life}`];
  if (row?.serial !== serial) return [`D3: card ${id} is ${serial}, and its row says ${row?.serial}`];
  const keys = await register.engine.read((db) => currentKeys(db, register, serial));
  const [pin = ""] = letters.get(serial) ?? [];
  const response = login(card, pin, CHALLENGE);
  if (response === undefined) return [`D4: ${serial} does not open with the PIN of its letter`];
  const expected = keys && ocra(SUITE, keys.token, { challenge: CHALLENGE });
  return response === expected ? [] : [`D2: ${serial} answers ${response}, and its key gives ${expected}`];
}

/** D2, of the register: one active token key for each card, and no key for two. */
async function keyFaults({ engine }: Register, count: number): Promise<string[]> {
  const keys = await engine.read((db) =>
    db
      .selectFrom("keys")
      .select(["serial", "fingerprint"])
      .where("field", "=", "token")
      .where("opener", "=", "site")
      .where("state", "=", "active")
      .execute(),
  );
  const wrong: string[] = [];
  if (keys.length !== count) wrong.push(`D2: ${keys.length} active token keys for ${count} cards`);
  if (new Set(keys.map(({ serial }) => serial)).size !== count) wrong.push("D2: a card has two active token keys");
  if (new Set(keys.map(({ fingerprint }) => fingerprint.toString("hex"))).size !== keys.length)
    wrong.push("D2: two cards have one key");
  return wrong;
}
