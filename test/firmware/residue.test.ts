// What stays in memory: turning off, a time-out or a power cut leaves nothing of a PIN, a key or a response
// (docs/CARD.md: "Off wipes everything that was entered, derived or shown"). Mutants leave out one wipe each.

import * as assert from "uvu/assert";
import { Card, MEMORY_SIZE } from "../../sim/core/card.js";
import { currentBytes, rootOf } from "../../sim/core/image.js";
import { personalize } from "../../sim/session/cardcommands.js";
import { compile } from "../mutants/apply.js";
import { SKIPPED_WIPES } from "../mutants/residue.js";
import { blankCard, expected, failCode, failPin, login, MODULE, seed, setPin, turnOn } from "../support/cards.js";
import { differences } from "../support/memory.js";
import { ONE, OTHER, type Owner } from "../support/owners.js";
import { type Flow, logIn, SCREENS, unlockWith } from "../support/screens.js";
import { suite } from "../support/suite.js";

const residue = suite("residue");

/** Ways in which a card turns off. The memory is compared right after. */
const ENDINGS: Record<string, (card: Card) => void> = {
  "hold PRESS": (card) => card.hold("press"),
  "its time is over": (card) => card.wait(400_000),
  PRESS: (card) => {
    for (let i = 0; i < 4 && card.on; i++) card.press("press");
  },
};

/** A personalized card whose flash is the same for every owner, except for the sealed data. */
function cardFor(owner: Owner, module = MODULE): Card {
  const card = new Card(module, { seed: 77 });
  personalize(card, owner.record);
  return card;
}

/** However the card turns off on this screen, its memory holds nothing of the owner and is the same for both owners. */
function assertNothingLeft(screen: Flow, module = MODULE): void {
  for (const [how, ending] of Object.entries(ENDINGS)) {
    const one = offAfter(screen, ending, ONE, module);
    const other = offAfter(screen, ending, OTHER, module);
    assert.is(differences(one.memory, other.memory), "", how);
    assert.ok(
      one.beyond.every((byte) => byte === 0),
      "beyond the memory",
    );
    assertHolds(one, ONE, how);
  }
}

function offAfter(screen: Flow, ending: (card: Card) => void, owner: Owner, module: WebAssembly.Module): Card {
  const card = cardFor(owner, module);
  screen(card, owner);
  assert.ok(card.on);
  ending(card);
  assert.not(card.on);
  return card;
}

for (const [name, screen] of Object.entries(SCREENS)) {
  residue(`${name}: after power-off the memory is the same for two owners`, () => {
    assertNothingLeft(screen);
  });
}

residue("a battery that is too low for the try turns the card off and leaves nothing", () => {
  const run = (owner: Owner) => {
    const card = cardFor(owner);
    SCREENS["PIN> with digits"]?.(card, owner);
    card.setBattery(2000);
    card.press("ok");
    assert.not(card.on);
    return card;
  };
  assert.is(differences(run(ONE).memory, run(OTHER).memory), "");
});

residue("a card keeps nothing of its record in memory after personalization", () => {
  const [one, other] = [cardFor(ONE), cardFor(OTHER)];
  assert.is(differences(one.memory, other.memory), "");
  assertHolds(one, ONE, "personalized");
});

residue("a refused record leaves nothing", () => {
  const run = (owner: Owner) => {
    const card = blankCard({ seed: 77 });
    assert.is(seed(card, { ...owner.record, tries: 2 }), "WRONG_DATA");
    return card;
  };
  const [one, other] = [run(ONE), run(OTHER)];
  assertHolds(one, ONE, "refused");
  assert.is(differences(one.memory, other.memory), "");
});

residue("after a loss of power the memory is that of a new instance", () => {
  const fresh = blankCard({ battery: 0 }).memory;
  const card = cardFor(ONE);
  logIn(card, ONE);
  assert.is.not(differences(card.memory, fresh), "");
  card.setBattery(0);
  assert.is(differences(card.memory, fresh), "");
  card.setBattery(3000);
  assert.is(differences(card.memory, blankCard().memory), "");
  card.cutAt(2, "torn");
  login(card, ONE.record.pin);
  assert.ok(card.takeCut());
  assert.is(differences(card.memory, fresh), "");
});

