// Guards against loops that check nothing.

import * as assert from "uvu/assert";

/** The items; fails if there are fewer than `least`. A loop of expectations would also pass over an empty list. */
export function atLeast<T>(least: number, items: Iterable<T>): T[] {
  const all = [...items];
  assert.ok(all.length >= least, `${all.length} instead of ${least} or more`);
  return all;
}
