// Descriptions of flash images: they are correct, and contain no secret.

import * as assert from "uvu/assert";
import { Tag } from "../../../firmware/wire.js";
import type { PersonalizationRecord } from "../../../host-tools/card/cardclient.js";
import { Card } from "../../../sim/core/card.js";
import { FLASH_SIZE, Flash, PAGE_SIZE, PAGES } from "../../../sim/core/flash.js";
import {
  currentBytes,
  currentPage,
  isPlausible,
  Offset,
  pageBytes,
  readImage,
  rootOf,
  WRAP_SIZE,
} from "../../../sim/core/image.js";
import { Random } from "../../../sim/core/random.js";
import { DEMO } from "../../../sim/session/demo.js";
import { describe } from "../../../sim/session/inspect.js";
import {
  askUnlock,
  blankCard,
  cardOf,
  failCode,
  failPin,
  lockedCard,
  login,
  MODULE,
  turnOff,
  turnOn,
} from "../../support/cards.js";
import { getData } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const image = suite("image");

const BLANK = new Uint8Array(FLASH_SIZE).fill(0xff);
const SERVER: Partial<PersonalizationRecord> = { pinCheck: "server", suite: "OCRA-1:HOTP-SHA1-8:QN06-PSHA512" };

function started(): Card {
  const card = blankCard();
  turnOn(card);
  return card;
}

function current(card: Card) {
  const page = currentPage(readImage(card.flash.bytes));
  assert.ok(page);
  return page as NonNullable<typeof page>;
}

image("a blank image has four erased pages and no valid one", () => {
  const pages = readImage(BLANK);
  assert.equal(
    pages.map((page) => page.state),
    ["erased", "erased", "erased", "erased"],
  );
  assert.is(currentPage(pages), undefined);
  assert.match(describe(BLANK).join("\n"), /never started/);
});

image("a started card has a root secret and nothing else", () => {
  const page = current(started());
  assert.is(page.root, "whole");
  assert.is(page.head?.life, "blank");
});

image("a personalized card has the host's data", () => {
  const page = current(cardOf({ tries: 7, serial: "IB3000123" }));
  assert.is(page.head?.life, "personalized");
  assert.is(page.head?.serial, "IB3000123");
  assert.is(page.head?.suite, DEMO.suite);
  assert.is(page.head?.pinCheck, "card");
  assert.is(page.head?.tries, 7);
  assert.is(page.head?.hasLockCode, true);
  assert.equal([page.root, page.pinWrap, page.codeWrap], ["whole", "whole", "whole"]);
  assert.is(page.pinSlots.free, 74);
  assert.is(page.codeSlots.free, 5);
});

image("a card with the server's PIN check has one wrap", () => {
  const page = current(cardOf(SERVER));
  assert.is(page.head?.pinCheck, "server");
  assert.equal([page.pinWrap, page.codeWrap], ["whole", "zeroed"]);
});

image("tries are counted from the slots", () => {
  const card = cardOf();
  login(card);
  login(card);
  failPin(card, 3);
  const { pinSlots } = current(card);
  assert.equal(pinSlots, { spent: 3, givenBack: 2, unclear: 0, free: 69 });
  assert.match(describe(card.flash.bytes).join("\n"), /3 spent, 2 given back, 69 free/);
});

image("a slot that a power cut interrupted is unclear", () => {
  const card = cardOf();
  turnOn(card);
  card.type("8888");
  card.cutAt(1, "torn");
  card.press("ok");
  assert.is(current(card).pinSlots.unclear, 1);
});

image("locked and blocked cards have wraps of zeros", () => {
  const card = lockedCard();
  assert.equal([current(card).pinWrap, current(card).codeWrap], ["zeroed", "whole"]);
  failCode(card, 5);
  assert.equal([current(card).pinWrap, current(card).codeWrap], ["zeroed", "zeroed"]);
  assert.is(current(card).codeSlots.spent, 5);
});

image("a changed byte breaks its record", () => {
  const card = cardOf();
  const { page } = current(card);
  const broken = (at: number) => {
    const bytes = card.flash.bytes.slice();
    bytes[page * PAGE_SIZE + at] = (bytes[page * PAGE_SIZE + at] as number) ^ 1;
    return readImage(bytes)[page];
  };
  assert.is(broken(0x0a)?.state, "broken", "head");
  assert.is(broken(0x4a)?.root, "broken");
  assert.is(broken(0x5d)?.keys, "broken");
  assert.is(broken(0x91)?.pinWrap, "broken");
  assert.is(broken(0x109)?.codeWrap, "broken");
  assert.is(broken(0x180)?.wiping, true);
});

// ---- plausible or not ----

image("a card's flash is plausible at every operation of its life", () => {
  const card = blankCard();
  let checked = 0;
  card.flash.onChange = () => {
    checked++;
    assert.ok(isPlausible(card.flash.bytes), `operation ${checked}`);
  };
  turnOn(card);
  turnOff(card);
  const personalized = cardOf();
  personalized.flash.onChange = () => assert.ok(isPlausible(personalized.flash.bytes));
  failPin(personalized, 5);
  failCode(personalized, 5);
  assert.ok(checked > 5);
});

image("a first start interrupted in any word leaves a plausible flash", () => {
  for (let at = 1; at <= 20; at++) {
    for (let seed = 1; seed <= 5; seed++) {
      const card = blankCard({ seed });
      card.cutAt(at, "torn");
      turnOn(card);
      assert.ok(card.takeCut(), `operation ${at} is cut`);
      assert.ok(isPlausible(card.flash.bytes), `operation ${at}, seed ${seed}`);
    }
  }
});

