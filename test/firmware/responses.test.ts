// Responses by the card's keys and screen, and the records that a card accepts.

import * as assert from "uvu/assert";
import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { DEMO } from "../../sim/session/demo.js";
import { atLeast } from "../support/atleast.js";
import { blankCard, cardOf, enter, enterPin, expected, login, seed, turnOff, turnOn } from "../support/cards.js";
import { suite } from "../support/suite.js";
import { ocraVectors } from "../support/vectors.js";

const responses = suite("responses");

const HASHES = ["SHA1", "SHA256", "SHA512"];
const PLAIN = HASHES.map((hash) => `OCRA-1:HOTP-${hash}-8:QN06`);
const WITH_PIN = PLAIN.flatMap((suite) => HASHES.map((hash) => `${suite}-P${hash}`));

function pinCheckOf(suite: string): PersonalizationRecord["pinCheck"] {
  return suite.includes("-P") ? "server" : "card";
}

function bytesOf(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 37 + seed * 101) & 0xff);
}

/** How a blank card answers a record: the name of the status word. */
function outcomeOf(changes: Partial<PersonalizationRecord>, patch: (plain: Buffer) => void = () => {}): string {
  const card = blankCard();
  const status = seed(card, { ...DEMO, ...changes }, patch);
  const taken = turnOn(card) === "PIN>";
  assert.is(taken, status === "DONE", "a refused record leaves NO KEY");
  return status;
}

responses("the card shows the response of every vector in test/vectors", () => {
  for (const { suite, key, input, response } of atLeast(100, ocraVectors("card.json"))) {
    const card = cardOf({ suite, pinCheck: pinCheckOf(suite), key });
    assert.is(login(card, input.pin ?? DEMO.pin, input.challenge), response, `${suite} ${input.challenge}`);
  }
});

responses("the card computes all twelve suites", () => {
  assert.is(PLAIN.length + WITH_PIN.length, 12);
  for (const suite of [...PLAIN, ...WITH_PIN]) {
    const data = { suite, pinCheck: pinCheckOf(suite) };
    const card = cardOf(data);
    turnOn(card);
    assert.is(enterPin(card), "CHALLNG>");
    for (const challenge of ["123456", "000009", "987654", "000000"]) {
      assert.is(enter(card, challenge), expected(challenge, data), `${suite} ${challenge}`);
      card.press("ok");
    }
  }
});

responses("every suite takes keys of 16 to 64 bytes; other lengths are refused", () => {
  for (const suite of PLAIN) {
    for (const length of [16, 20, 31, 32, 33, 63, 64]) {
      const data = { suite, key: bytesOf(length) };
      assert.is(login(cardOf(data)), expected("123456", data), `${suite}, ${length} bytes`);
    }
  }
  for (const length of [15, 1, 0, 65])
    assert.is(
      outcomeOf({ key: bytesOf(Math.min(length, 64)) }, (bytes) => bytes.fill(length, 2, 3)),
      "WRONG_DATA",
    );
});

responses("keys that begin or end with zeros give the right response", () => {
  for (const key of [
    new Uint8Array(32),
    bytesOf(32).fill(0, 20),
    bytesOf(32).fill(0, 0, 20),
    new Uint8Array(64).fill(255),
  ])
    assert.is(login(cardOf({ key })), expected("123456", { key }));
});

responses("leading zeros of a response are shown", () => {
  const found = Array.from({ length: 400 }, (_, i) => String(i).padStart(6, "0")).filter((challenge) =>
    expected(challenge).startsWith("0"),
  );
  assert.ok(found.length >= 20);
  assert.ok(
    found.some((challenge) => expected(challenge).startsWith("00")),
    "two of them, too",
  );
  const card = cardOf();
  turnOn(card);
  enterPin(card);
  for (const challenge of found) {
    assert.is(enter(card, challenge), expected(challenge));
    card.press("ok");
  }
});

responses("challenges 000000, 000001, 000016 and 000256: RFC 6287 puts the last three into one field", () => {
  const card = cardOf();
  turnOn(card);
  enterPin(card);
  const [zero, one, sixteen, more] = ["000000", "000001", "000016", "000256"].map((challenge) => {
    const response = enter(card, challenge);
    assert.is(response, expected(challenge));
    card.press("ok");
    return response;
  });
  assert.is(one, sixteen);
  assert.is(one, more);
  assert.is.not(zero, one);
});

responses("the same challenge gives the same response, also after a power cut", () => {
  const card = cardOf();
  const first = login(card);
  card.setBattery(0);
  card.setBattery(3000);
  assert.is(login(card), first);
  assert.is(login(card), first);
});

