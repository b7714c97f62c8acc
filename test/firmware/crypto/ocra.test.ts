// OCRA (RFC 6287) of firmware and host, compared with the RFC and with an independent implementation.

import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { InputError, SuiteError } from "../../../host-tools/seeds/errors.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { type OcraInput, parseSuite, type Suite } from "../../../host-tools/seeds/suite.js";
import { atLeast } from "../../support/atleast.js";
import { kept, ocraParse, ocraRespond } from "../../support/crypto.js";
import { hotp, oracle } from "../../support/oracle.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";
import { OCRA_FILES, ocraVectors } from "../../support/vectors.js";

const test = suite("ocra");

const KEY = Buffer.from("12345678901234567890");
/** A suite with everything in it. */
const FULL = "OCRA-1:HOTP-SHA512-10:C-QA64-PSHA512-S512-T48H";

/** Suites at the edges of the grammar, and what is just beyond (§6). */
const SUITES = [
  "OCRA-1:HOTP-SHA1-4:QN04",
  "OCRA-1:HOTP-SHA256-10:QA64",
  "OCRA-1:HOTP-SHA512-0:QH08",
  "OCRA-1:HOTP-SHA1-6:C-QN08",
  "OCRA-1:HOTP-SHA1-6:QN08-PSHA1",
  "OCRA-1:HOTP-SHA1-6:QN08-PSHA256-S001",
  "OCRA-1:HOTP-SHA1-6:QN08-PSHA512-T1S",
  "OCRA-1:HOTP-SHA1-6:QN08-S064-T59M",
  "OCRA-1:HOTP-SHA1-6:QN08-T48H",
  FULL,
];
const NO_SUITES = [
  "",
  "OCRA-1",
  "OCRA-1:HOTP-SHA1-6",
  "OCRA-1:HOTP-SHA1-6:",
  "OCRA-1:HOTP-SHA1-6:C",
  "OCRA-1:HOTP-SHA1-6:PSHA1",
  "OCRA-2:HOTP-SHA1-6:QN08",
  "OCRA-1:TOTP-SHA1-6:QN08",
  "ocra-1:hotp-sha1-6:qn08",
  " OCRA-1:HOTP-SHA1-6:QN08",
  "OCRA-1:HOTP-SHA1-6:QN08 ",
  "OCRA-1:HOTP-SHA1-6:QN08\n",
  "OCRA-1:HOTP-SHA1-6:QN08:",
  "OCRA-1:HOTP-SHA2-6:QN08",
  "OCRA-1:HOTP-SHA01-6:QN08",
  "OCRA-1:HOTP-SHA384-6:QN08",
  "OCRA-1:HOTP-SHA1-:QN08",
  "OCRA-1:HOTP-SHA1-3:QN08",
  "OCRA-1:HOTP-SHA1-06:QN08",
  "OCRA-1:HOTP-SHA1-00:QN08",
  "OCRA-1:HOTP-SHA1-11:QN08",
  "OCRA-1:HOTP-SHA1-6:C-C-QN08",
  "OCRA-1:HOTP-SHA1-6:CQN08",
  "OCRA-1:HOTP-SHA1-6:QN08-C",
  "OCRA-1:HOTP-SHA1-6:Q",
  "OCRA-1:HOTP-SHA1-6:QX08",
  "OCRA-1:HOTP-SHA1-6:QN8",
  "OCRA-1:HOTP-SHA1-6:QN008",
  "OCRA-1:HOTP-SHA1-6:QN03",
  "OCRA-1:HOTP-SHA1-6:QN65",
  "OCRA-1:HOTP-SHA1-6:QN08-",
  "OCRA-1:HOTP-SHA1-6:QN08-P",
  "OCRA-1:HOTP-SHA1-6:QN08-PSHA001",
  "OCRA-1:HOTP-SHA1-6:QN08-PSHA1-PSHA1",
  "OCRA-1:HOTP-SHA1-6:QN08-PSHA1-",
  "OCRA-1:HOTP-SHA1-6:QN08-S",
  "OCRA-1:HOTP-SHA1-6:QN08-S64",
  "OCRA-1:HOTP-SHA1-6:QN08-S0064",
  "OCRA-1:HOTP-SHA1-6:QN08-S000",
  "OCRA-1:HOTP-SHA1-6:QN08-S513",
  "OCRA-1:HOTP-SHA1-6:QN08-S064-PSHA1",
  "OCRA-1:HOTP-SHA1-6:QN08-T",
  "OCRA-1:HOTP-SHA1-6:QN08-TM",
  "OCRA-1:HOTP-SHA1-6:QN08-T1",
  "OCRA-1:HOTP-SHA1-6:QN08-T01M",
  "OCRA-1:HOTP-SHA1-6:QN08-T0M",
  "OCRA-1:HOTP-SHA1-6:QN08-T0H",
  "OCRA-1:HOTP-SHA1-6:QN08-T60S",
  "OCRA-1:HOTP-SHA1-6:QN08-T60M",
  "OCRA-1:HOTP-SHA1-6:QN08-T49H",
  "OCRA-1:HOTP-SHA1-6:QN08-T1D",
  "OCRA-1:HOTP-SHA1-6:QN08-T1M-S064",
  "OCRA-1:HOTP-SHA1-6:QN08-T1M-",
  "OCRA-1:HOTP-SHA1-6:QN08-T1Mé",
];

