// Traces are created and continued, and never written into another kind of file.

import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Link } from "../../../host-tools/card/link.js";
import { Trace } from "../../../host-tools/card/trace.js";
import { FileError } from "../../../host-tools/files/errors.js";
import { FakeCard, FakeClock } from "../../support/fakecard.js";
import { scratchFolder } from "../../support/scratch.js";
import { ON_WINDOWS, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("trace");

const FOLDER = scratchFolder();
let files = 0;
const newPath = () => join(FOLDER, String(++files));

/** One hello, traced. */
async function traceHello(path: string, now?: () => Date): Promise<void> {
  const clock = new FakeClock();
  const link = new Link(new FakeCard(), { timer: clock.timer });
  const trace = new Trace(path, now);
  trace.watch(link, "card");
  await clock.until(link.hello());
  trace.close();
}

test("only the owner can read a trace, and the next run appends to it", async () => {
  const path = newPath();
  await traceHello(path);
  if (process.platform !== "win32") assert.is(statSync(path).mode & 0o777, 0o600);
  const first = readFileSync(path, "utf8");
  assert.match(first, /^\S+Z card > hello\n\S+Z card < protocol version \d\n$/);
  await traceHello(path);
  assert.is(readFileSync(path, "utf8").indexOf(first), 0);
  assert.is(readFileSync(path, "utf8").split("\n").length, 5);
});

test("a file that is no trace is not changed", () => {
  const folder = newPath();
  mkdirSync(folder);
  assert.throws(
    () => new Trace(folder),
    (error: unknown) => error instanceof FileError && /folder/.test(error.message),
  );
  for (const contents of ["secret", `${"0".repeat(32)}\n`, '<?xml version="1.0"?>']) {
    const path = newPath();
    writeFileSync(path, contents, { mode: 0o600 });
    assert.throws(
      () => new Trace(path),
      (error: unknown) => error instanceof FileError && /is not a trace/.test(error.message),
    );
    assert.is(readFileSync(path, "utf8"), contents);
  }
});

testUnless(test, ON_WINDOWS, "nothing is appended to a trace that others may read", async () => {
  const path = newPath();
  await traceHello(path);
  chmodSync(path, 0o644);
  assert.throws(
    () => new Trace(path),
    (error: unknown) => error instanceof FileError && /chmod 600/.test(error.message),
  );
});

test("a full disk interrupts nothing and is reported at the end", async () => {
  const path = newPath();
  const full = () => {
    throw Object.assign(new Error(), { code: "ENOSPC" });
  };
  try {
    await traceHello(path, full);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, FileError);
    assert.is((error as FileError).message, `${path}: cannot write it: the disk is full`);
  }
});

test.run();
