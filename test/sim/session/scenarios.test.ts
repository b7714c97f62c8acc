// The behaviour of the card, screen by screen and rule by rule: the files of test/scenarios, each on a fresh demo card;
// and cases that the demo card cannot show: a server that checks the PIN, errors, other suites, long use.

import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import type { PersonalizationRecord } from "../../../host-tools/card/cardclient.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { UNLOCK_SUITE } from "../../../host-tools/seeds/suite.js";
import { Card } from "../../../sim/core/card.js";
import { FLASH_SIZE, Flash, PAGE_SIZE } from "../../../sim/core/flash.js";
import { Offset } from "../../../sim/core/image.js";
import { Random } from "../../../sim/core/random.js";
import { personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { FIRMWARE_FILE, loadFirmware } from "../../../sim/session/firmware.js";
import { firstFailure } from "../../../sim/session/playing.js";
import { Session } from "../../../sim/session/session.js";
import { atLeast } from "../../support/atleast.js";
import { seed } from "../../support/cards.js";
import { crc32 } from "../../support/crypto.js";
import { type Cut, everyCut } from "../../support/cuts.js";
import { freshSession, scenarios } from "../../support/scenarios.js";
import { suite } from "../../support/suite.js";
import { ocraVectors } from "../../support/vectors.js";

const FIRMWARE = loadFirmware();
const LEAST_FILES = 38;
const SERVER: PersonalizationRecord = { ...DEMO, suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA256", pinCheck: "server" };

// ---- the files ----

const files = suite("scenario files");

for (const script of scenarios()) {
  files(script.name, () => {
    const failure = firstFailure(script, freshSession(FIRMWARE));
    if (!failure) return;
    const shown = failure.report ? ` (it shows "${failure.report.display}")` : "";
    const line = script.lines[failure.line - 1];
    assert.unreachable(`${script.name}:${failure.line}: ${line}: ${failure.error}${shown}`);
  });
}

files(`are ${LEAST_FILES} or more`, () => {
  assert.ok(scenarios().length >= LEAST_FILES);
});

files("name the rule that they show, set a seed and expect something", () => {
  for (const { name, lines } of atLeast(LEAST_FILES, scenarios())) {
    assert.match(lines[0] as string, /^# \w/, name);
    assert.ok(
      lines.some((line) => /^seed \d+$/.test(line)),
      name,
    );
    assert.ok(lines.filter((line) => line.startsWith("expect")).length > 1, name);
  }
});

files("get the codes that they expect from an implementation other than the card's", () => {
  let codes = 0;
  for (const script of atLeast(LEAST_FILES, scenarios())) {
    const known = explained(script.lines);
    const session = freshSession(FIRMWARE);
    for (const line of script.lines.filter((line) => !Session.isComment(line))) {
      const { state, display } = session.execute(line);
      if (!/^expect \d{8}$/.test(line) || (state !== "RESPONSE" && state !== "LOCK_CODE")) continue;
      assert.ok(known.has(display), `${script.name}: no line of it explains ${display}`);
      codes++;
    }
  }
  assert.ok(codes > 0);
});

/** Checks the lines `# response to C: R` and `# unlock code for L: U`; returns each R and L. */
function explained(lines: readonly string[]): Set<string> {
  const known = new Set<string>();
  for (const line of lines) {
    const [, challenge, response] = /^# response to (\d{6}): (\d{8})$/.exec(line) ?? [];
    if (challenge && response) {
      assert.is(response, respond(DEMO, challenge), line);
      known.add(response);
    }
    const [, lockCode, code] = /^# unlock code for (\d{8}): (\d{8})$/.exec(line) ?? [];
    if (lockCode && code) {
      assert.is(code, unlockCode(lockCode), line);
      known.add(lockCode);
    }
  }
  return known;
}

// ---- a site that checks the PIN ----

const server = suite("a card whose PIN the server checks");

server("takes any four digits and never says wrong", () => {
  const card = turnedOn(SERVER);
  for (let i = 0; i < 30; i++) {
    enter(
      card,
      String(7919 * i)
        .slice(-4)
        .padStart(4, "0"),
    );
    shows(card, "CHALLNG>");
    card.press("press");
    card.hold("press");
    shows(card, "PIN>");
  }
});

server("has no tries, and writes nothing to flash for a login", () => {
  const card = turnedOn(SERVER);
  const before = card.flash.operations;
  enter(card, "1111");
  assert.is(card.tries, undefined);
  assert.is(card.flash.operations, before);
});

server("ignores a fifth digit, and OK with fewer than four", () => {
  const card = turnedOn(SERVER);
  enter(card, "407");
  shows(card, "PIN>***");
  enter(card, "19");
  enter(card, "123456");
  shows(card, respond(SERVER, "123456", "4071"));
});

server("puts the typed PIN into each response, right or wrong", () => {
  const card = turnedOn(SERVER);
  for (const pin of ["4071", "0000", "9999"]) {
    enter(card, pin);
    for (const challenge of ["123456", "000000", "029014"]) {
      enter(card, challenge);
      shows(card, respond(SERVER, challenge, pin));
      card.press("ok");
    }
    card.press("press");
    card.hold("press");
  }
});

server("clears a challenge at PRESS, but not the PIN", () => {
  const card = turnedOn(SERVER);
  enter(card, "4071");
  card.type("99");
  card.press("press");
  enter(card, "123456");
  shows(card, respond(SERVER, "123456", "4071"));
});

server("has no PIN change of its own", () => {
  const card = turnedOn(SERVER);
  enter(card, "4071");
  card.hold("ok");
  shows(card, "CHALLNG>");
  card.hold("ok", 5000);
  shows(card, "CHALLNG>");
});

server("continues after a power cut", () => {
  const card = turnedOn(SERVER);
  enter(card, "4071");
  card.setBattery(0);
  card.setBattery(3000);
  shows(card, "");
  card.hold("press");
  enter(card, "2580");
  enter(card, "123456");
  shows(card, respond(SERVER, "123456", "2580"));
});

server("takes suites with P, and no others", () => {
  assert.is(seed(new Card(FIRMWARE), { ...SERVER, suite: DEMO.suite }), "WRONG_DATA");
  assert.is(seed(new Card(FIRMWARE), { ...SERVER, pinCheck: "card" }), "WRONG_DATA");
});

// ---- errors ----

const errors = suite("errors");

const TABLES = {
  "AES S-box": "637c777bf26b6fc5",
  "SHA-256 constants": "982f8a42",
  "SHA-512 constants": "22ae28d7982f8a42",
  "text of the self-test": "4453432b2073656c662d746573742031",
};

for (const [table, start] of Object.entries(TABLES)) {
  errors(`ERROR 01 if one bit of the ${table} is wrong`, () => {
    const card = new Card(damagedFirmware(start), { flash: demoFlash() });
    const before = card.flash.copy();
    card.hold("press");
    staysError(card, "ERROR 01");
    assert.equal(card.flash.copy(), before, "nothing is written");
  });
}

errors("ERROR 01 on a blank card, which is not started", () => {
  const card = new Card(damagedFirmware(TABLES["AES S-box"]));
  card.hold("press");
  shows(card, "ERROR 01");
  assert.ok(card.flash.isBlank);
});

errors("ERROR 02 if the head of the only page, or the root secret, has one wrong bit", () => {
  for (const offset of [0x00, 0x08, 0x0a, 0x14, 0x20, 0x40, 0x44, 0x48, 0x57, 0x58]) {
    const card = new Card(FIRMWARE, { flash: damagedFlash(offset) });
    const before = card.flash.copy();
    card.hold("press");
    staysError(card, "ERROR 02");
    assert.equal(card.flash.copy(), before, "nothing is written");
  }
});

errors("ERROR 02 if the card does not support the suite, even with a right check value", () => {
  for (const suite of ["", "noise", "OCRA-1:HOTP-SHA256-4:QN06", `${DEMO.suite}-S512`, "1".repeat(200)]) {
    const card = new Card(FIRMWARE, { flash: flashWithSuite(suite) });
    card.hold("press");
    staysError(card, "ERROR 02");
  }
  const same = new Card(FIRMWARE, { flash: flashWithSuite(DEMO.suite) });
  same.hold("press");
  shows(same, "PIN>");
});

errors("ERROR 02 if flash is all zeros or noise", () => {
  const noise = new Uint8Array(FLASH_SIZE);
  new Random(5).fill(noise);
  for (const contents of [new Uint8Array(FLASH_SIZE), noise]) {
    const card = new Card(FIRMWARE, { flash: new Flash(contents) });
    card.hold("press");
    staysError(card, "ERROR 02");
  }
});

errors("ERROR 03 if the random source fails, and no error once it works again", () => {
  const card = new Card(FIRMWARE, { flash: demoFlash() });
  card.randomFails = true;
  card.hold("press");
  staysError(card, "ERROR 03");
  card.randomFails = false;
  card.hold("press");
  shows(card, "PIN>");
});

errors("ERROR 03 if the random source stands still or repeats itself", () => {
  const flash = demoFlash();
  const fill = Random.prototype.fill;
  try {
    for (const period of [1, 8]) {
      Random.prototype.fill = (bytes) => bytes.set(bytes.map((_, i) => i % period));
      const card = new Card(FIRMWARE, { flash });
      card.hold("press");
      shows(card, "ERROR 03");
    }
  } finally {
    Random.prototype.fill = fill;
  }
});

errors("ERROR 03 on a blank card, before NO KEY", () => {
  const card = new Card(FIRMWARE);
  card.randomFails = true;
  card.hold("press");
  staysError(card, "ERROR 03");
  card.randomFails = false;
  card.hold("press");
  shows(card, "NO KEY");
});

errors("ERROR 03 if no fresh lock code can be drawn; once it works again the unlock code is accepted", () => {
  const card = turnedOn(DEMO);
  lock(card);
  const code = readUnlockCode(card);
  card.press("ok");
  card.type(code);
  card.randomFails = true;
  card.press("ok");
  staysError(card, "ERROR 03");
  card.randomFails = false;
  card.hold("press");
  shows(card, "LOCKED");
  assert.is(readUnlockCode(card), code);
  card.press("ok");
  enter(card, code);
  shows(card, "NEW>");
});

errors("come in the order of their numbers", () => {
  const both = new Card(damagedFirmware(TABLES["AES S-box"]), { flash: damagedFlash(0x14) });
  both.randomFails = true;
  both.hold("press");
  shows(both, "ERROR 01");
  const later = new Card(FIRMWARE, { flash: damagedFlash(0x14) });
  later.randomFails = true;
  later.hold("press");
  shows(later, "ERROR 02");
});

errors("come before LOCKED, and after BATT LOW", () => {
  const card = turnedOn(DEMO);
  lock(card);
  card.press("press");
  card.setBattery(2399);
  card.randomFails = true;
  card.down("press");
  card.wait(1799);
  shows(card, "BATT LOW");
  card.wait(1);
  shows(card, "ERROR 03");
});

/** An error is shown for 30 s. No key has an effect, except PRESS and its hold, which turn the card off. */
function staysError(card: Card, text: string): void {
  shows(card, text);
  card.press("ok");
  card.type("4071");
  card.hold("ok");
  shows(card, text);
  card.wait(29_979);
  shows(card, text);
  card.wait(1);
  assert.not(card.on);
  card.hold("press");
  shows(card, text);
  card.hold("press");
  assert.not(card.on);
  card.hold("press");
  shows(card, text);
  card.press("press");
  assert.not(card.on);
}

// ---- settings ----

const settings = suite("personalization");

settings("a card can have 3 to 10 tries", () => {
  for (let tries = 3; tries <= 10; tries++) {
    const card = turnedOn({ ...DEMO, tries });
    for (let left = tries - 1; left > 0; left--) {
      enter(card, "1111");
      shows(card, `LEFT ${left}`);
      assert.is(card.tries, left);
      card.wait(2000);
    }
    enter(card, "1111");
    shows(card, "LOCKED");
  }
  for (const tries of [0, 2, 11]) {
    assert.is(seed(new Card(FIRMWARE), { ...DEMO, tries }), "WRONG_DATA");
  }
});

settings("a card can have every suite", () => {
  for (const hash of ["SHA1", "SHA256", "SHA512"]) {
    for (const pinHash of ["", "-PSHA1", "-PSHA256", "-PSHA512"]) {
      const pinCheck = pinHash ? "server" : "card";
      const data: PersonalizationRecord = { ...DEMO, suite: `OCRA-1:HOTP-${hash}-8:QN06${pinHash}`, pinCheck };
      const card = turnedOn(data);
      enter(card, "4071");
      enter(card, "000256");
      shows(card, respond(data, "000256", "4071"));
    }
  }
  for (const suite of ["OCRA-1:HOTP-SHA256-6:QN06", "OCRA-1:HOTP-SHA256-8:QN08", "OCRA-1:HOTP-SHA256-8:C-QN06", ""]) {
    assert.is(seed(new Card(FIRMWARE), { ...DEMO, suite }), "WRONG_DATA");
  }
});

settings("a card answers the vectors of test/vectors in every suite", () => {
  for (const { suite, key, input, response } of atLeast(100, ocraVectors("card.json"))) {
    const card = turnedOn({ ...DEMO, suite, pinCheck: input.pin ? "server" : "card", key });
    enter(card, input.pin ?? DEMO.pin);
    enter(card, input.challenge);
    assert.is(card.display, response, `${suite} ${input.challenge}`);
  }
});

// ---- long use and power cuts ----

const endurance = suite("endurance");

endurance("every wrong PIN counts, however many logins came before", () => {
  const card = turnedOn(DEMO);
  for (let round = 0; round < 120; round++) {
    const wrong = 1 + (round % 4);
    for (let i = 1; i <= wrong; i++) {
      enter(card, "1111");
      shows(card, `LEFT ${5 - i}`);
      card.press("0");
    }
    enter(card, "4071");
    shows(card, "CHALLNG>");
    card.press("press");
    card.hold("press");
  }
});

endurance("an empty battery at a PIN turns the card off and spends no try, wherever in flash that falls", () => {
  const card = turnedOn(DEMO);
  for (let round = 0; round < 90; round++) {
    card.type("4071");
    card.setBattery(2099);
    card.press("ok");
    assert.not(card.on);
    card.setBattery(3000);
    card.hold("press");
    assert.is(card.tries, 5);
    enter(card, "4071");
    shows(card, "CHALLNG>");
    card.press("press");
    card.hold("press");
  }
});

endurance("a login that finds its page full and is interrupted anywhere spends one try at most", () => {
  const card = turnedOn(DEMO);
  fillPage(card);
  card.type("4071");
  const cuts = everyCutOfOk(card, () => {
    assert.ok(card.tries === 5 || card.tries === 4, `${card.tries}`);
    enter(card, "4071");
    shows(card, "CHALLNG>");
    assert.is(card.tries, 5);
    enter(card, "123456");
    shows(card, respond(DEMO, "123456"));
  });
  assert.ok(cuts > 80, "a page was written");
});

endurance("a first start interrupted anywhere starts again", () => {
  const card = new Card(FIRMWARE);
  card.save("blank");
  const fresh = () => {
    card.load("blank");
    return card;
  };
  everyCut(
    fresh,
    () => card.hold("press"),
    () => shows(card, "NO KEY"),
  );
});

endurance("five wrong PINs lock the card, wherever in flash they fall", () => {
  const card = turnedOn(DEMO);
  for (let round = 0; round < 90; round++) {
    card.save("before");
    lock(card);
    card.load("before");
    enter(card, "4071");
    card.press("press");
    card.hold("press");
  }
});

endurance("a last wrong PIN interrupted anywhere is the last", () => {
  const card = turnedOn(DEMO);
  for (let i = 0; i < 4; i++) {
    enter(card, "1111");
    card.press("0");
  }
  card.type("1111");
  const cuts = everyCutOfOk(card, (first) => {
    if (first && card.display === "PIN>") enter(card, "1111");
    shows(card, "LOCKED");
    const code = readUnlockCode(card);
    card.press("ok");
    enter(card, code);
    shows(card, "NEW>");
  });
  assert.ok(cuts > 30, "the wrap is destroyed word by word");
});

endurance("a right unlock code interrupted anywhere leaves the card locked, and its lock code valid", () => {
  const card = turnedOn(DEMO);
  lock(card);
  const old = readUnlockCode(card);
  card.press("ok");
  card.type(old);
  everyCutOfOk(card, () => {
    shows(card, "LOCKED");
    const code = readUnlockCode(card);
    card.press("ok");
    if (code !== old) {
      enter(card, old);
      shows(card, "WRONG");
      card.wait(2000);
      card.press("ok");
      card.press("ok");
    }
    enter(card, code);
    newPin(card, "2580");
    answers(card, "2580");
  });
});

endurance("a PIN change interrupted anywhere leaves the old PIN or the new one, and the key", () => {
  const card = turnedOn(DEMO);
  enter(card, "4071");
  card.hold("ok");
  enter(card, "2580");
  card.type("2580");
  const seen = new Set<string>();
  everyCutOfOk(card, () => {
    enter(card, "4071");
    const pin = card.display === "CHALLNG>" ? "4071" : "2580";
    seen.add(pin);
    if (pin === "4071") {
      card.press("press");
      card.hold("press");
      enter(card, "2580");
    }
    shows(card, "LEFT 4");
    card.press("0");
    answers(card, pin);
  });
  assert.is(seen.size, 2);
});

endurance("a PIN set after an unlock code and interrupted anywhere leaves the card locked, or the PIN set", () => {
  const card = turnedOn(DEMO);
  lock(card);
  const code = readUnlockCode(card);
  card.press("ok");
  enter(card, code);
  enter(card, "2580");
  card.type("2580");
  everyCutOfOk(card, () => {
    if (card.display === "LOCKED") {
      const fresh = readUnlockCode(card);
      assert.is.not(fresh, code);
      card.press("ok");
      enter(card, fresh);
      newPin(card, "2580");
    }
    answers(card, "2580");
  });
});

endurance("a personalization interrupted anywhere leaves no key, or a complete card", () => {
  const blank = new Flash();
  const first = new Card(FIRMWARE, { flash: blank });
  first.hold("press");
  first.hold("press");
  const fresh = ({ at }: Cut) => {
    const flash = new Flash();
    flash.restore(blank.copy());
    return new Card(FIRMWARE, { flash, seed: at });
  };
  const act = (card: Card) => {
    try {
      personalize(card, DEMO);
    } catch (error) {
      // The answer of a card that lost its power.
      if (card.battery > 0) throw error;
    }
  };
  const seen = new Set<string>();
  const check = (card: Card) => {
    seen.add(card.display);
    if (card.display === "NO KEY") {
      card.press("0");
      personalize(card, DEMO);
      card.hold("press");
    }
    answers(card, "4071");
  };
  everyCut(fresh, act, check, (at) => [at % 2 ? "torn" : "clean"]);
  assert.equal([...seen].sort(), ["NO KEY", "PIN>"]);
});

/** Logs in until the next login needs a new page of flash. */
function fillPage(card: Card): void {
  for (;;) {
    card.save("fillPage");
    const before = card.flash.operations;
    enter(card, "4071");
    if (card.flash.operations - before > 2) break;
    card.press("press");
    card.hold("press");
  }
  card.load("fillPage");
}

/**
 * Presses OK on the card, with a cut at each of its flash operations. `check` gets whether it was a clean cut before the first
 * one. Returns the number of operations.
 */
function everyCutOfOk(card: Card, check: (first: boolean) => void): number {
  card.save("everyCut");
  const fresh = () => {
    card.load("everyCut");
    return card;
  };
  return everyCut(
    fresh,
    () => card.press("ok"),
    (_, { at, mode }) => check(at === 1 && mode === "clean"),
  );
}

// ---- off ----

const off = suite("off");

off("leaves nothing in memory that was entered, derived or shown", () => {
  const card = turnedOn(DEMO);
  const root = card.flash.bytes.slice(rootAt(card.flash), rootAt(card.flash) + 16);
  const response = Buffer.from(respond(DEMO, "123456"));
  const pads = [0x36, 0x5c].flatMap((pad) => [DEMO.key, DEMO.unlockKey].map((key) => key.map((byte) => byte ^ pad)));
  const secrets = [DEMO.key, DEMO.unlockKey, root, response, ...pads, Buffer.from("4071"), Buffer.from("123456")];
  const leave: Record<string, () => void> = {
    press: () => card.press("press"),
    hold: () => card.hold("press"),
    "time-out": () => card.wait(60_000),
  };
  for (const [way, turnOff] of Object.entries(leave)) {
    enter(card, "4071");
    enter(card, "123456");
    assert.ok(holds(card, DEMO.key), "the key is open, where it is looked for");
    assert.ok(holds(card, response));
    turnOff();
    for (const secret of secrets) assert.not(holds(card, secret), `${way}: ${Buffer.from(secret).toString("hex")}`);
    card.hold("press");
  }
});

off("leaves no unused digits in memory", () => {
  const card = turnedOn(DEMO);
  card.type("4071");
  assert.ok(holds(card, Buffer.from("4071")), "they are where they are looked for");
  card.hold("press");
  assert.not(holds(card, Buffer.from("4071")));
  card.hold("press");
  enter(card, "4071");
  card.hold("ok");
  enter(card, "2580");
  assert.ok(holds(card, Buffer.from("2580")), "the one to repeat too");
  card.hold("press");
  assert.not(holds(card, Buffer.from("2580")));
});

off("leaves no code in memory", () => {
  const card = turnedOn(DEMO);
  lock(card);
  const code = readUnlockCode(card);
  const lockCode = card.display;
  assert.ok(holds(card, Buffer.from(lockCode)));
  card.hold("press");
  assert.not(holds(card, Buffer.from(lockCode)));
  card.hold("press");
  card.press("ok");
  card.press("ok");
  enter(card, code);
  shows(card, "NEW>");
  card.hold("press");
  for (const secret of [Buffer.from(lockCode), Buffer.from(code), DEMO.key, DEMO.unlockKey]) {
    assert.not(holds(card, secret));
  }
  card.hold("press");
  assert.not(holds(card, Buffer.from(readUnlockCode(card))), "an unlock code is never computed before it is typed");
});

off("leaves a memory that does not depend on key, PIN or challenge", () => {
  const left = (pin: string, key: Uint8Array, challenge: string, pinCheck: PersonalizationRecord["pinCheck"]) => {
    const suite = pinCheck === "server" ? SERVER.suite : DEMO.suite;
    const card = turnedOn({ ...DEMO, pin, key, suite, pinCheck });
    enter(card, pin);
    enter(card, challenge);
    assert.match(card.display, /^\d{8}$/);
    card.hold("press");
    return card.memory;
  };
  for (const pinCheck of ["card", "server"] as const) {
    const memory = left("4071", DEMO.key, "123456", pinCheck);
    assert.equal(left("4070", DEMO.key, "123456", pinCheck), memory, "PIN");
    assert.equal(left("4071", DEMO.unlockKey, "123456", pinCheck), memory, "key");
    assert.equal(left("4071", DEMO.key, "123450", pinCheck), memory, "challenge");
  }
});

off("closes the key after PIN SET", () => {
  const card = turnedOn(DEMO);
  enter(card, "4071");
  card.hold("ok");
  newPin(card, "2580");
  assert.not(holds(card, DEMO.key));
  assert.not(holds(card, DEMO.unlockKey));
  assert.not(holds(card, Buffer.from("2580")));
});

/** Whether eight bytes in a row of a secret, or all of a shorter one, are in the card's memory. */
function holds(card: Card, secret: Uint8Array): boolean {
  const memory = Buffer.from(card.memory);
  const size = Math.min(secret.length, 8);
  for (let at = 0; at + size <= secret.length; at++) {
    if (memory.includes(Buffer.from(secret.subarray(at, at + size)))) return true;
  }
  return false;
}

// ---- actions of a person ----

/** A card with the given settings that has been turned on. */
function turnedOn(data: PersonalizationRecord): Card {
  const card = new Card(FIRMWARE, { seed: 7 });
  personalize(card, data);
  card.hold("press");
  shows(card, "PIN>");
  return card;
}

function enter(card: Card, digits: string): void {
  card.type(digits);
  card.press("ok");
}

function shows(card: Card, text: string): void {
  assert.is(card.display, text);
}

/** Enters wrong PINs until the card is LOCKED. */
function lock(card: Card): void {
  for (let i = 0; i < 4; i++) {
    enter(card, "1111");
    shows(card, `LEFT ${4 - i}`);
    card.press("0");
  }
  enter(card, "1111");
  shows(card, "LOCKED");
}

/** Goes from LOCKED to the lock code. Returns the help desk's unlock code. */
function readUnlockCode(card: Card): string {
  card.press("ok");
  assert.match(card.display, /^\d{8}$/);
  return unlockCode(card.display);
}

/** From NEW> to PIN>. */
function newPin(card: Card, pin: string): void {
  shows(card, "NEW>");
  enter(card, pin);
  shows(card, "REP>");
  enter(card, pin);
  shows(card, "PIN SET");
  card.wait(2000);
  shows(card, "PIN>");
}

/** From PIN> to a right response. */
function answers(card: Card, pin: string): void {
  enter(card, pin);
  shows(card, "CHALLNG>");
  enter(card, "123456");
  shows(card, respond(DEMO, "123456"));
}

// ---- computations of a site and a help desk ----

function respond(data: PersonalizationRecord, challenge: string, pin?: string): string {
  return ocra(data.suite, data.key, pin === undefined ? { challenge } : { challenge, pin });
}

function unlockCode(lockCode: string): string {
  return ocra(UNLOCK_SUITE, DEMO.unlockKey, { challenge: lockCode });
}

// ---- damage ----

/** The firmware with one bit changed in its bytes `start` (hex). */
function damagedFirmware(start: string): WebAssembly.Module {
  const bytes = readFileSync(FIRMWARE_FILE);
  const at = bytes.indexOf(Buffer.from(start, "hex"));
  assert.ok(at > 0, `the firmware holds no ${start}`);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return new WebAssembly.Module(bytes);
}

/** The flash of a demo card. */
function demoFlash(): Flash {
  const card = new Card(FIRMWARE);
  personalize(card, DEMO);
  return card.flash;
}

/** The flash of a demo card with one bit changed, `offset` bytes into its only page. */
function damagedFlash(offset: number): Flash {
  const flash = demoFlash();
  const contents = flash.bytes.slice();
  const at = pageAt(flash) + offset;
  contents[at] = (contents[at] as number) ^ 1;
  return new Flash(contents);
}

/** The flash of a demo card with another suite, and the matching check value of its head. */
function flashWithSuite(suite: string): Flash {
  const flash = demoFlash();
  const contents = Buffer.from(flash.bytes);
  const head = contents.subarray(pageAt(flash), pageAt(flash) + Offset.ROOT);
  head[0x0b] = suite.length;
  head.fill(0, 0x20, Offset.HEAD_CHECK).write(suite.slice(0, 36), 0x20, "latin1");
  head.writeUInt32LE(crc32(head.subarray(0, Offset.HEAD_CHECK), head.readUInt32LE(4)), Offset.HEAD_CHECK);
  return new Flash(new Uint8Array(contents));
}

/** The address of the only page that is not erased. */
function pageAt(flash: Flash): number {
  return Math.floor(flash.bytes.findIndex((byte) => byte !== 0xff) / PAGE_SIZE) * PAGE_SIZE;
}

/** The address of the root secret (docs/FLASH.md). */
function rootAt(flash: Flash): number {
  return pageAt(flash) + Offset.ROOT;
}

files.run();
server.run();
errors.run();
settings.run();
endurance.run();
off.run();