/** The suite as the host reads it; undefined if it is not valid. */
function hostParse(text: string): Suite | undefined {
  try {
    return parseSuite(text);
  } catch (error) {
    assert.instance(error, SuiteError);
    return undefined;
  }
}

/** The response of firmware and host, which must both be the oracle's. */
function respond(text: string, key: Uint8Array, input: OcraInput): string {
  const response = oracle(text, key, input);
  assert.is(ocraRespond(text, key, input), response, `the firmware, ${text}`);
  assert.is(ocra(text, key, input), response, `the host, ${text}`);
  return response;
}

const hashes = fc.constantFrom("SHA1", "SHA256", "SHA512");
const maybe = (part: fc.Arbitrary<string>) => fc.oneof(fc.constant(""), part);

/** Suites as the grammar of §6 makes them. */
const suites = fc
  .tuple(
    hashes,
    fc.constantFrom(0, 4, 5, 6, 7, 8, 9, 10),
    maybe(fc.constant("C-")),
    fc.constantFrom("N", "A", "H"),
    fc.integer({ min: 4, max: 64 }),
    maybe(hashes.map((hash) => `-P${hash}`)),
    maybe(fc.integer({ min: 1, max: 512 }).map((size) => `-S${String(size).padStart(3, "0")}`)),
    maybe(
      fc.oneof(
        fc.integer({ min: 1, max: 59 }).chain((n) => fc.constantFrom(`-T${n}S`, `-T${n}M`)),
        fc.integer({ min: 1, max: 48 }).map((n) => `-T${n}H`),
      ),
    ),
  )
  .map(([hash, digits, counter, format, size, pin, session, time]) => {
    const challenge = `Q${format}${String(size).padStart(2, "0")}`;
    return `OCRA-1:HOTP-${hash}-${digits}:${counter}${challenge}${pin}${session}${time}`;
  });

const ALPHABETS = {
  N: "0123456789",
  H: "0123456789abcdefABCDEF",
  A: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
};
const words = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

/** A suite, a key and inputs that fit: challenges of one party or, in mutual mode, of two. */
const computations = suites.chain((text) => {
  const { format, challenge, session } = parseSuite(text);
  const characters = fc.constantFrom(...ALPHABETS[format]);
  const input = fc.record({
    challenge: fc.string({ unit: characters, minLength: 1, maxLength: 2 * challenge, size: "max" }),
    counter: words,
    pin: fc.string({ unit: fc.constantFrom(...ALPHABETS.N), maxLength: 8 }),
    session: fc.uint8Array({ maxLength: session, size: "max" }),
    time: words,
  });
  return fc.tuple(fc.constant(text), fc.uint8Array({ maxLength: 140, size: "max" }), input);
});

/** A suite with up to three characters inserted, removed or replaced. */
const mangled = fc
  .tuple(
    suites,
    fc.array(
      fc.tuple(fc.nat(60), fc.nat(1), fc.oneof(fc.constant(""), fc.constantFrom(..."0123456789-:ACHMNPQSTsé \n"))),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, edits]) => edits.reduce((now, [at, drop, put]) => now.slice(0, at) + put + now.slice(at + drop), text));

for (const file of OCRA_FILES) {
  test(`firmware and host compute every response of ${file}`, () => {
    for (const { suite: text, key, input, response } of atLeast(70, ocraVectors(file)))
      assert.is(respond(text, key, input), response, `${text} ${input.challenge}`);
  });
}

test("the oracle's truncation gives the ten values of RFC 4226, appendix D", () => {
  const values = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split(" ");
  const macs = values.map((_, counter) => {
    const message = Buffer.alloc(8);
    message.writeUInt8(counter, 7);
    return createHmac("sha1", KEY).update(message).digest("hex");
  });
  assert.equal(
    macs.map((mac) => hotp(mac, 6)),
    values,
  );
});

test("one-way challenges 00000000, 11111111 and so on give the responses of RFC 6287, appendix C.1", () => {
  const responses = "237653 243178 653583 740991 608993 388898 816933 224598 750600 294470".split(" ");
  for (const [digit, response] of responses.entries()) {
    const challenge = String(digit).repeat(8);
    assert.is(respond("OCRA-1:HOTP-SHA1-6:QN08", KEY, { challenge }), response, challenge);
  }
});

test("mutual mode gives a response of RFC 6287, appendix C.2", () => {
  const key = Buffer.from("12345678901234567890123456789012");
  assert.is(respond("OCRA-1:HOTP-SHA256-8:QA08", key, { challenge: "CLI22220SRV11110" }), "28247970");
});

