// PIN change, unlocking and wipe over the serial line.

import * as assert from "uvu/assert";
import { Ins, Level, Sw, Tag } from "../../../firmware/wire.js";
import type { Command } from "../../../host-tools/card/apdu.js";
import { encodeRecord } from "../../../host-tools/card/cardclient.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { diversificationData, diversify, putKeyData, testKeys } from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { UNLOCK_SUITE } from "../../../host-tools/seeds/suite.js";
import { PAGE_SIZE } from "../../../sim/core/flash.js";
import { currentBytes, currentPage, readImage, rootOf } from "../../../sim/core/image.js";
import { openChannel } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { everyCut } from "../../support/cuts.js";
import { CHANGE, demo, digits, enter, FINISH, getData, lock, STORE, send, UNLOCK, WIPE } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const later = suite("PIN, unlock code and wipe over serial");

later("CHANGE REFERENCE DATA takes the old PIN and sets a new one", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(send(card, channel, { ...CHANGE, data: digits("99998053") }).sw, 0x63c4);
  assert.is(send(card, channel, { ...CHANGE, data: digits("40718053") }).sw, Sw.DONE);
  card.press("press");
  assert.is(enter(card, "8053"), "CHALLNG>");
});

later("RESET RETRY COUNTER takes an unlock code and a new PIN, on a locked card", () => {
  const card = demo();
  const early = openChannel(card, Level.FULL, testKeys());
  assert.is(send(card, early, { ...UNLOCK, data: digits("123456788053") }).sw, Sw.NOT_IN_THIS_STATE, "not locked");
  card.press("press");
  const lockCode = lock(card);
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(send(card, channel, { ...UNLOCK, data: digits("000000008053") }).sw, 0x63c4);
  const code = ocra(UNLOCK_SUITE, DEMO.unlockKey, { challenge: lockCode });
  assert.is(send(card, channel, { ...UNLOCK, data: digits(`${code}8053`) }).sw, Sw.DONE);
  card.press("press");
  assert.is(enter(card, "8053"), "CHALLNG>");
});

later("the fifth wrong unlock code blocks the card", () => {
  const card = demo();
  lock(card);
  const channel = openChannel(card, Level.FULL, testKeys());
  const answers = Array.from({ length: 6 }, () => send(card, channel, { ...UNLOCK, data: digits("000000008053") }).sw);
  assert.equal(answers, [0x63c4, 0x63c3, 0x63c2, 0x63c1, 0x63c0, Sw.NO_TRIES]);
});

later("a wipe leaves no key and no root, and keeps serial number and transport keys", () => {
  const card = demo();
  const secret = Buffer.from(rootOf(currentBytes(card.flash.bytes)));
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(send(card, channel, { ...WIPE }).sw, Sw.DONE);
  assert.not.ok(Buffer.from(card.flash.bytes).includes(secret));
  card.press("press");
  card.hold("press");
  assert.is(card.display, "NO KEY");
  assert.is(getData(card, Tag.SERIAL).data.toString(), DEMO.serial);
  openChannel(card, Level.FULL, testKeys());
});

later("a wipe zeroes the root secret, stale copies too, before it erases anything", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  const page = currentPage(readImage(card.flash.bytes))?.page;
  const root = Buffer.from(rootOf(currentBytes(card.flash.bytes)));
  let erased = false;
  card.flash.onChange = (_address, length) => {
    if (length < PAGE_SIZE) return;
    erased = true;
    assert.not.ok(Buffer.from(card.flash.bytes).includes(root.subarray(0, 4)));
  };
  // An erase would remove the root anyway, so look earlier: at the first program in another page.
  const program = card.flash.program.bind(card.flash);
  let rootAtFirstProgramElsewhere: boolean | undefined;
  card.flash.program = (address, value) => {
    const elsewhere = Math.floor(address / PAGE_SIZE) !== page;
    if (elsewhere) rootAtFirstProgramElsewhere ??= Buffer.from(card.flash.bytes).includes(root);
    program(address, value);
  };
  assert.is(send(card, channel, { ...WIPE }).sw, Sw.DONE);
  assert.ok(erased);
  assert.is(rootAtFirstProgramElsewhere, false);
});

later("after a power cut anywhere a wipe is finished at power-on, or has not begun", () => {
  let wipe: Uint8Array = new Uint8Array();
  const withChannel = () => {
    const card = demo();
    wipe = encodeFrame(0, wire(openChannel(card, Level.FULL, testKeys()).wrap({ cla: 0x84, ...WIPE })));
    return card;
  };
  const seen = new Set<string>();
  everyCut(
    withChannel,
    (card) => card.receive(wipe),
    (card, { at, mode }) => {
      seen.add(card.display);
      assert.ok(["NO KEY", "PIN>"].includes(card.display), `${mode} ${at}: ${card.display}`);
      if (card.display === "PIN>") assert.is(enter(card, DEMO.pin), "CHALLNG>", `${mode} ${at}`);
    },
  );
  assert.is(seen.size, 2, "both happen");
});

later("a wipe that the random source stops blocks every other command, and power-on finishes it", () => {
  const card = demo();
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  card.randomFails = true;
  assert.is(send(card, channel, { ...WIPE }).sw, Sw.NOT_USABLE);
  const fresh = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);
  const put = { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data: putKeyData(fresh, keys.dek) } as const;
  assert.is.not(send(card, channel, put).sw, Sw.DONE);
  card.press("press");
  card.hold("press");
  assert.is(card.display, "ERROR 03");
  card.press("press");
  card.randomFails = false;
  card.hold("press");
  assert.is(card.display, "NO KEY");
});

later("a record that the random source stops changes nothing, and no later command finishes it", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  card.randomFails = true;
  const other = encodeRecord({ ...DEMO, pin: "8053", key: Buffer.alloc(32, 7) }, testKeys().dek);
  assert.is(send(card, channel, { ...STORE, data: other }).sw, Sw.NOT_USABLE);
  card.randomFails = false;
  assert.is(send(card, channel, { ...FINISH }).sw, Sw.NOT_IN_THIS_STATE);
  card.press("press");
  assert.is(enter(card, DEMO.pin), "CHALLNG>");
});

later("a right unlock code whose command fails later leaves no key in memory", () => {
  const card = demo();
  const lockCode = lock(card);
  const channel = openChannel(card, Level.FULL, testKeys());
  card.randomFails = true;
  const code = ocra(UNLOCK_SUITE, DEMO.unlockKey, { challenge: lockCode });
  assert.is(send(card, channel, { ...UNLOCK, data: digits(`${code}8053`) }).sw, Sw.NOT_USABLE);
  const memory = Buffer.from(card.memory);
  assert.not.ok(memory.includes(Buffer.from(DEMO.key.subarray(0, 8))));
  assert.not.ok(memory.includes(Buffer.from(DEMO.unlockKey.subarray(0, 8))));
});

later("below 2,100 mV a change is refused with 6985", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  card.setBattery(2099);
  assert.is(send(card, channel, { ...CHANGE, data: digits("40718053") }).sw, Sw.NOT_IN_THIS_STATE);
  card.setBattery(3000);
  card.press("press");
  assert.is(enter(card, DEMO.pin), "CHALLNG>");
});

later.run();

function wire(command: Command): Uint8Array {
  const data = command.data ?? new Uint8Array();
  return Uint8Array.from([command.cla, command.ins, command.p1, command.p2, data.length, ...data]);
}
