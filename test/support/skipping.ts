// Tests with requirements that not every machine meets: they are skipped there.

import { existsSync } from "node:fs";
import { skip, skipWithout, suite, type Test } from "./suite.js";

type Body = Parameters<Test>[1];

/** A reason to skip tests that need a POSIX shell, signals, permissions or pseudo-terminals. */
export const ON_WINDOWS = process.platform === "win32" ? "Windows has nothing of the kind" : undefined;
/** A reason to skip tests that need a full disk. */
export const NO_FULL_DISK = existsSync("/dev/full") ? undefined : "there is no /dev/full";

/** A test that is skipped if there is a reason. */
export function testUnless(test: Test, reason: string | undefined, name: string, body: Body): void {
  test(name, reason === undefined ? body : () => skip(reason));
}

/** A reason to skip tests that need permissions which apply to the user. */
export const UNBOUND = ON_WINDOWS ?? (process.getuid?.() === 0 ? "permissions do not bind the superuser" : undefined);

/** A suite whose tests are skipped if there is a reason. */
export function suiteUnless(reason: string | undefined, title: string): Test {
  const inner = suite(title);
  const test = (name: string, body: Body) => testUnless(inner, reason, name, body);
  return Object.assign(test, { only: inner.only, before: inner.before, after: inner.after, run: inner.run });
}

/** A test that needs Debian packages; `missing` says how to install them, or is undefined if all are installed. */
export function packageTest(test: Test, missing: string | undefined, name: string, body: Body): void {
  test(name, missing === undefined ? body : () => skipWithout(missing));
}