test("a suite with every part is parsed", () => {
  const expected: Suite = {
    hash: "SHA512",
    digits: 10,
    counter: true,
    format: "A",
    challenge: 64,
    pin: "SHA512",
    session: 512,
    step: 48 * 3600,
  };
  assert.equal(parseSuite(FULL), expected);
  assert.equal(ocraParse(FULL), expected);
});

test("firmware and host accept every suite at the limits of the grammar, and parse it the same", () => {
  for (const text of SUITES) assert.equal(ocraParse(text), parseSuite(text), text);
});

test("firmware and host refuse suites just beyond the grammar", () => {
  for (const text of NO_SUITES) {
    assert.throws(
      () => parseSuite(text),
      (error: Error) => error instanceof SuiteError && !error.message.includes("\n"),
      text,
    );
    assert.is(ocraParse(text), undefined, text);
  }
});

test("firmware and host parse any suite the same", () => {
  fc.assert(
    fc.property(suites, (text) => {
      const parsed = parseSuite(text);
      assert.equal(ocraParse(text), parsed);
    }),
    { numRuns: 1000 },
  );
});

test("firmware and host agree whether a changed suite is valid", () => {
  fc.assert(
    fc.property(mangled, (text) => {
      assert.equal(ocraParse(text), hostParse(text));
    }),
    { numRuns: 20_000 },
  );
});

test("firmware and host compute the oracle's response to any input under any suite", () => {
  fc.assert(
    fc.property(computations, ([text, key, input]) => {
      respond(text, key, input);
    }),
    { numRuns: 2000 },
  );
});

test("mutual mode takes two challenges of 64 characters in every format", () => {
  for (const [format, digit] of [
    ["N", "9"],
    ["A", "z"],
    ["H", "f"],
  ] as const) {
    const text = `OCRA-1:HOTP-SHA256-8:Q${format}64`;
    const both = digit.repeat(128);
    assert.is.not(respond(text, KEY, { challenge: both }), respond(text, KEY, { challenge: both.slice(1) }), format);
  }
});

test("a number is written in hexadecimal from the left, so that 1, 16 and 256 give the same response", () => {
  const suiteText = "OCRA-1:HOTP-SHA256-8:QN06";
  const of = (challenge: string) => respond(suiteText, KEY, { challenge });
  assert.is(of("000016"), of("000001"));
  assert.is(of("000256"), of("000001"));
  assert.is.not(of("000017"), of("000001"));
  assert.is(of("123456"), respond(suiteText, KEY, { challenge: "0123456" }));
});

test("case does not matter in a hexadecimal challenge, and matters in an alphanumeric one", () => {
  const of = (format: string, challenge: string) => respond(`OCRA-1:HOTP-SHA1-8:Q${format}08`, KEY, { challenge });
  assert.is(of("H", "deadbeef"), of("H", "DEADBEEF"));
  assert.is.not(of("A", "deadbeef"), of("A", "DEADBEEF"));
});

test("a session shorter than the suite says is padded with leading zeros", () => {
  const text = "OCRA-1:HOTP-SHA1-8:QN08-S064";
  const padded = Buffer.concat([Buffer.alloc(61), Buffer.from("abc")]);
  const of = (session: Uint8Array) => respond(text, KEY, { challenge: "12345678", session });
  assert.is(of(Buffer.from("abc")), of(padded));
});

test("a suite of no digits gives the whole HMAC", () => {
  for (const hash of ["SHA1", "SHA256", "SHA512"]) {
    const response = respond(`OCRA-1:HOTP-${hash}-0:QN08`, KEY, { challenge: "12345678" });
    assert.is(response.length, createHash(hash).digest("hex").length);
  }
});

test("a response leaves nothing of key, challenge, PIN and session in memory", () => {
  const run = (seed: number) =>
    ocraRespond(FULL, pattern(64, seed), {
      challenge: pattern(20, seed).toString("hex"),
      pin: String(4071 + seed),
      session: pattern(64, seed + 1),
      counter: 1n,
      time: 2n,
    });
  run(1);
  const after = kept();
  run(3);
  assert.equal(kept(), after);
});

test("the host refuses a missing input, and one that does not fit", () => {
  const refuses = (text: string, input: OcraInput) =>
    assert.throws(
      () => ocra(`OCRA-1:HOTP-SHA1-6:${text}`, KEY, input),
      (error: Error) => error instanceof InputError,
      text,
    );
  refuses("QN08", { challenge: "" });
  refuses("QN08", { challenge: "1234567a" });
  refuses("QN08", { challenge: "12345678901234567" });
  refuses("QH08", { challenge: "0123456g" });
  refuses("QA08", { challenge: "with gap" });
  refuses("C-QN08", { challenge: "12345678" });
  refuses("C-QN08", { challenge: "12345678", counter: -1n });
  refuses("C-QN08", { challenge: "12345678", counter: 2n ** 64n });
  refuses("QN08-PSHA1", { challenge: "12345678" });
  refuses("QN08-S002", { challenge: "12345678" });
  refuses("QN08-S002", { challenge: "12345678", session: Buffer.alloc(3) });
  refuses("QN08-T1M", { challenge: "12345678" });
});

test.run();
