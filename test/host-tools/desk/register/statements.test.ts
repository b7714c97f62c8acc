// Work on one card or one login does not take longer in a large register: by both engines' query plans, each statement finds
// its rows by an index, and the number of statements stays the same. The benchmark runs the statements of a real
// personalization.

import { createRequire } from "node:module";
import pg from "pg";
import * as assert from "uvu/assert";
import { issueChallenge } from "../../../../host-tools/desk/register/challenges.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { addOrder } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import type { Request } from "../../../../host-tools/desk/request.js";
import { acceptOnce } from "../../../../host-tools/site/registerverify.js";
import { seedOne } from "../../../benchmark/register.js";
import { blankCard } from "../../../support/cards.js";
import { onEachEngine, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { attempt, statusOf } from "../../../support/seeding.js";
import { onStatement } from "../../../support/statements.js";
import { suite } from "../../../support/suite.js";

const test = suite("statements");

const REQUEST: Omit<Request, "serial"> = {
  suite: SUITE,
  pinCheck: "card",
  tries: 5,
  pin: "8352",
  transport: pattern(16),
};
/** Tables with a row for each card, order, login or change. */
const GROWING = ["cards", "keys", "claims", "orders", "batches", "challenges", "attempts", "journal"];

/** Added to the clock (ms), since the register stores the latest time only when it has changed. */
const LATER = 5000;

let heard: string[] = [];
onStatement((text) => heard.push(text));

/** The statements of `work`, transactions included. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const mine: string[] = [];
  heard = mine;
  await work();
  heard = [];
  return mine;
}

async function personalize(register: Register, serial: string, more: Partial<Request> = {}, seed = 1): Promise<void> {
  const desk = new SeedingDesk(register, "bench");
  const card = blankCard({ seed });
  const work = () => attempt(card, { ...REQUEST, serial, ...more }, desk);
  await desk.holding(serial, work);
}

/** All work on two cards, one of them seeded twice, and on one login. */
async function work(register: Register): Promise<void> {
  await personalize(register, "IB3000123", {}, 1);
  const desk = new SeedingDesk(register, "bench");
  const card = blankCard({ seed: 2 });
  const { id } = await statusOf(card);
  const next = await desk.serialFor(id);
  await desk.holding(next, () => attempt(card, { ...REQUEST, serial: next }, desk));
  // The second card gets another serial number, and its first keys are abandoned.
  const order = { userName: "jane", suite: SUITE, pinCheck: "card", tries: 5, pin: Buffer.from("8352") } as const;
  const number = await change(register, (one) => addOrder(one, order));
  await desk.order(number);
  const serial = await desk.serialOfOrder(number);
  const keys = { transportOld: pattern(16), reseed: true };
  await desk.holding(serial, () => attempt(card, { ...REQUEST, serial, ...keys }, desk));
  const challenge = await change(register, (one) => issueChallenge(one, serial));
  await acceptOnce(register, { serial, challenge, response: "00000000" });
}

/** An insert looks for no rows. */
const looksForRows = (text: string) => /^(select|update|delete) /.test(text);

onEachEngine(
  test,
  "every statement of a card and of a login finds its rows by an index",
  async ({ register, where }) => {
    const texts = new Set((await statementsOf(() => work(register))).filter(looksForRows));
    assert.ok(texts.size > 15, `only ${texts.size} statements were heard`);
    const plansOf = register.engine.kind === "sqlite" ? plansOfSqlite : plansOfPostgres;
    const plans = await plansOf(where, [...texts]);
    for (const [text, plan] of plans)
      for (const table of GROWING) assert.not.match(plan, new RegExp(`\\b(SCAN|Seq Scan on) "?${table}\\b`), text);
    const [[, scan] = ["", ""]] = await plansOf(where, ["select * from journal where actor = 'anna'"]);
    assert.match(scan, /\b(SCAN|Seq Scan on) journal\b/, "a statement without an index is recognised");
  },
);

async function plansOfSqlite(where: string, texts: readonly string[]): Promise<[text: string, plan: string][]> {
  const Libsql = createRequire(import.meta.url)("libsql");
  const database = new Libsql(where);
  try {
    return texts.map((text) => {
      const rows = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all([]) as { detail: string }[];
      return [text, rows.map(({ detail }) => detail).join("\n")];
    });
  } finally {
    database.close();
  }
}

/** Sequential scans are switched off, because the planner prefers them for tables without rows. */
async function plansOfPostgres(where: string, texts: readonly string[]): Promise<[text: string, plan: string][]> {
  const client = new pg.Client({ connectionString: where });
  await client.connect();
  try {
    await client.query("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan");
    const plans: [string, string][] = [];
    for (const [index, text] of texts.entries()) {
      const count = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
      const nothing = count === 0 ? "" : `(${Array(count).fill("null").join(", ")})`;
      await client.query(`PREPARE one${index} AS ${text}`);
      const { rows } = await client.query(`EXPLAIN EXECUTE one${index}${nothing}`);
      plans.push([text, rows.map((row) => row["QUERY PLAN"]).join("\n")]);
    }
    return plans;
  } finally {
    await client.end();
  }
}

onEachEngine(
  test,
  "a personalization runs the same statements in a register with many cards as in an empty one",
  async ({ register, clock }) => {
    clock.now += LATER;
    const first = await statementsOf(() => seedOne(register, "IB3000123"));
    for (let number = 0; number < 30; number++) await seedOne(register, `IB40000${10 + number}`);
    clock.now += LATER;
    assert.equal(await statementsOf(() => seedOne(register, "IB3000124")), first);
  },
);

onEachEngine(test, "the benchmark runs the same statements as a personalization", async ({ register, clock }) => {
  clock.now += LATER;
  const real = await statementsOf(() => personalize(register, "IB3000123"));
  clock.now += LATER;
  assert.equal(await statementsOf(() => seedOne(register, "IB3000124")), real);
});

test.run();
