// The file of a batch: valid files, and errors in one line with the line number and the column.

import * as assert from "uvu/assert";
import { type ListRules, MOST_ERRORS, readCardList } from "../../../../host-tools/desk/batch/cardlist.js";
import { FileError, FileFaults } from "../../../../host-tools/files/errors.js";
import { suite } from "../../../support/suite.js";

const test = suite("card list");

const HEADER = "serial,user,suite,pin,pin_check,tries,key";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const RULES: ListRules = {
  ...{ suite: SUITE, serverSuite: `${SUITE}-PSHA256`, tries: 5, leastTries: 3, mostTries: 10, allowWeakPins: false },
};
const KEY = "00112233445566778899aabbccddeeff";

const read = (text: string | Buffer, rules = RULES) => readCardList("cards.csv", Buffer.from(text as string), rules);
const rows = (...lines: readonly string[]) => [HEADER, ...lines].join("\n");

/** The line of the error. */
function refusal(text: string | Buffer, rules = RULES): string {
  try {
    read(text, rules);
  } catch (error) {
    assert.instance(error, FileError);
    const { message } = error as FileError;
    assert.not.match(message, /\n/);
    return message;
  }
  throw new Error("it was taken");
}

test("a row may have every value, or none", () => {
  const [first, second] = read(rows(`IB3000123,jane,${SUITE},8352,card,7,${KEY}`, ",,,,,,", "x,joe,,,,,".slice(1)));
  assert.equal(first, {
    ...{ line: 2, serial: "IB3000123", userName: "jane", suite: SUITE, pinCheck: "card", tries: 7 },
    ...{ pin: Buffer.from("8352"), key: Buffer.from(KEY, "hex") },
  });
  assert.equal(
    [second?.line, second?.userName, second?.serial, second?.pin, second?.tries],
    [4, "joe", undefined, undefined, 5],
  );
});

test("columns in any order, a byte-order mark, semicolons, CRLF, blanks around values and empty lines are read", () => {
  const text =
    "\ufeffkey;tries;pin_check;pin;suite;user;serial\r\n\r\n;;server;;;  jane ;\r\n;;;0427;;joe;IB3000009\r\n\r\n";
  const cards = read(text);
  assert.equal(
    cards.map(({ line, userName, pinCheck, suite, serial, pin }) => [
      line,
      userName,
      pinCheck,
      suite,
      serial,
      pin?.toString(),
    ]),
    [
      [3, "jane", "server", RULES.serverSuite, undefined, undefined],
      [4, "joe", "card", SUITE, "IB3000009", "0427"],
    ],
  );
});

test("quoted values may contain commas and quotes; lines are counted as in an editor", () => {
  const [card, next] = read(rows('IB3000001,"Doe, Jane ""JD""",,,,,', ",joe,,,,,"));
  assert.is(card?.userName, 'Doe, Jane "JD"');
  assert.is(next?.line, 3);
  assert.match(refusal(rows('IB3000001,"Jane\nDoe",,,,,')), /^cards\.csv: line 2, user: contains a line end/);
});

test("a missing, unknown or repeated column is refused", () => {
  assert.match(
    refusal("serial,user,suite,pin,tries,key\n,,,,,"),
    /line 1: the column pin_check is missing; the columns are serial/,
  );
  assert.match(refusal(`${HEADER},colour\n,,,,,,,`), /line 1: unknown column "colour"/);
  assert.match(refusal(`${HEADER},user\n,,,,,,,`), /line 1: the column user appears twice/);
  assert.match(refusal("IB3000001,jane,,,,,"), /line 1: unknown column "IB3000001"/);
  assert.match(refusal(""), /is empty; its first line names the columns/);
  assert.match(refusal(`${HEADER}\n\n`), /has no card/);
});

test("a file that is not UTF-8, or not text, is refused", () => {
  assert.match(
    refusal(Buffer.from(rows(",joe,,,,,", ",Jos\u00e9,,,,,"), "latin1")),
    /line 3: is not in UTF-8 \(Latin-1, perhaps\)/,
  );
  assert.is(read(rows(",Jos\u00e9,,,,,"))[0]?.userName, "José");
  assert.match(refusal(Buffer.from(`\ufeff${rows(",joe,,,,,")}`, "utf16le")), /UTF-16/);
  assert.match(refusal(rows(",joe,,,,,", ",j\0e,,,,,")), /line 3: contains a NUL/);
});

test("invalid quotes and rows of another length are refused", () => {
  assert.match(refusal(rows(",joe,,,,,", ',"jane,,,,,')), /line \d+: a quote is opened but never closed/);
  assert.match(refusal(rows(',"jane"x,,,,,')), /line 2: text follows a closing quote/);
  assert.match(refusal(rows(',ja"ne,,,,,')), /line 2: an unquoted value contains a quote/);
  assert.match(refusal(rows(",joe,,,,,", ",jane,,,,")), /line 3: has 6 columns instead of 7/);
  assert.match(refusal(rows(",Doe, Jane,,,,,")), /line 2: has 8 columns/);
});

