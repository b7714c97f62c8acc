// The register of a bench: a file with its own keys. A copy of it is read, so that the check changes nothing.

import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { change } from "../../../host-tools/desk/register/change.js";
import { checkRegister } from "../../../host-tools/desk/register/check.js";
import { readEntries } from "../../../host-tools/desk/register/journal.js";
import type { Entry } from "../../../host-tools/desk/register/journalchain.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import type { CardState, KeyState } from "../../../host-tools/desk/register/schema.js";
import { KEYS, keysFor, newRegister, putCard } from "../../support/openregister.js";
import type { Files } from "./simulatedbench.js";

/** One version of a card's keys, with the card's settings in the register. */
export interface KeptKeys {
  readonly serial: string;
  readonly cardState: CardState;
  readonly suite: string;
  readonly tries: number;
  readonly state: KeyState;
  readonly key: Buffer;
  readonly unlockKey: Buffer;
}

/** The contents of a register. */
export interface Contents {
  readonly keys: readonly KeptKeys[];
  readonly entries: readonly Entry[];
  /** Faults of the register, one line each. */
  readonly findings: readonly string[];
}

/** The files of a bench that has a register: the database, and its keys. */
export const REGISTER = "desk.db";
export const CUSTODY: Files = Object.fromEntries(
  Object.entries(KEYS).map(([kind, key]) => [`${kind}.key`, Buffer.from(`${key.toString("hex")}\n`)]),
);

/** The database and its side files, as long as a process has it open. */
const SIDES = ["", "-wal", "-shm"];

/** The options that name the register of a bench; `at` says where its files are. */
export function registerArgs(at: (name: string) => string = (name) => `@${name}`, where = at(REGISTER)): string[] {
  return ["--register", where, ...Object.keys(KEYS).flatMap((kind) => [`--${kind}-key`, at(`${kind}.key`)])];
}

/** The bytes of a new register; `fill` puts something into it. */
export async function registerFile(fill: (register: Register) => Promise<void> = async () => {}): Promise<Buffer> {
  return inFolder(async (folder) => {
    const path = join(folder, REGISTER);
    const register = await newRegister(path);
    await fill(register);
    await register.close();
    return readFileSync(path);
  });
}

/** Adds a card that was seeded with this token key. */
export async function putSeeded(register: Register, serial: string, cardId: string, key?: Buffer): Promise<void> {
  await putCard(register, serial, "seeded");
  await change(register, (each) => bindKeys(each, { serial, cardId, ...keysFor(key) }));
}

/** The contents of the register in the file. Throws if it is not a register, or cannot be opened. */
export function contentsOf(path: string): Promise<Contents> {
  return inFolder(async (folder) => {
    const copy = join(folder, REGISTER);
    for (const side of SIDES) if (existsSync(`${path}${side}`)) copyFileSync(`${path}${side}`, `${copy}${side}`);
    return contentsAt(copy);
  });
}

/** The contents of the register at this path or URL. */
export async function contentsAt(where: string): Promise<Contents> {
  const register = await Register.open(await openEngine(where), { ...KEYS }, "evidence");
  try {
    const { findings } = await checkRegister(register);
    const keys = await keysIn(register);
    return { keys, findings, entries: await register.engine.read((db) => readEntries(db)) };
  } finally {
    await register.close();
  }
}

/** Every version of every card's keys, opened with the site key. */
function keysIn({ engine, site }: Register): Promise<KeptKeys[]> {
  return engine.read(async (db) => {
    const cards = new Map((await db.selectFrom("cards").selectAll().execute()).map((card) => [card.serial, card]));
    const rows = await db.selectFrom("keys").selectAll().where("opener", "=", "site").orderBy("number").execute();
    const opened = rows.map(({ card_id, sealed, ...row }) => {
      const key = site.open(sealed, { ...row, cardId: card_id === "none" ? null : card_id });
      if (!key) throw new Error(`${row.serial}: a key does not open`);
      return { ...row, key };
    });
    return opened.flatMap(({ serial, field, version, state, key }) => {
      const card = cards.get(serial);
      if (field !== "token" || !card) return [];
      const unlock = opened.find((row) => row.serial === serial && row.version === version && row.field === "unlock");
      const { state: cardState, suite, tries } = card;
      return [{ serial, cardState, suite, tries, state, key, unlockKey: unlock?.key ?? Buffer.alloc(0) }];
    });
  });
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "dsc-register-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
