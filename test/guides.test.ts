// The owner's guides. Each has, line by line, the same screens, keys and numbers as the English one. The English one
// names every screen text and states the firmware's numbers.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Digits, Limit } from "../firmware/wire.js";
import { ROOT } from "../host-tools/files/project.js";
import { isWeak } from "../sim/core/model/model.js";
import { screenTexts } from "./support/screentexts.js";
import { suite } from "./support/suite.js";

const test = suite("guides");

/** Languages of the published instructions. */
const LANGUAGES = ["de", "en", "fr", "ja", "ru"];
const ENGLISH = guideIn("en");
/** The screen of the bench test, which no personalized card shows. */
const NOT_AN_OWNERS = ["TEST"];

test("there is a guide in each language of the published instructions", () => {
  const names = readdirSync(join(ROOT, "docs")).flatMap((name) => /^guide\.(\w+)\.md$/.exec(name)?.[1] ?? []);
  assert.equal(names.sort(), LANGUAGES);
});

for (const language of LANGUAGES.filter((one) => one !== "en")) {
  test(`${language}: each line has the same kind, screens, keys and numbers as in English`, () => {
    assert.equal(guideIn(language).map(factsOf), ENGLISH.map(factsOf));
  });

  test(`${language}: no line is left in English`, () => {
    const same = guideIn(language).filter((line) => /[a-z]{3}/.test(withoutCode(line)) && ENGLISH.includes(line));
    assert.equal(
      same.filter((line) => line.includes("**")),
      [],
    );
    assert.ok(same.length <= 1, same.join("\n"));
  });

  test(`${language}: every section that the text names exists`, () => {
    assert.equal(missingSections(language), []);
  });
}

test("en: every section that the text names exists", () => {
  assert.equal(missingSections("en"), []);
});

test("en: the table has every text that the firmware shows to an owner", () => {
  const texts = screenTexts().map((text) => text.trim());
  const rows = ENGLISH.flatMap((line) => /^\| `([^`]+)` \|/.exec(line)?.[1] ?? []).map((text) =>
    text.replace(/ \d+$/, ""),
  );
  const expected = texts.filter((text) => !NOT_AN_OWNERS.includes(text));
  assert.equal([...new Set(rows)].sort(), [...new Set(expected)].sort());
});

test("en: the PINs that it calls refused are weak, and its numbers of digits and tries are the card's", () => {
  const refused = ENGLISH.filter((line) => /^\| (?:the same|digits in|any year)/.test(line)).flatMap(
    (line) => line.match(/\b\d{4}\b/g) ?? [],
  );
  assert.ok(refused.length >= 6, refused.join());
  for (const pin of refused) assert.ok(isWeak(pin), pin);
  const text = ENGLISH.join("\n");
  for (const sentence of [
    `The PIN has ${Digits.PIN}, the challenge ${Digits.CHALLENGE}, the unlock code ${Digits.CODE}.`,
    `a number of ${Digits.RESPONSE} digits, the **response**`,
    `any number from ${Limit.LEAST_TRIES} to ${Limit.MOST_TRIES}`,
    `After ${Limit.CODE_TRIES} wrong unlock codes`,
  ])
    assert.ok(text.includes(sentence), sentence);
});

test("a line that lost a screen, a number or its kind is noticed", () => {
  const facts = factsOf("- Press `OK` within 30 seconds.");
  for (const line of ["- Press within 30 seconds.", "- `OK` within 60 seconds.", "Press `OK` within 30 seconds.", ""])
    assert.is.not(factsOf(line), facts, line);
  assert.is(factsOf("- 30 : `OK`."), facts);
});

/** The parts of a line that are equal in every language: its kind, its code and its numbers, in any order. */
function factsOf(line: string): string {
  const kind = /^(?:#+|\d+\.|-|```|\||)(?= |$|-)/.exec(line.trimStart())?.[0] ?? "";
  const prose = withoutCode(line).slice(kind.length);
  const cells = kind === "|" ? line.split("|").length : 0;
  const codes = [...line.matchAll(/`[^`]+`/g)].map(([code]) => code).sort();
  const numbers = (prose.match(/\d+/g) ?? []).sort();
  const strong = (line.match(/\*\*/g) ?? []).length;
  return JSON.stringify([kind, cells, codes, numbers, strong]);
}

function withoutCode(line: string): string {
  return line.replace(/`[^`]+`/g, "");
}

/** Section names in quotation marks without a heading that begins with them. */
function missingSections(language: string): string[] {
  const lines = guideIn(language);
  const headings = lines.flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? []);
  const quoted = [...lines.join("\n").matchAll(/(?:"|«\s?|„|「)([^"»“」*]+?)(?:"|\s?»|“|」)/g)];
  const names = quoted.map(([, name = ""]) => name).filter((name) => language !== "ja" || !name.endsWith("もの"));
  assert.ok(names.length >= 3, `${language} refers to ${names.length} sections`);
  return names.filter((name) => !headings.some((heading) => heading.startsWith(name)));
}

function guideIn(language: string): string[] {
  return readFileSync(join(ROOT, "docs", `guide.${language}.md`), "utf8").split("\n");
}

test.run();
