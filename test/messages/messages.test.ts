// Every message to users follows the rules of rules.ts.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { counted } from "../../host-tools/files/counted.js";
import { ROOT } from "../../host-tools/files/project.js";
import { suite } from "../support/suite.js";
import { messages, messagesIn, sourceOf, VALUE } from "./collect.js";
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

/** A counted noun in the plural, whatever the count. */
const PLURAL =
  /\$\{[^}]*\} (cards|keys|PINs|orders|entries|challenges|serial numbers|batches|letters|labels|files|ports)\b/;
/** Texts whose count is never 1. */
const NEVER_ONE = /count === 1 \? |are too many/;

test("a count is printed with its noun by counted(), as 1 card and as 2 cards", () => {
  assert.equal(
    [counted(1, "card"), counted(0, "card"), counted(2, "entry", "entries")],
    ["1 card", "0 cards", "2 entries"],
  );
  const files = readdirSync(join(ROOT, "host-tools"), { recursive: true, encoding: "utf8" });
  const lines = files
    .filter((name) => /(?<!\.d)\.ts$/.test(name))
    .flatMap((name) => readFileSync(join(ROOT, "host-tools", name), "utf8").split("\n"));
  assert.ok(lines.length > 10_000);
  assert.equal(
    lines.filter((line) => PLURAL.test(line) && !NEVER_ONE.test(line)),
    [],
  );
});

test("every message at a prompt is a sentence", () => {
  const said = messages().filter(({ file, by }) => file === AT_PROMPTS && by === "say");
  assert.ok(said.length > 0);
  for (const { text } of said) assert.match(text, /^[A-Z].*\.$/);
});

test.run();
