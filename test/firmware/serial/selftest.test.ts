// SELF TEST over the serial line (docs/PROTOCOL.md).

import * as assert from "uvu/assert";
import { Ins, Level, Sw } from "../../../firmware/wire.js";
import { type Keyset, testKeys } from "../../../host-tools/card/transportkeys.js";
import type { Card } from "../../../sim/core/card.js";
import { exchange, openChannel } from "../../../sim/session/cardcommands.js";
import { blank, demo, send } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const selfTests = suite("self test");

function selfTest(card: Card, test: number): { sw: number; data: Buffer } {
  return exchange(card, { cla: 0x80, ins: Ins.SELF_TEST, p1: test, p2: 0, le: 256 });
}

selfTests("a personalized card refuses SELF TEST", () => {
  for (let test = 0; test < 8; test++) assert.is(selfTest(demo(), test).sw, Sw.NOT_IN_THIS_STATE);
});

selfTests("SELF TEST lights the screen, reports the keys, and tests battery, random source and algorithms", () => {
  const card = blank();
  assert.is(selfTest(card, 1).sw, Sw.DONE);
  assert.is(card.display, "********");
  assert.is(selfTest(card, 2).data.toString("hex"), "0000");
  for (const key of ["0", "9", "ok", "press"] as const) card.press(key);
  assert.ok(card.on, "PRESS is a key like the others here");
  assert.is(selfTest(card, 2).data.toString("hex"), "0e01");
  assert.is(selfTest(card, 3).data.readUInt16BE(), 3000);
  assert.is(selfTest(card, 5).data[0], 1);
  card.randomFails = true;
  assert.is(selfTest(card, 5).data[0], 0);
  assert.is(selfTest(card, 6).data[0], 1);
  assert.is(selfTest(card, 7).sw, Sw.WRONG_PARAMETERS);
  card.hold("press");
  assert.not.ok(card.on);
});

selfTests("SELF TEST of flash needs a channel and tests the unused pages", () => {
  const card = blank();
  assert.is(selfTest(card, 4).sw, Sw.NOT_IN_THIS_CHANNEL);
  const keys: Keyset = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  assert.equal(send(card, channel, { ins: Ins.SELF_TEST, p1: 4, p2: 0, le: 256 }).data, Buffer.of(3));
});

selfTests.run();
