// Campaign parsers in its short form; and its checks with data from fast-check instead of mutated files.

import fc from "fast-check";
import * as assert from "uvu/assert";
import { pattern } from "../support/pattern.js";
import { suite } from "../support/suite.js";
import { runTargets } from "./parsers.js";
import {
  checkCsv,
  checkLine,
  checkReceipt,
  checkSecrets,
  checkSeedFile,
  checkStatus,
  type Outcome,
  SEED_PARTS,
  TARGETS,
} from "./parsertargets.js";

const test = suite("parsers");

const OPTIONS = { long: false, log: () => {} };
const RUNS = { numRuns: 300 };
const bytes = (maxLength: number) => fc.uint8Array({ maxLength, size: "max" }).map((list) => Buffer.from(list));

for (const target of TARGETS) {
  test(`${target.name}: mutated input is refused in one line or read right`, async () => {
    const { figures, failures } = await runTargets([target], OPTIONS, 0.05);
    assert.equal(failures, []);
    assert.ok((figures[0]?.value ?? 0) >= 25);
  });
}

test("random bytes are refused as a seed file, a receipt and a secret, or read right", () => {
  fc.assert(
    fc.property(bytes(300), (any) => {
      assert.is(checkSeedFile(any), "refused");
      checkReceipt(any);
      checkSecrets(any);
    }),
    RUNS,
  );
});

/** Texts for a field: valid ones, too long ones, markup, control characters, nothing. */
function field(...usual: readonly string[]): fc.Arbitrary<string> {
  const odd = fc.constantFrom(
    "",
    " ",
    "<a/>",
    "&amp;",
    "&a;",
    "\u{1b}[2J",
    "]]>",
    "IB3000123",
    "-1",
    "999",
    "é",
    "9".repeat(70),
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...usual) },
    odd,
    fc.string({ unit: "binary", maxLength: 40 }),
  );
}

/** A key package of a seed file, with no, one or two of its fields replaced. */
const keyPackage = fc
  .tuple(
    fc.constantFrom(...SEED_PARTS.packages),
    fc.dictionary(
      fc.constantFrom(
        "SerialNo",
        "Suite",
        "MaxFailedAttempts",
        "KeyUsage",
        "State",
        "KeysetVersion",
        "Algorithm",
        "CipherValue",
      ),
      field("IB3000123", "IB3000777", "OCRA-1:HOTP-SHA1-8:QN06", "5", "CR", "Unlock", "done", "pending", "AAAA"),
      { maxKeys: 2 },
    ),
  )
  .map(([xml, fields]) => Object.entries(fields).reduce(withField, xml));

function withField(xml: string, [name, value]: [string, string]): string {
  return xml
    .replace(new RegExp(`(<[a-z]+:${name}>)[^<]*`), (_, tag: string) => tag + value)
    .replace(new RegExp(`( ${name}=")[^"]*`), (_, attribute: string) => attribute + value.replaceAll('"', ""));
}

test("random packages in any order are refused as a seed file, or read right", () => {
  const outcomes: Outcome[] = [];
  const file = fc
    .array(keyPackage, { maxLength: 6 })
    .map((packages) => SEED_PARTS.head + packages.join("") + SEED_PARTS.tail);
  fc.assert(
    fc.property(file, (xml) => {
      outcomes.push(checkSeedFile(Buffer.from(xml)));
    }),
    RUNS,
  );
  // Some files are accepted and some are refused.
  assert.ok(outcomes.includes("accepted"));
  assert.ok(outcomes.includes("refused"));
});

test("random cards give CSV that another program reads right, or no file", () => {
  const outcomes: Outcome[] = [];
  const record = fc.record({
    serial: field("IB3000123", "=1+1", "-1", "#a", "a,b", 'a"b'),
    suite: fc.constantFrom("OCRA-1:HOTP-SHA256-8:QN06", "OCRA-1:HOTP-SHA1-8:QN06-PSHA1"),
    pinCheck: fc.constantFrom("card", "server"),
    tries: fc.constantFrom(undefined, 5),
    key: bytes(64),
    unlockKey: fc.constant(pattern(32)),
    state: fc.constantFrom("done", "pending"),
    keyset: fc.constant(undefined),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 4 }), (records) => {
      outcomes.push(checkCsv(records));
    }),
    RUNS,
  );
  assert.ok(outcomes.includes("accepted"));
  assert.ok(outcomes.includes("refused"));
});

test("random JSON is refused as a receipt, or read right", () => {
  const key = fc.record(
    {
      serial: fc.oneof(fc.constant("IB3000123"), fc.string({ unit: "binary" }), fc.anything()),
      field: fc.oneof(fc.constantFrom("token", "unlock"), fc.anything()),
    },
    { requiredKeys: [] },
  );
  const receipt = fc.record(
    {
      kind: fc.constant("dsc-pskc-receipt"),
      version: fc.constant(1),
      at: fc.oneof(fc.constant("2026-11-28T12:00:00.000Z"), fc.anything()),
      export: fc.oneof(fc.constant("a5".repeat(32)), fc.anything()),
      keys: fc.oneof(fc.array(fc.oneof(key, fc.jsonValue())), fc.anything()),
    },
    { requiredKeys: ["kind", "version"] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), receipt), (value) => {
      checkReceipt(Buffer.from(textOf(value)));
    }),
    RUNS,
  );
});

/** JSON; undefined for a value that has none. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

test("random bytes on the line are ignored, and random data objects are an error or safe for a terminal", async () => {
  const objects = fc.dictionary(fc.constantFrom("0045", "00e0", "df20", "df21", "df22", "df23"), bytes(40));
  await fc.assert(
    fc.asyncProperty(bytes(600), fc.integer({ min: 1, max: 100 }), objects, async (line, size, data) => {
      checkLine(line, size);
      await checkStatus(data);
    }),
    { numRuns: 100 },
  );
});

test("a failed check is a failure with the id that repeats it", async () => {
  const target = {
    name: "bad",
    cases: 3,
    run: () => {
      throw new TypeError("broken\ntwice");
    },
  };
  const { failures } = await runTargets([target], { ...OPTIONS, only: "bad:2" });
  assert.equal(failures, [{ id: "bad:2", what: "TypeError: broken twice" }]);
  assert.is((await runTargets([target], OPTIONS)).failures.length, 3);
  assert.is((await runTargets([target], { ...OPTIONS, only: "good:1" })).failures[0]?.what, "no such case");
});

test.run();