image("other files are not plausible", () => {
  const random = new Random(1);
  for (let i = 0; i < 50; i++) {
    const bytes = new Uint8Array(FLASH_SIZE);
    random.fill(bytes);
    assert.not(isPlausible(bytes));
  }
  assert.not(isPlausible(new Uint8Array(FLASH_SIZE)));
  assert.not(isPlausible(BLANK.subarray(1)));
  assert.not(isPlausible(new Uint8Array(0)));
  assert.not(isPlausible(Buffer.from("text ".repeat(1000)).subarray(0, FLASH_SIZE)));
});

// ---- secrets ----

/** Every notation in which bytes could be printed: hex, decimal, base64, text. */
function notations(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  const hex = buffer.toString("hex");
  return [
    hex,
    [...hex.matchAll(/../g)].join(" "),
    [...hex.matchAll(/../g)].join(":"),
    [...bytes].join(","),
    [...bytes].join(" "),
    buffer.toString("base64").replace(/=+$/, "").slice(0, -1),
    buffer.toString("latin1"),
  ];
}

/** Asserts that `text` has no four bytes of `secret` in a row, in any notation. */
function assertMasked(text: string, secret: Uint8Array, what: string): void {
  for (let at = 0; at + 4 <= secret.length; at++) {
    for (const notation of notations(secret.subarray(at, at + 4)))
      assert.not(text.toLowerCase().includes(notation.toLowerCase()), `${what}, byte ${at}: ${notation}`);
  }
}

image("a description says whether the card turns on with ERROR 02, and has the card id that the card reports", () => {
  const counts = { error: 0, id: 0, fresh: 0 };
  for (const intact of [started(), cardOf(), cardOf(SERVER)]) {
    const start = currentBytes(intact.flash.bytes).byteOffset;
    for (const at of [undefined, 0x00, 0x04, 0x08, 0x0b, 0x0f, 0x20, 0x44, 0x48, 0x58, 0x5c, 0x8c, 0x90, 0x108]) {
      const bytes = Uint8Array.from(intact.flash.bytes);
      if (at !== undefined) bytes[start + at] = (bytes[start + at] as number) ^ 0x41;
      const said = describe(bytes).join("\n");
      const card = new Card(MODULE, { flash: new Flash(bytes) });
      const shown = turnOn(card);
      assert.is(/ERROR 02/.test(said), shown === "ERROR 02", `${at}: ${said}`);
      const id = /^card id (.*)$/m.exec(said)?.[1];
      if (id !== undefined) assert.is(getData(card, Tag.CARD_ID).data.toString("hex"), id, `${at}`);
      counts[shown === "ERROR 02" ? "error" : id === undefined ? "fresh" : "id"]++;
    }
  }
  assert.ok(counts.error > 10 && counts.id > 5 && counts.fresh > 0, JSON.stringify(counts));
});

image("no description contains a byte of a card's secrets, in any notation", () => {
  const random = new Random(8);
  const key = new Uint8Array(32);
  const unlockKey = new Uint8Array(32);
  random.fill(key);
  random.fill(unlockKey);
  const pin = "7394";
  const card = lockedCard({ key, unlockKey, pin, tries: 3 }, { seed: 9 });
  const lockCode = askUnlock(card);
  const open = cardOf({ key, unlockKey, pin }, { seed: 10 });
  login(open, pin);
  for (const bytes of [card.flash.bytes, open.flash.bytes, cardOf({ ...SERVER, key, pin }).flash.bytes]) {
    const text = describe(bytes).join("\n");
    const page = currentBytes(bytes);
    const pinWrap = page.subarray(Offset.PIN_WRAP, Offset.PIN_WRAP + WRAP_SIZE);
    const codeWrap = page.subarray(Offset.CODE_WRAP, Offset.CODE_WRAP + WRAP_SIZE);
    assertMasked(text, key, "token key");
    assertMasked(text, unlockKey, "unlock key");
    assertMasked(text, rootOf(page), "root secret");
    assertMasked(text, pinWrap, "PIN wrap");
    if (codeWrap[0] !== 0) assertMasked(text, codeWrap, "unlock wrap");
    const number = new DataView(bytes.buffer, page.byteOffset).getUint32(0x10, true);
    for (const code of [lockCode, String(Number(lockCode)), number === 0 ? lockCode : String(number)])
      assert.not(text.includes(code), "lock code");
    assert.not(text.includes(Number(lockCode).toString(16)), "lock code in hex");
    assert.not(text.includes(pin), "PIN");
  }
});

image("no description contains secrets of stale or half-written pages", () => {
  const card = cardOf({}, { seed: 3 });
  turnOn(card);
  card.cutAt(60, "clean");
  card.type(DEMO.pin);
  card.press("ok");
  card.hold("ok");
  for (let i = 0; i < 2; i++) {
    card.type("7394");
    card.press("ok");
  }
  assert.ok(card.takeCut(), "power failed while the new page was written");
  const text = describe(card.flash.bytes).join("\n");
  for (let page = 0; page < PAGES; page++) {
    const root = rootOf(pageBytes(card.flash.bytes, page));
    if (root.some((byte) => byte !== 0xff)) assertMasked(text, root, "root secret");
  }
});

image.run();
