// Claims, on both engines: one bench has a card, another bench gets the name of the first, and an abandoned claim
// expires.

import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import { change } from "../../../../host-tools/desk/register/change.js";
import {
  type Claimant,
  claimantAt,
  claimCard,
  claimOf,
  LEASE,
  releaseCard,
} from "../../../../host-tools/desk/register/claims.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import { NOON, onEachEngine, refusalOf } from "../../../support/openregister.js";
import { suite } from "../../../support/suite.js";

const test = suite("claims");

const SERIAL = "IB3000123";
const ONE = { bench: "window", process: "host 17" };
const OTHER = { bench: "door", process: "host 18" };

const claim = (register: Register, claimant: Claimant) =>
  refusalOf(change(register, (each) => claimCard(each, SERIAL, claimant)));
const release = (register: Register, claimant: Claimant) =>
  change(register, (each) => releaseCard(each, SERIAL, claimant));

onEachEngine(
  test,
  "a card belongs to one bench until it is released, and another bench gets that bench's name",
  async ({ register }) => {
    assert.is((await claim(register, ONE)).reason, "none");
    const { reason, message } = await claim(register, OTHER);
    assert.is(reason, "busy");
    assert.match(message, /^IB3000123: .*at bench window \(host 17\).*2026-11-28T12:03:00.000Z if that bench is dead$/);
    await release(register, OTHER);
    assert.is((await claim(register, OTHER)).reason, "busy");
    await release(register, ONE);
    assert.is((await claim(register, OTHER)).reason, "none");
  },
);

onEachEngine(test, "the next process of a bench takes over the claim of a killed one", async ({ register }) => {
  await claim(register, ONE);
  const next = { ...ONE, process: "host 19" };
  assert.is((await claim(register, next)).reason, "none");
  await release(register, ONE);
  assert.is((await claim(register, OTHER)).reason, "busy", "what is let go is one's own");
  await release(register, next);
  assert.is((await claim(register, OTHER)).reason, "none");
});

/** The number of a process that has ended. */
function endedProcess(): string {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  return String(pid);
}

onEachEngine(
  test,
  "the claim of an ended process keeps out other computers, but no port of its own computer",
  async (rig) => {
    const { register } = rig;
    const at = (host: string, port: string, pid = process.pid) => ({
      ...claimantAt(host, port),
      process: String(pid),
    });
    const left = { ...at("here", "a"), process: endedProcess() };
    await claim(register, left);
    assert.is((await claim(register, at("there", "a"))).reason, "busy", "who is on another computer cannot see that");
    assert.is((await claim(register, at("here", "b"))).reason, "none");
    assert.is((await claim(register, at("here", "c", process.ppid))).reason, "busy", "this process runs");
  },
);

onEachEngine(test, "a bench renews its claim, which ends with its lease", async ({ register, clock }) => {
  await claim(register, ONE);
  clock.now += LEASE - 1;
  assert.is((await claim(register, OTHER)).reason, "busy");
  assert.is((await claim(register, ONE)).reason, "none");
  assert.is((await register.engine.read((db) => claimOf(db, SERIAL)))?.until, NOON + 2 * LEASE - 1);
  clock.now += LEASE;
  assert.is((await claim(register, OTHER)).reason, "none");
  await release(register, ONE);
  assert.is((await claim(register, ONE)).reason, "busy");
});

onEachEngine(test, "of eight benches that claim at once, one succeeds", async ({ register, again }) => {
  const registers = [register, await again(), await again(), await again()];
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, bench) =>
      claim(registers[bench % 4] as Register, { bench: `bench ${bench}`, process: "one" }),
    ),
  );
  const reasons = results.map(({ reason }) => reason).sort();
  assert.equal(reasons, [...Array(7).fill("busy"), "none"]);
  const holder = await register.engine.read((db) => claimOf(db, SERIAL));
  for (const { reason, message } of results)
    if (reason === "busy") assert.match(message, `at bench ${holder?.bench} (one)`);
});

test.run();