test("invalid values of each column are refused, and the line contains no PIN and no key", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["IB300012,,,,,,", /serial: is no serial number/],
    ["ib3000123,,,,,,", /serial: is no serial number/],
    [",=cmd()|x,,,,,", /user: begins with =: a spreadsheet would run it as a formula/],
    [",+1,,,,,", /user: begins with \+/],
    [",-1,,,,,", /user: begins with -/],
    [",@SUM(A1),,,,,", /user: begins with @/],
    [`,${"x".repeat(201)},,,,,`, /user: has more than 200/],
    [",,OCRA-1,,,,", /suite: /],
    [",,,83521,,,", /pin: is four digits/],
    [",,,42,,,", /pin: has fewer than four digits: a spreadsheet/],
    [",,,1234,,,", /pin: is easy to guess/],
    [",,,8352,server,,", /pin: must be empty/],
    [",,,,both,,", /pin_check: is card or server/],
    [`,,${SUITE},,server,,`, /pin_check: contradicts the suite/],
    [`,,${SUITE}-PSHA256,,card,,`, /pin_check: contradicts the suite/],
    [",,,,,2,", /tries: is a number from 3 to 10/],
    [",,,,,5.0,", /tries: is a number/],
    [`,,,,,,${KEY.slice(1)}`, /key: is 16 to 64 bytes in hexadecimal/],
    [`,,,,,,${KEY.slice(2)}`, /key: is 16 to 64 bytes/],
    [`,,,,,,0x${KEY}`, /key: is 16 to 64 bytes/],
  ];
  for (const [row, expected] of cases) {
    const message = refusal(rows(",joe,,,,,", row));
    assert.match(message, /^cards\.csv: line 3, /);
    assert.match(message, expected);
    assert.not.match(message, /8352|1234|83521|2233445566/);
  }
  assert.is(read(rows(",,,1234,,,"), { ...RULES, allowWeakPins: true })[0]?.pin?.toString(), "1234");
});

test("a repeated serial number or key is named with both lines", () => {
  assert.match(
    refusal(rows("IB3000001,,,,,,", ",,,,,,x".slice(0, 6), "IB3000001,,,,,,")),
    /line \d, serial: is the same as in line 2/,
  );
  assert.match(refusal(rows(`,a,,,,,${KEY}`, `,b,,,,,${KEY.toUpperCase()}`)), /line 3, key: is the same as in line 2/);
});

/** The lines of the error of a list. */
function errors(text: string): readonly string[] {
  try {
    readCardList("cards.csv", Buffer.from(text), RULES);
  } catch (error) {
    assert.instance(error, FileFaults);
    const { message, others } = error as FileFaults;
    return [message, ...others];
  }
  return [];
}

test("all errors of a list are reported in order, those of one row, too", () => {
  const found = errors(rows("IB3000001,=x,,12,,,", ",joe,,,,,", "IB3000001,,,1234,,99,", ",joe", ",,,,none,,xx"));
  assert.equal(
    found.map((line) => line.replace(/^cards\.csv: (line \d+(?:, \w+)?): .*$/, "$1")),
    [
      ...["line 2, user", "line 2, pin", "line 4, serial", "line 4, tries", "line 4, pin", "line 5"],
      ...["line 6, pin_check", "line 6, key"],
    ],
  );
  assert.not.match(found.join("\n"), /1234/);
});

test("of many errors the first are reported, and the number of the others", () => {
  const wrong = (count: number) => errors(rows(...Array.from({ length: count }, () => ",joe,,,,99,")));
  assert.is(wrong(MOST_ERRORS).length, MOST_ERRORS);
  assert.is(wrong(MOST_ERRORS + 1).at(-1), "cards.csv: and 1 more error");
  const many = wrong(MOST_ERRORS + 5);
  assert.is(many.length, MOST_ERRORS + 1);
  assert.is(many.at(-1), "cards.csv: and 5 more errors");
});

test("100,000 rows are read", () => {
  const count = 100_000;
  const cards = read(rows(...Array.from({ length: count }, (_, at) => `IB${3_000_000 + at},user${at},,,,,`)));
  assert.is(cards.length, count);
  assert.equal([cards.at(-1)?.line, cards.at(-1)?.serial], [count + 1, "IB3099999"]);
  assert.match(refusal(rows(...Array.from({ length: count }, () => ",x,,,,,"), ",,,9,,,")), /line 100002, pin:/);
});

test.run();