residue("PIN SET wipes keys and PIN at once, while the message still shows", () => {
  const card = cardFor(ONE);
  SCREENS["PIN SET"]?.(card, ONE);
  assert.is(card.display, "PIN SET");
  assertKeysGone(card, ONE);
  assert.is(find(card.memory, ascii(ONE.newPin)), -1);
});

residue("a wrong PIN leaves no key and no PIN in memory while its message shows", () => {
  const card = cardFor(ONE);
  SCREENS["LEFT 2"]?.(card, ONE);
  assertKeysGone(card, ONE);
  assert.is(find(card.memory, ascii(ONE.wrongPin)), -1);
});

residue("the PIN is wiped when the response shows", () => {
  const card = cardFor(ONE);
  logIn(card, ONE);
  assert.is(find(card.memory, ascii(ONE.record.pin)), -1);
});

residue("OK wipes the response", () => {
  const card = cardFor(ONE);
  logIn(card, ONE);
  card.press("ok");
  assert.is(find(card.memory, ascii(expected(ONE.challenge, ONE.record))), -1);
});

residue("the memory beyond what a chip has is never written", () => {
  const card = cardFor(ONE);
  for (let i = 0; i < 100; i++) login(card, ONE.record.pin, ONE.challenge);
  failPin(card, 3);
  failCode(card, 4);
  unlockWith(card, ONE);
  setPin(card, ONE.newPin);
  assert.is(card.beyond.length, 65536 - MEMORY_SIZE);
  assert.ok(card.beyond.every((byte) => byte === 0));
});

residue("the search finds keys and PIN while the card is on", () => {
  const card = cardFor(ONE);
  turnOn(card);
  card.type(ONE.record.pin);
  assert.ok(find(card.memory, ascii(ONE.record.pin)) >= 0);
  card.press("ok");
  assert.ok(find(card.memory, ONE.record.key.subarray(8, 16)) >= 0);
});

// ---- wipes that are left out ----

for (const skip of SKIPPED_WIPES) {
  residue(`noticed if it does not hold: ${skip.breaks}`, async () => {
    const screen = SCREENS[skip.on];
    assert.ok(screen);
    const module = await compile(skip);
    assert.ok(isNoticed(screen, module), "nothing is left");
  });
}

function isNoticed(screen: Flow, module: WebAssembly.Module): boolean {
  try {
    assertNothingLeft(screen, module);
    return false;
  } catch (error) {
    // Only the memory comparisons use `is`. A card that traps or stays on fails otherwise.
    if (error instanceof assert.Assertion && error.operator === "is") return true;
    throw error;
  }
}

residue("the firmware itself, compiled like the mutants, passes", async () => {
  const module = await compile();
  for (const { on } of SKIPPED_WIPES) assertNothingLeft(SCREENS[on] as Flow, module);
});

// ---- searching ----

/** Asserts that nothing of the owner, and no root secret, is in the memory. */
function assertHolds(card: Card, owner: Owner, how: string): void {
  assertKeysGone(card, owner);
  const root = rootOf(currentBytes(card.flash.bytes));
  assert.is(find(card.memory, root.subarray(0, 8)), -1, `${how}: root`);
  assert.is(find(card.memory, root.subarray(8)), -1, `${how}: root`);
  for (const text of [
    owner.record.pin,
    owner.newPin,
    owner.wrongPin,
    owner.challenge,
    expected(owner.challenge, owner.record),
  ])
    assert.is(find(card.memory, ascii(text)), -1, `${how}: digits`);
}

/** Asserts that no 8 bytes of a key are in the memory, plain or as HMAC pads them (RFC 2104). */
function assertKeysGone(card: Card, { record }: Owner): void {
  const { memory } = card;
  for (const key of [record.key, record.unlockKey]) {
    for (const pad of [0, 0x36, 0x5c]) {
      const padded = key.map((byte) => byte ^ pad);
      for (let at = 0; at + 8 <= key.length; at++) {
        assert.is(find(memory, padded.subarray(at, at + 8)), -1, `bytes ${at} of a key, pad ${pad}`);
      }
    }
  }
}

function find(memory: Uint8Array, bytes: Uint8Array): number {
  return Buffer.from(memory.buffer, memory.byteOffset, memory.length).indexOf(bytes);
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

residue.run();
