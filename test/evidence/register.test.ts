// The register campaign in its short form, and mutants that it must notice. evidence/register.ts has the whole campaign.

import * as assert from "uvu/assert";
import { NO_POSTGRES } from "../support/postgres.js";
import { packageTest, testUnless } from "../support/skipping.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { withMutant } from "./hostside/mutants.js";
import { courseOf, watched } from "./register/courses.js";
import { runCut } from "./register/cuts.js";
import { Disk, type DiskEvent, seeded } from "./register/disk.js";
import { runKill } from "./register/kills.js";
import { judgeLeftover, leftoversOf, runDiskKill, runFullDisk } from "./register/losses.js";
import { MUTANTS } from "./register/mutants.js";
import { FLOWS, type Flow } from "./register/scenes.js";
import { SKIPPED } from "./register.js";

const test = suite("register");

const [FRESH, ORDER, RESEED] = FLOWS as readonly [Flow, Flow, Flow];
/** The number of moments tried in the short form. A case takes 1 s of CPU time as a `dsc` process, 0.1 s in this process. */
const SOME = 5;

function some<T>(list: readonly T[]): T[] {
  const step = Math.max(1, Math.floor(list.length / SOME));
  return list.filter((_, index) => index % step === step >> 1).slice(0, SOME);
}

/** The number (from 1) of the middle entry among those of a kind. */
function middle<K extends string>(list: readonly { readonly kind: K }[], kind: K): number {
  const numbers = list.flatMap((one, index) => (one.kind === kind ? [index + 1] : []));
  const found = numbers[numbers.length >> 1];
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

testUnless(
  test,
  SKIPPED,
  "after a kill or a loss of power at any moment the card's keys are in the register, and the same command finishes",
  async () => {
    for (const flow of FLOWS) {
      const course = await watched(flow);
      const kinds = new Set(course.operations.map(({ kind }) => kind));
      assert.equal([...kinds].sort(), ["create", "frame", "print", "remove", "sync", "truncate", "write"], flow.name);
      const leftovers = leftoversOf(course, 1);
      assert.ok(leftovers.length > 100, `${flow.name}: ${leftovers.length}`);
      for (const leftover of some(leftovers)) assert.is(await judgeLeftover(leftover), undefined, leftover.id);
    }
  },
);

testUnless(test, SKIPPED, "after a kill at a statement or a sync the same command finishes", async () => {
  const steps = await courseOf(FRESH, "sqlite");
  // Kills at frames are covered elsewhere: by the mutants below, and by the disk images of every frame.
  const at = middle(steps, "statement");
  assert.equal(await runKill(FRESH, "sqlite", at), { killed: true, wrong: undefined });
  const { operations } = await watched(ORDER);
  assert.is(await runDiskKill(ORDER, middle(operations, "sync")), undefined);
});

packageTest(test, NO_POSTGRES ?? SKIPPED, "the same holds on PostgreSQL, and when its connection is cut", async () => {
  const steps = await courseOf(RESEED, "postgres");
  for (const kind of ["statement", "frame"] as const)
    assert.equal(await runKill(RESEED, "postgres", middle(steps, kind)), { killed: true, wrong: undefined }, kind);
  const statements = steps.filter(({ kind }) => kind === "statement").length;
  assert.is(await runCut(RESEED, { at: statements >> 1, when: "before" }), undefined);
  assert.is(await runCut(RESEED, { at: Math.floor(statements * 0.8), when: "after" }), undefined);
});

testUnless(
  test,
  SKIPPED,
  "a full disk is reported in one line, and once there is room the same command finishes",
  async () => {
    const { writes } = await watched(FRESH);
    const first = writes.findIndex(({ kind }) => kind === "memory") + 1;
    const late = writes.findLastIndex(({ kind }, index) => kind === "write" && index < writes.length - SOME) + 1;
    for (const at of [first, late]) assert.is(await runFullDisk(FRESH, at), undefined, `${at}`);
  },
);

test("a disk keeps what was synced, and any of the other sectors", () => {
  const event = (kind: DiskEvent["kind"], name: string, offset = 0, data = ""): DiskEvent => ({
    ...{ kind, path: `/desk/${name}`, offset, data: Buffer.from(data) },
  });
  const disk = new Disk({ db: Buffer.from("old") });
  disk.do(event("create", "log"));
  disk.do(event("write", "log", 0, "first"));
  disk.do(event("sync", "log"));
  assert.equal(disk.synced, { db: Buffer.from("old") }, "a file's name is on the disk once its folder is synced");
  disk.do(event("sync", ""));
  disk.do(event("write", "log", 510, "abcd"));
  assert.equal(disk.synced, { db: Buffer.from("old"), log: Buffer.from("first") });
  assert.is(disk.killed.log?.length, 514);
  const lost = new Set(Array.from({ length: 50 }, (_, seed) => Buffer.from(disk.lost(seeded(seed)).log as Uint8Array)));
  const ends = new Set([...lost].map((log) => log.subarray(510).toString("latin1")));
  assert.equal([...ends].sort(), ["", "\0\0cd", "ab", "abcd"]);
  disk.do(event("truncate", "log", 2));
  disk.do(event("sync", "log"));
  disk.do(event("remove", "db"));
  assert.equal(disk.killed, { log: Buffer.from("fi") });
  assert.equal(disk.synced, { db: Buffer.from("old"), log: Buffer.from("fi") });
});

for (const mutant of tried(MUTANTS)) {
  packageTest(test, NO_POSTGRES ?? SKIPPED, `noticed if it does not hold: ${mutant.breaks}`, async () => {
    assert.match((await withMutant(mutant, mutant.notice)) ?? "nothing was noticed", mutant.says);
  });
}

test.run();
