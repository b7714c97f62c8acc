// Every message to users follows the rules of rules.ts.

import * as assert from "uvu/assert";
import { counted } from "../../host-tools/files/counted.js";
import { suite } from "../support/suite.js";
import { messages, messagesIn, sourceOf, sources, VALUE } from "./collect.js";
import { RULES } from "./rules.js";

const test = suite("messages");

/** This file speaks to the person who types, in whole sentences. */
const AT_PROMPTS = "host-tools/cli/prompt.ts";

/** One text for each rule, which breaks that rule and no other. */
const BREAKING = [
  "The file is missing; name another one",
  "the file is missing; name another one.",
  "the file is missing;\nname another one",
  "the file is missing; please name another one",
  "the PIN is invalid",
  "the file is missing;  name another one",
];

test("each rule finds the text that breaks it, and no other", () => {
  assert.is(BREAKING.length, RULES.length);
  for (const [at, text] of BREAKING.entries())
    assert.equal(
      RULES.filter(({ isBroken }) => isBroken(text)).map(({ says }) => says),
      [RULES[at]?.says],
      text,
    );
});

test("the texts of errors and printing functions are found, one for each branch of a condition", () => {
  const source = sourceOf(
    "example.ts",
    `throw new UsageError("no port is named; " + (many ? "name one" : \`name \${port}\`), "usage");
     warn(\`\${count} cards were left out\`);
     throw new Error("for programmers only");`,
  );
  assert.equal(
    messagesIn(source, new Set(["UsageError"])).map(({ line, by, text }) => [line, by, text]),
    [
      [1, "UsageError", "no port is named; name one"],
      [1, "UsageError", `no port is named; name ${VALUE}`],
      [2, "warn", `${VALUE} cards were left out`],
    ],
  );
});

test("every message follows the rules", () => {
  const all = messages().filter(({ file }) => file !== AT_PROMPTS);
  const broken = all.flatMap(({ file, line, text }) =>
    RULES.filter(({ isBroken }) => isBroken(text)).map(({ says }) => `${file}:${line}: ${says}: ${text}`),
  );
  assert.is(broken.join("\n"), "");
  for (const folder of ["host-tools/cli/", "host-tools/desk/", "host-tools/card/", "sim/session/", "sim/cli/"])
    assert.ok(
      all.some(({ file }) => file.startsWith(folder)),
      `no message is found in ${folder}`,
    );
});

test("every message at a prompt is a sentence", () => {
  const said = messages().filter(({ file, by }) => file === AT_PROMPTS && by === "say");
  assert.ok(said.length > 0);
  for (const { text } of said) assert.match(text, /^[A-Z].*\.$/);
});

/** A number and a plural, in a template. */
const PLURAL =
  /\$\{[^}]+\} (?:[a-z]+ )?(?:entries|cards|PINs|operations|challenges|orders|keys|steps|runs|tries|codes|errors|cuts|numbers|batches)\b/;
/** Numbers that are never 1, or that are a maximum. */
const NEVER_ONE = ["count === 1 ?", "cards are too many"];
test("a number stands with its noun by `counted`, since 1 has no plural", () => {
  assert.match("`$" + "{count} entries`", PLURAL);
  const isWrong = (line: string) =>
    PLURAL.test(line) && !line.includes("counted(") && !NEVER_ONE.some((text) => line.includes(text));
  const wrong = sources().flatMap(({ fileName, text }) =>
    text
      .split("\n")
      .filter(isWrong)
      .map((line) => `${fileName}: ${line.trim()}`),
  );
  assert.equal(wrong, []);
});

test("counted", () => {
  assert.equal(
    [0, 1, 2].map((count) => counted(count, "entry", "entries")),
    ["0 entries", "1 entry", "2 entries"],
  );
  assert.is(counted(1, "card"), "1 card");
});

test.run();
