// No secret lies in the clear in what a register writes: the database's files and side files, in use and closed, and a
// server's own log that has every statement and its parameters.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { issueChallenge, spendChallenge } from "../../../../host-tools/desk/register/challenges.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { bindKeys } from "../../../../host-tools/desk/register/keys.js";
import { addOrder, openPin, orderOf } from "../../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { KEYS, keysFor, newRegister, putCard, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { NO_POSTGRES, PostgresServer } from "../../../support/postgres.js";
import { scratchFolder } from "../../../support/scratch.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";

const test = suite("canary");

const SERIAL = "IB3000123";
const GIVEN = pattern(32, 41);
/** Longer than a PIN, so that it is not found by chance. */
const PIN = Buffer.from("a PIN that is a canary");
/** Stored in the clear: if it is not found, the search is wrong. */
const USER = "a user name in the clear";

/** Does everything that gives secrets to the register. Returns the secrets that were drawn. */
async function work(register: Register): Promise<Buffer[]> {
  await putCard(register, SERIAL, "active");
  const card = { serial: SERIAL, cardId: "00112233445566aa" };
  const [drawn, given] = [keysFor(), keysFor(GIVEN)];
  for (const keys of [drawn, given]) await change(register, (each) => bindKeys(each, { ...card, ...keys }));
  const order = { userName: USER, suite: SUITE, pinCheck: "card", tries: 5, pin: PIN } as const;
  const number = await change(register, (each) => addOrder(each, order));
  const { pin, ...rest } = await register.engine.read((db) => orderOf(db, number));
  assert.equal(openPin(register, { ...rest, pin }), PIN);
  const challenge = await change(register, (each) => issueChallenge(each, SERIAL));
  assert.ok(await change(register, (each) => spendChallenge(each, SERIAL, challenge, true)));
  return [Buffer.from(drawn.key), drawn.unlockKey, given.unlockKey, register.deskPrivate()];
}

/** Each secret as bytes, in hexadecimal and in base64. */
function canaries(drawn: readonly Buffer[]): Buffer[] {
  const secrets = [...drawn, GIVEN, PIN, KEYS.site, KEYS.desk, KEYS.journal];
  return secrets.flatMap((secret) => [
    secret,
    Buffer.from(secret.toString("hex")),
    Buffer.from(secret.toString("hex").toUpperCase()),
    Buffer.from(secret.toString("base64").replace(/=+$/, "")),
  ]);
}

/** Searches every file. Returns the number of files with the user name. */
function search(folder: string, found: readonly Buffer[]): number {
  let clear = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    for (const canary of found) assert.not(bytes.includes(canary), `a secret is in ${name}`);
    if (bytes.includes(USER)) clear++;
  }
  return clear;
}

test("no secret is in SQLite's files, in use or closed", async () => {
  const folder = scratchFolder();
  const register = await newRegister(join(folder, "desk.db"));
  const secrets = canaries(await work(register));
  assert.equal(readdirSync(folder).sort(), ["desk.db", "desk.db-shm", "desk.db-wal"]);
  assert.ok(search(folder, secrets) > 0);
  await register.close();
  assert.ok(search(folder, secrets) > 0);
});

packageTest(test, NO_POSTGRES, "no secret is in PostgreSQL's files, or in its log of every statement", async () => {
  const settings = ["log_statement = all", "log_min_duration_statement = 0", "log_parameter_max_length = -1"];
  const server = await PostgresServer.start({ settings });
  try {
    const register = await newRegister(await server.database());
    const secrets = canaries(await work(register));
    await register.close();
    await server.stop();
    assert.match(server.log, USER);
    assert.match(server.log, /insert into "keys"/);
    assert.ok(search(server.data, secrets) > 0);
    assert.ok(search(dirname(server.data), secrets) > 1);
  } finally {
    server.remove();
  }
});

test.run();
