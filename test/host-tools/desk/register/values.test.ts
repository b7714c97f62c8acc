// The check of a statement's parameters that both engines use.

import * as assert from "uvu/assert";
import { checkedParameters, countPlaceholders } from "../../../../host-tools/desk/register/values.js";
import { suite } from "../../../support/suite.js";

const test = suite("values of the register");

const STATEMENTS: readonly (readonly [string, number])[] = [
  ["select 1", 0],
  ["select ?", 1],
  ["insert into t values (?, ?, ?)", 3],
  ["select $1, $2, $1", 2],
  ["select $12", 12],
  ["select '?', '$1', 'it''s ?', ?", 1],
  ['select "a?b", "c""?", ?', 1],
  ["select '?", 1],
];

for (const [statement, count] of STATEMENTS)
  test(`${statement} takes ${count} parameters`, () => {
    assert.is(countPlaceholders(statement), count);
    checkedParameters(statement, Array(count).fill(null));
    assert.throws(() => checkedParameters(statement, Array(count + 1).fill(null)), /placeholders/);
  });

test("no error contains a parameter's value", () => {
  for (const value of ["secret\0", 123456.789, { secret: 1 }])
    try {
      checkedParameters("select ?", [value]);
      assert.unreachable("taken");
    } catch (error) {
      assert.not.match((error as Error).message, /secret|123456/);
    }
});

test.run();
