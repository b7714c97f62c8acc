// The site's half of a login.

import * as assert from "uvu/assert";
import { InputError } from "../../../host-tools/seeds/errors.js";
import { verifyResponse } from "../../../host-tools/site/verify.js";
import { atLeast } from "../../support/atleast.js";
import { oracle } from "../../support/oracle.js";
import { suite } from "../../support/suite.js";
import { ocraVectors } from "../../support/vectors.js";

const test = suite("verify");

const KEY = Buffer.from("12345678901234567890123456789012");
const CARD = { serial: "IB3000001", suite: "OCRA-1:HOTP-SHA256-8:QN06", key: KEY };
const SERVER = { serial: "IB3000002", suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA256", key: KEY };
const CHALLENGE = "123456";

test("the right response is accepted, and none with one digit changed", () => {
  const right = oracle(CARD.suite, KEY, { challenge: CHALLENGE });
  assert.ok(verifyResponse(CARD, CHALLENGE, right));
  for (let at = 0; at < 8; at++) {
    const wrong = right.slice(0, at) + ((Number(right[at]) + 1) % 10) + right.slice(at + 1);
    assert.not(verifyResponse(CARD, CHALLENGE, wrong), wrong);
  }
});

test("the right response is accepted for every suite and many challenges", () => {
  const hashes = ["SHA1", "SHA256", "SHA512"];
  const plain = hashes.map((hash) => `OCRA-1:HOTP-${hash}-8:QN06`);
  const suites = [...plain, ...plain.flatMap((name) => hashes.map((hash) => `${name}-P${hash}`))];
  assert.is(suites.length, 12);
  for (const name of suites) {
    const pin = name.includes("-P") ? "4071" : undefined;
    for (let i = 0; i < 100; i++) {
      const challenge = String(i * 9973).padStart(6, "0");
      const right = oracle(name, KEY, pin === undefined ? { challenge } : { challenge, pin });
      assert.ok(verifyResponse({ suite: name, key: KEY }, challenge, right, pin), `${name} ${challenge}`);
    }
  }
});

test("a text that is no response is refused", () => {
  const right = oracle(CARD.suite, KEY, { challenge: CHALLENGE });
  for (const wrong of [
    "",
    " ",
    right.slice(1),
    `${right}0`,
    ` ${right}`,
    `${right}\n`,
    "abcdefgh",
    String(Number(right) + 0.5),
  ]) {
    assert.not(verifyResponse(CARD, CHALLENGE, wrong), JSON.stringify(wrong));
  }
});

test("the server checks the PIN of a card with the server's PIN check", () => {
  const right = oracle(SERVER.suite, KEY, { challenge: CHALLENGE, pin: "4071" });
  assert.ok(verifyResponse(SERVER, CHALLENGE, right, "4071"));
  assert.not(verifyResponse(SERVER, CHALLENGE, right, "4072"));
});

test("an unexpected or missing PIN, or a challenge of the wrong form, is an InputError", () => {
  assert.throws(() => verifyResponse(CARD, CHALLENGE, "00000000", "4071"), isInputError);
  assert.throws(() => verifyResponse(SERVER, CHALLENGE, "00000000"), isInputError);
  for (const challenge of ["", "12345", "1234567", "12345a"]) {
    assert.throws(() => verifyResponse(CARD, challenge, "00000000"), isInputError);
  }
});

test("every response of test/vectors in the card's suites is accepted", () => {
  for (const { suite, key, input, response } of atLeast(100, ocraVectors("card.json")))
    assert.ok(verifyResponse({ suite, key }, input.challenge, response, input.pin), `${suite} ${input.challenge}`);
});

function isInputError(error: unknown): boolean {
  return error instanceof InputError;
}

test.run();
