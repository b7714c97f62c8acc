// Many processes run `dsc verify` on one challenge at once, every other one in its own PID namespace where that is allowed.
// They wait for each other before their writing transaction, and exactly one says `accepted`. On a busy machine others may
// time out with an error that says so.

import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { issueChallenge } from "../../../host-tools/desk/register/challenges.js";
import { change } from "../../../host-tools/desk/register/change.js";
import type { EngineKind } from "../../../host-tools/desk/register/engine.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { until } from "../../support/deadline.js";
import { KEYS, keysFor, newRegister, putCard, SUITE } from "../../support/openregister.js";
import { UNSHARE } from "../../support/pidnamespace.js";
import { PostgresServer } from "../../support/postgres.js";
import { scratchFolder } from "../../support/scratch.js";
import type { Orders } from "../hostside/orders.js";
import { type Launcher, REAL } from "../hostside/simulatedbench.js";
import type { Verdict } from "./promises.js";

const SERIAL = "IB3000123";
const CARD_ID = "00112233445566aa";
const PRELOAD = fileURLToPath(new URL("../hostside/preload.js", import.meta.url));
/** Longer than it takes to start all processes on a busy machine (ms). */
const EXPIRES_LATER = 3_600_000;
/** How a writing transaction begins. */
const WRITING: Record<EngineKind, string> = {
  sqlite: "BEGIN IMMEDIATE",
  postgres: "BEGIN ISOLATION LEVEL SERIALIZABLE",
};

/** Runs `count` processes on one engine. */
export async function runRace(kind: EngineKind, count: number, launcher: Launcher = REAL): Promise<Verdict> {
  const folder = scratchFolder();
  if (kind === "sqlite") return race(folder, join(folder, "desk.db"), kind, count, launcher);
  // Each process holds a connection while it waits.
  const server = await PostgresServer.start({ settings: [`max_connections = ${2 * count + 20}`] });
  try {
    return await race(folder, await server.database(), kind, count, launcher);
  } finally {
    server.remove();
  }
}

async function race(
  folder: string,
  where: string,
  kind: EngineKind,
  count: number,
  launcher: Launcher,
): Promise<Verdict> {
  const args = await challengeIn(where, folder);
  mkdirSync(join(folder, "log"));
  const file = join(folder, "go");
  if (spawnSync("mkfifo", [file]).status !== 0) throw new Error(`mkfifo ${file}`);
  const runs = Array.from({ length: count }, (_, index) => {
    const log = join(folder, "log", String(index));
    const apart = index % 2 === 0 ? (UNSHARE ?? []) : [];
    const orders: Orders = { log, gate: { statement: WRITING[kind], file } };
    return { log, ended: verify([...apart, process.execPath, "--import", PRELOAD, launcher, ...args], orders) };
  });
  let ended = 0;
  for (const run of runs) void run.ended.then(() => ended++);
  const waiting = () => runs.filter(({ log }) => existsSync(log) && readFileSync(log).length > 0).length;
  let gate = -1;
  try {
    await until(() => waiting() + ended >= count, "all processes wait for each other", 50);
  } finally {
    // Open the gate in any case, so that no process waits for ever.
    gate = openSync(file, "r+");
  }
  const said = await Promise.all(runs.map((run) => run.ended));
  closeSync(gate);
  return judge(said);
}

/** Makes a register with a card and an open challenge. Returns the arguments of `dsc verify` for the right response. */
async function challengeIn(where: string, folder: string): Promise<string[]> {
  const register = await newRegister(where);
  const { key, ...keys } = keysFor();
  await putCard(register, SERIAL, "active", { card_id: CARD_ID });
  await change(register, (one) => bindKeys(one, { serial: SERIAL, cardId: CARD_ID, key, ...keys }));
  const challenge = await change(register, (one) => issueChallenge(one, SERIAL));
  await register.engine.write((db) =>
    db
      .updateTable("challenges")
      .set((column) => ({ expires: column("expires", "+", EXPIRES_LATER) }))
      .execute(),
  );
  await register.close();
  const siteKey = join(folder, "site.key");
  writeFileSync(siteKey, KEYS.site.toString("hex"), { mode: 0o600 });
  const answer = ["--challenge", challenge, "--response", ocra(SUITE, key, { challenge })];
  return ["verify", "--register", where, "--site-key", siteKey, "--serial", SERIAL, ...answer];
}

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function verify([program = "", ...args]: readonly string[], orders: Orders): Promise<Said> {
  const env = { PATH: process.env.PATH, DSC_EVIDENCE: JSON.stringify(orders) };
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Exactly one process says accepted. Each other one says refused, or reports that the wait timed out. */
function judge(said: readonly Said[]): Verdict {
  const accepted = said.filter(({ code, stdout }) => code === 0 && stdout === "accepted\n").length;
  if (accepted !== 1) return `R9: ${accepted} of ${said.length} processes said accepted`;
  const other = said.find((one) => one.code !== 0 && !isRefused(one) && !waitedInVain(one));
  return other && `R9: exit code ${other.code}: ${other.stderr.trimEnd()}`;
}

const isRefused = ({ code, stdout }: Said) => code === 1 && stdout === "refused\n";
const waitedInVain = ({ code, stdout, stderr }: Said) => code === 6 && stdout === "" && /other processes/.test(stderr);
