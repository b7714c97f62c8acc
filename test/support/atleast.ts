// Guards against loops that check nothing.

import * as assert from "uvu/assert";

/** The items; it fails where there are fewer than `least`. For a loop of expectations, which passes where it runs over none. */
export function atLeast<T>(least: number, items: Iterable<T>): T[] {
  const all = [...items];
  assert.ok(all.length >= least, `${all.length} instead of ${least} or more`);
  return all;
}
