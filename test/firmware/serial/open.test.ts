// The commands that a card answers without a channel, and those that it refuses.

import * as assert from "uvu/assert";
import { Ins, Level, Sw, Tag } from "../../../firmware/wire.js";
import type { Command } from "../../../host-tools/card/apdu.js";
import { kdf } from "../../../host-tools/card/scp03.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import { Card } from "../../../sim/core/card.js";
import { currentBytes, rootOf } from "../../../sim/core/image.js";
import { converse, exchange, openChannel, personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { compile } from "../../mutants/apply.js";
import { aesFailsAt } from "../../mutants/single.js";
import { blank, demo, enter, getData, lock, module, send, WIPE } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const open = suite("without a channel");

open("a blank card reports its state, and that it has the public test keys", () => {
  const card = blank();
  assert.is(getData(card, Tag.SERIAL).sw, Sw.NO_SUCH_DATA);
  assert.is(getData(card, Tag.STATUS).data.toString("hex"), "01000000000001000bb8");
  assert.is(getData(card, Tag.KEY_INFORMATION).data.toString("hex"), "e012c00401ff8810c00402ff8810c00403ff8810");
});

open("a personalized card reports serial number, suite and tries, and nothing of its keys", () => {
  const card = demo();
  assert.is(getData(card, Tag.SERIAL).data.toString(), DEMO.serial);
  assert.is(getData(card, Tag.SUITE).data.toString(), DEMO.suite);
  assert.is(getData(card, Tag.STATUS).data.toString("hex"), "03000105050501000bb8");
});

open("the status says whether a card is locked or blocked", () => {
  const card = demo();
  lock(card);
  assert.is(getData(card, Tag.STATUS).data.subarray(0, 6).toString("hex"), "030101050005");
  for (let i = 0; i < 5; i++) {
    card.press("ok");
    if (card.state === "LOCKED") card.press("ok");
    card.press("ok");
    while (card.state !== "UNLOCK") card.press("ok");
    card.type("00000000");
    card.press("ok");
    card.wait(2000);
  }
  assert.is(getData(card, Tag.STATUS).data.subarray(0, 6).toString("hex"), "030201050000");
});

open("the card id is derived from the root secret, and stays the same until the card is wiped", () => {
  const card = blank();
  const idOf = (of: Card) => getData(of, Tag.CARD_ID).data;
  const first = idOf(card);
  const derived = () => Buffer.from(kdf(rootOf(currentBytes(card.flash.bytes)), 0x84, new Uint8Array(), 8));
  assert.is(first.length, 8);
  assert.equal(first, derived());
  assert.not.equal(first, idOf(new Card(module, { seed: 8 })), "another card has another one");
  personalize(card, DEMO);
  assert.equal(idOf(card), first, "seeded and personalized");
  card.setBattery(0);
  card.setBattery(3000);
  assert.equal(idOf(card), first, "after a new battery");
  lock(card);
  assert.equal(idOf(card), first, "locked");
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.equal(send(card, channel, { ins: Ins.GET_DATA, p1: 0xdf, p2: 0x24, le: 256 }).data, first, "in a channel");
  send(card, channel, WIPE);
  exchange(card, { cla: 0x00, ins: Ins.SELECT, p1: 4, p2: 0 });
  assert.not.equal(idOf(card), first, "a wiped card has a new one");
  assert.equal(idOf(card), derived());
});

open("a card whose AES fails reports no card id, because the result may be part of the root secret", async () => {
  const fails = 2999;
  const card = new Card(await compile(aesFailsAt(fails)), { seed: 7 });
  assert.is(getData(card, Tag.CARD_ID).sw, Sw.DONE);
  card.setBattery(fails);
  assert.equal(getData(card, Tag.CARD_ID), { sw: Sw.NO_SUCH_DATA, data: Buffer.alloc(0) });
});

open("without a channel every other command is refused, with any P1, P2 and length, and nothing changes", () => {
  const card = demo();
  getData(card, Tag.STATUS);
  const operations = card.flash.operations;
  const changing = [Ins.STORE_DATA, Ins.PUT_KEY, Ins.SET_STATUS, Ins.INTERNAL_AUTHENTICATE];
  for (const ins of [...changing, Ins.CHANGE_REFERENCE_DATA, Ins.RESET_RETRY_COUNTER]) {
    for (const cla of [0x00, 0x80, 0x04, 0x84]) {
      for (const length of [0, 1, 8, 16, 255]) {
        const { sw, data } = exchange(card, { cla, ins, p1: length, p2: 1, data: Buffer.alloc(length) });
        assert.is(sw, Sw.NOT_IN_THIS_CHANNEL, `${cla.toString(16)} ${ins.toString(16)} ${length}`);
        assert.is(data.length, 0);
      }
    }
  }
  assert.is(card.flash.operations, operations);
});

open("no instruction, class or length is answered with a part of the token key", () => {
  const card = demo();
  for (let ins = 0; ins < 256; ins++) {
    for (const cla of [0x00, 0x04, 0x80, 0x84, 0x90, 0xff]) {
      for (let length = 0; length < 256; length += cla === 0x80 ? 1 : 51) {
        const { data } = exchange(card, { cla, ins, p1: 0, p2: 0, data: Buffer.alloc(length, 0x5a), le: 256 });
        assert.not.ok(data.includes(Buffer.from(DEMO.key.subarray(0, 4))));
      }
    }
  }
  assert.is(enter(card, DEMO.pin), "CHALLNG>", "and the card works as before");
});

open("a malformed APDU gets 6700", () => {
  const card = blank();
  for (const hex of ["80", "80ca00", "80ca0045020102030405", "80ca00450001"]) {
    const [answer] = converse(card, Buffer.from(hex, "hex"));
    assert.is(answer?.toString("hex"), "6700", hex);
  }
});

open("GET DATA, SELECT and INITIALIZE UPDATE check P1, P2 and length", () => {
  const card = blank();
  const status = (command: Command) => exchange(card, command).sw;
  assert.is(status({ cla: 0x80, ins: Ins.GET_DATA, p1: 0x12, p2: 0x34 }), Sw.NO_SUCH_DATA);
  assert.is(status({ cla: 0x80, ins: Ins.GET_DATA, p1: 0, p2: 0xe0, data: Buffer.of(1) }), Sw.WRONG_LENGTH);
  assert.is(status({ cla: 0x80, ins: Ins.GET_DATA, p1: 0x12, p2: 0x34, data: Buffer.of(1) }), Sw.NO_SUCH_DATA);
  assert.is(status({ cla: 0x00, ins: Ins.SELECT, p1: 4, p2: 0 }), Sw.DONE);
  assert.is(status({ cla: 0x00, ins: Ins.SELECT, p1: 0, p2: 0 }), Sw.WRONG_PARAMETERS);
  assert.is(
    status({ cla: 0x00, ins: Ins.SELECT, p1: 4, p2: 0, data: Buffer.from("a0000001510001", "hex") }),
    Sw.NO_APPLICATION,
  );
  assert.is(status({ cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: Buffer.alloc(7) }), Sw.WRONG_LENGTH);
  assert.is(
    status({ cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 1, data: Buffer.alloc(8) }),
    Sw.WRONG_PARAMETERS,
  );
  assert.is(status({ cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0x30, p2: 0, data: Buffer.alloc(8) }), Sw.NO_SUCH_DATA);
});

open.run();