responses("any challenge gives the response that the test computes", () => {
  const card = cardOf();
  turnOn(card);
  enterPin(card);
  for (let i = 0; i < 1000; i++) {
    const challenge = String((i * 999_983) % 1_000_000).padStart(6, "0");
    assert.is(enter(card, challenge), expected(challenge), challenge);
    card.press("ok");
  }
});

responses("a suite that the card does not support is refused", () => {
  for (const suite of [
    "OCRA-1:HOTP-SHA256-6:QN06",
    "OCRA-1:HOTP-SHA256-7:QN06",
    "OCRA-1:HOTP-SHA256-9:QN06",
    "OCRA-1:HOTP-SHA256-10:QN06",
    "OCRA-1:HOTP-SHA256-0:QN06",
    "OCRA-1:HOTP-SHA256-8:QN08",
    "OCRA-1:HOTP-SHA256-8:QN05",
    "OCRA-1:HOTP-SHA256-8:QA06",
    "OCRA-1:HOTP-SHA256-8:QH06",
    "OCRA-1:HOTP-SHA256-8:C-QN06",
    "OCRA-1:HOTP-SHA256-8:QN06-S064",
    "OCRA-1:HOTP-SHA256-8:QN06-T1M",
    "OCRA-1:HOTP-SHA256-8:C-QN06-T1M",
    "OCRA-1:HOTP-SHA256-8:",
    "OCRA-1:HOTP-SHA256-8",
    "OCRA-1:HOTP-SHA256:QN06",
    "OCRA-1:HOTP-SHA224-8:QN06",
    "OCRA-1:HOTP-MD5-8:QN06",
    "OCRA-1:TOTP-SHA256-8:QN06",
    "OCRA-2:HOTP-SHA256-8:QN06",
    "ocra-1:hotp-sha256-8:qn06",
    "OCRA-1:HOTP-SHA256-8:QN06 ",
    " OCRA-1:HOTP-SHA256-8:QN06",
    "OCRA-1:HOTP-SHA256-8:QN06-",
    "OCRA-1:HOTP-SHA256-08:QN06",
    "OCRA-1:HOTP-SHA256-8:QN6",
    "OCRA-1:HOTP-SHA256-8:QN06:QN06",
    "",
  ]) {
    assert.is(outcomeOf({ suite }), "WRONG_DATA", suite);
    assert.is(outcomeOf({ suite, pinCheck: "server" }), "WRONG_DATA", `${suite}, server`);
  }
  for (const suite of ["-PMD5", "-P", "-PSHA256-PSHA256", "-PSHA1-S064", "-PSHA1-T1M"].map((end) => PLAIN[1] + end))
    assert.is(outcomeOf({ suite, pinCheck: "server" }), "WRONG_DATA", suite);
});

responses("the server's PIN check takes suites with P, the card's takes suites without", () => {
  for (const suite of WITH_PIN) {
    assert.is(outcomeOf({ suite, pinCheck: "card" }), "WRONG_DATA", suite);
    assert.is(outcomeOf({ suite, pinCheck: "server" }), "DONE", suite);
  }
  for (const suite of PLAIN) {
    assert.is(outcomeOf({ suite, pinCheck: "server" }), "WRONG_DATA", suite);
    assert.is(outcomeOf({ suite, pinCheck: "card" }), "DONE", suite);
  }
});

responses("the card takes 3 to 10 tries, a PIN of four digits, and one of two PIN checks", () => {
  for (const tries of [0, 1, 2, 11, 255]) assert.is(outcomeOf({ tries }), "WRONG_DATA", `${tries} tries`);
  for (const tries of [3, 10]) assert.is(outcomeOf({ tries }), "DONE", `${tries} tries`);
  for (const pin of ["407a", "a071", "4 71", "407/", "407:", "-071", "407\u0000"])
    assert.is(outcomeOf({ pin }), "WRONG_DATA", pin);
  for (const check of [0, 3, 255])
    assert.is(
      outcomeOf({}, (bytes) => bytes.fill(check, 0, 1)),
      "WRONG_DATA",
      `${check}`,
    );
});

responses("a card with a low battery takes no record, and takes it once the battery is charged", () => {
  const card = blankCard();
  turnOn(card);
  card.setBattery(2099);
  assert.is(seed(card, DEMO), "NOT_IN_THIS_STATE");
  card.setBattery(3000);
  assert.is(turnOn(card), "NO KEY");
  turnOff(card);
  assert.is(seed(card, DEMO), "DONE");
  assert.is(login(card), expected("123456"));
});

responses.run();
