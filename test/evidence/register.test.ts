// The register's campaign in its short form, and mutants that it must notice (evidence/register.ts has the whole).

import * as assert from "uvu/assert";
import { NO_POSTGRES } from "../support/postgres.js";
import { packageTest, testUnless } from "../support/skipping.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { withMutant } from "./hostside/mutants.js";
import { runCut } from "./register/cuts.js";
import { Disk, type DiskEvent, seeded } from "./register/disk.js";
import { courseOf, runKill } from "./register/kills.js";
import { judgeLeftover, leftoversOf, runDiskKill, runFullDisk, watched } from "./register/losses.js";
import { MUTANTS } from "./register/mutants.js";
import { FLOWS, type Flow } from "./register/scenes.js";
import { SKIPPED } from "./register.js";

const test = suite("register");

const [FRESH, ORDER, RESEED] = FLOWS as readonly [Flow, Flow, Flow];
/** Of many moments, in the short form. */
const SOME = 6;

function some<T>(list: readonly T[], count = SOME): T[] {
  const step = Math.max(1, Math.floor(list.length / count));
  return list.filter((_, index) => index % step === step >> 1);
}

testUnless(
  test,
  SKIPPED,
  "whatever a kill or a loss of power leaves, the card's keys are there, and the same command finishes",
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

testUnless(test, SKIPPED, "killed at a statement, a frame or a sync, the same command finishes", async () => {
  const operations = await courseOf(FRESH, "sqlite");
  assert.ok(operations.some(({ kind }) => kind === "statement"));
  assert.ok(operations.some(({ kind }) => kind === "frame"));
  for (const at of some(
    operations.map((_, index) => index + 1),
    3,
  )) {
    assert.equal(await runKill(FRESH, "sqlite", at), { killed: true, wrong: undefined }, `${at}`);
  }
  const { operations: done } = await watched(ORDER);
  const syncs = done.flatMap(({ kind }, index) => (kind === "sync" ? [index + 1] : []));
  for (const at of some(syncs, 1)) assert.is(await runDiskKill(ORDER, at), undefined, `${at}`);
});

packageTest(test, NO_POSTGRES ?? SKIPPED, "the same on PostgreSQL, whose connection may be cut", async () => {
  const operations = await courseOf(RESEED, "postgres");
  const statements = operations.filter(({ kind }) => kind === "statement").length;
  for (const at of some(
    operations.map((_, index) => index + 1),
    2,
  ))
    assert.equal(await runKill(RESEED, "postgres", at), { killed: true, wrong: undefined }, `${at}`);
  for (const [index, at] of some(
    Array.from({ length: statements }, (_, index) => index + 1),
    2,
  ).entries())
    assert.is(await runCut(RESEED, { at, when: index % 2 === 0 ? "before" : "after" }), undefined, `${at}`);
});

testUnless(
  test,
  SKIPPED,
  "a full disk is said so in a line, and with room again the same command finishes",
  async () => {
    const { writes } = await watched(FRESH);
    for (const kind of ["memory", "write"] as const) {
      const first = writes.findIndex((write) => write.kind === kind);
      assert.is(await runFullDisk(FRESH, first + 1), undefined, kind);
    }
    assert.is(await runFullDisk(FRESH, writes.length - SOME), undefined);
  },
);

test("a disk keeps what was synced, and of the rest any sectors", () => {
  const event = (kind: DiskEvent["kind"], name: string, offset = 0, data = ""): DiskEvent => ({
    ...{ kind, path: `/desk/${name}`, offset, data: Buffer.from(data) },
  });
  const disk = new Disk({ db: Buffer.from("old") });
  disk.do(event("create", "log"));
  disk.do(event("write", "log", 0, "first"));
  disk.do(event("sync", "log"));
  assert.equal(disk.synced, { db: Buffer.from("old") }, "the name of a file is the folder's to keep");
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
  packageTest(test, NO_POSTGRES ?? SKIPPED, `noticed: not so that ${mutant.breaks}`, async () => {
    assert.match((await withMutant(mutant, mutant.notice)) ?? "nothing was noticed", mutant.says);
  });
}

test.run();
