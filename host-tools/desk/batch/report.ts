// The report of a batch: its cards, its ports, and the signed head of the journal that confirms it.

import { join } from "node:path";
import { csvLine } from "../../files/csv.js";
import { replaceAtomically } from "../../files/files.js";
import { type Batch, type BatchCounts, type BatchRow, batchOf, countRows, rowsOf } from "../register/batches.js";
import { signHead } from "../register/journal.js";
import { headInJson } from "../register/journalhead.js";
import type { Register } from "../register/register.js";

/** A card as the report shows it. */
export interface ReportedCard {
  /** The line of the file, or the number of the order. */
  readonly line: number;
  readonly serial: string | null;
  readonly user: string | null;
  readonly order: number | null;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  readonly tries: number;
  readonly state: BatchRow["state"];
  readonly why: string | null;
  readonly cardId: string | null;
  /** The bench where it was last tried. */
  readonly bench: string | null;
  /** From its first command to its end; null: the card is not done. */
  readonly seconds: number | null;
  readonly attempts: number;
}

/** A port of a bench. */
export interface ReportedPort {
  readonly bench: string;
  readonly done: number;
  readonly failed: number;
  /** Mean over the cards that are done; null: no card is done. */
  readonly secondsPerCard: number | null;
  /** The share of tried cards that are done: 0 to 1. */
  readonly yield: number;
}

export interface BatchReport extends BatchCounts {
  readonly batch: number;
  readonly source: Batch["source"];
  readonly state: "open" | "finished" | "closed";
  readonly opened: string;
  /** The PINs that are not yet in any letters file. */
  readonly unlettered: number;
  readonly cards: readonly ReportedCard[];
  readonly ports: readonly ReportedPort[];
  readonly head: ReturnType<typeof headInJson>;
}

/** The report of a batch. The register needs its journal key. */
export async function reportOf(register: Register, number: number): Promise<BatchReport> {
  const { engine, journal } = register;
  const now = await engine.now();
  return engine.read(async (db) => {
    const batch = await batchOf(db, number);
    const rows = await rowsOf(db, number);
    const attempts = await db.selectFrom("batch_attempts").selectAll().where("batch_number", "=", number).execute();
    const ofRow = grouped(attempts, ({ row_number }) => row_number);
    const ofBench = grouped(attempts, ({ bench }) => bench);
    const signed = await signHead(db, journal, now);
    return {
      batch: number,
      source: batch.source,
      state: stateOf(batch),
      opened: new Date(batch.opened).toISOString(),
      ...(await countRows(db, number)),
      unlettered: rows.filter(({ state, pin, lettered }) => state === "done" && pin && !lettered).length,
      cards: rows.map((row) => cardOf(row, ofRow.get(row.number) ?? [])),
      ports: [...ofBench].map(([bench, tried]) => portOf(bench, tried)).sort((a, b) => (a.bench < b.bench ? -1 : 1)),
      head: headInJson({ ...signed, publicKey: journal.publicKey }),
    };
  });
}

export function stateOf({ state, finished }: Pick<Batch, "state" | "finished">): BatchReport["state"] {
  return state === "open" && finished !== null ? "finished" : state;
}

type Tried = {
  readonly bench: string;
  readonly began: number;
  readonly ended: number;
  readonly result: "done" | "failed";
};

function cardOf(row: BatchRow, tried: readonly Tried[]): ReportedCard {
  const done = tried.find(({ result }) => result === "done");
  return {
    ...{ line: row.line, serial: row.serial, user: row.user_name, order: row.order_number, suite: row.suite },
    ...{ pinCheck: row.pin_check, tries: row.tries, state: row.state, why: row.state === "done" ? null : row.why },
    ...{ cardId: row.card_id, bench: tried.at(-1)?.bench ?? null, seconds: done ? secondsOf(done) : null },
    attempts: tried.length,
  };
}

function portOf(bench: string, tried: readonly Tried[]): ReportedPort {
  const done = tried.filter(({ result }) => result === "done");
  const seconds = done.reduce((sum, each) => sum + secondsOf(each), 0);
  return {
    ...{ bench, done: done.length, failed: tried.length - done.length },
    secondsPerCard: done.length === 0 ? null : rounded(seconds / done.length),
    yield: rounded(done.length / tried.length),
  };
}

function grouped<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function secondsOf({ began, ended }: Tried): number {
  return rounded((ended - began) / 1000);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const CARD_COLUMNS = [
  ...([
    "line",
    "serial",
    "user",
    "order",
    "suite",
    "pinCheck",
    "tries",
    "state",
    "why",
    "cardId",
    "bench",
    "seconds",
  ] as const),
  "attempts",
] as const;
const PORT_COLUMNS = ["bench", "done", "failed", "secondsPerCard", "yield"] as const;

/**
 * Writes the report into a folder as CSV (cards, ports) and JSON, and the head of the journal in a file that `dsc
 * journal verify` takes. Replaces earlier reports of this batch. Returns the files.
 */
export function writeReport(folder: string, report: BatchReport): string[] {
  const { batch, cards, ports, head } = report;
  const files = {
    json: `${JSON.stringify(report, null, 2)}\n`,
    "cards.csv": csvLine(CARD_COLUMNS) + cards.map((card) => csvLine(CARD_COLUMNS.map((name) => card[name]))).join(""),
    "ports.csv": csvLine(PORT_COLUMNS) + ports.map((port) => csvLine(PORT_COLUMNS.map((name) => port[name]))).join(""),
    "head.json": `${JSON.stringify(head)}\n`,
  };
  return Object.entries(files).map(([name, contents]) => {
    const path = join(folder, name === "json" ? `batch-${batch}.json` : `batch-${batch}-${name}`);
    replaceAtomically(path, contents);
    return path;
  });
}
