// Mutants are matched apart from comments and white space, each in one place of the firmware as it is.

import * as assert from "uvu/assert";
import { atLeast } from "../support/atleast.js";
import { suite } from "../support/suite.js";
import { type Change, compileEdited, compileReleased, type Mutant, occurrences } from "./apply.js";
import { CATALOGUE } from "./catalogue.js";
import { functionsOf, gapsOf, placesOf, TOP_LEVEL } from "./source.js";

const test = suite("mutants");

const CHANGES: readonly [list: string, Mutant, Change][] = Object.entries(CATALOGUE).flatMap(([list, mutants]) =>
  mutants.flatMap((mutant) =>
    [mutant, ...(mutant.also ?? [])].map((change): [string, Mutant, Change] => [list, mutant, change]),
  ),
);

test("each mutant applies at one place of the firmware, and changes it", () => {
  for (const [list, { breaks }, change] of atLeast(200, CHANGES)) {
    assert.is(occurrences(change), 1, `${list}: ${breaks}: ${change.file}, ${change.within}: ${change.from}`);
    assert.is.not(withoutSpace(change.from), withoutSpace(change.to), `${list}: ${breaks}`);
  }
});

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, "");
}

// ---- comments ----

/** Other words in each comment, a comment in each space, and lines indented otherwise. */
function reworded(name: string, text: string): string {
  if (!name.startsWith("firmware/")) return text;
  let made = "";
  let at = 0;
  for (const { start, end } of gapsOf(text)) {
    // A line ends where it did: a statement may end with it.
    const gap = text.slice(start, end).includes("\n")
      ? '\n\t/** Says "{": */\n// Other words; }\n'
      : " /* function */ ";
    made += text.slice(at, start) + gap;
    at = end;
  }
  return made + text.slice(at);
}

test("comments and white space do not change where a mutant applies", () => {
  for (const [list, { breaks }, change] of CHANGES) {
    assert.is(occurrences(change, reworded), 1, `${list}: ${breaks}: ${change.file}, ${change.within}`);
  }
});

test("comments and white space do not change a byte of the module", async () => {
  const names = new Set<string>();
  const { binary } = await compileEdited((name, text) => {
    const made = reworded(name, text);
    if (made !== text) names.add(name);
    return made;
  });
  assert.ok(names.size > 20, `${names.size} files were reworded`);
  assert.ok(Buffer.from(binary).equals((await compileReleased()).binary));
});

// ---- the search ----

const SOURCE = `// one
const A: u32 = 1; // function f
/** f(): a = 1; */
export function f(): void {
  a = 1; /* and */ if (a) { b("a = 1;"); }
}
declare function g(): void;
function h(): void {
  a = 1;
  // a = 1;
  a /* is */ =
    1;
}
const B: u32 = 1;
`;

function found(within: string, statements: string): readonly string[] {
  return placesOf(SOURCE, within, statements).map(({ start, end }) => SOURCE.slice(start, end));
}

test("a statement is found in its function only, and not in comments or texts", () => {
  assert.equal(functionsOf(SOURCE), ["f", "g", "h"]);
  assert.equal(found("f", "a=1;"), ["a = 1;"]);
  assert.equal(found("h", "a = 1;"), ["a = 1;", "a /* is */ =\n    1;"]);
  assert.equal(found("f", "a = 1; // to this\n if (a)"), ["a = 1; /* and */ if (a)"]);
  assert.equal(found(TOP_LEVEL, "u32 = 1;"), ["u32 = 1;", "u32 = 1;"]);
  assert.equal(found(TOP_LEVEL, "a = 1;"), []);
  assert.equal(found("f", "= 11;"), [], "a number is found whole");
});

test("a missing function, or nothing to look for, is an error", () => {
  assert.throws(() => found("i", "a = 1;"), /0 functions are called i/);
  assert.throws(() => found("f", " // nothing"), /no statement/);
});

test.run();
