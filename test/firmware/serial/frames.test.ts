// Frames on the serial line, as the firmware receives them (docs/PROTOCOL.md, frames).

import fc from "fast-check";
import * as assert from "uvu/assert";
import { Ins, Sw } from "../../../firmware/wire.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { converse, exchange, payloads } from "../../../sim/session/cardcommands.js";
import { blank } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const frames = suite("frames");

frames("a hello turns the card on and is answered with the protocol's version", () => {
  const card = blank();
  assert.equal(converse(card, new Uint8Array()), [Buffer.of(1)]);
  assert.ok(card.on);
});

frames("the card turns off 30 s after the last frame", () => {
  const card = blank();
  converse(card, new Uint8Array());
  card.wait(20_000);
  converse(card, new Uint8Array());
  card.wait(29_999);
  assert.ok(card.on);
  card.wait(1);
  assert.not.ok(card.on);
});

frames("a card whose battery is too low does not answer", () => {
  const card = blank();
  card.setBattery(2099);
  assert.equal(converse(card, new Uint8Array()), []);
  assert.not.ok(card.on);
});

frames("frames with a wrong CRC, channel, escape or length are not answered", () => {
  const card = blank();
  const good = encodeFrame(0, Buffer.from("80ca004500", "hex"));
  const flipped = Buffer.from(good);
  flipped[3] = (flipped[3] as number) ^ 1;
  const noise = [
    flipped,
    Buffer.from("c002a1b2c0", "hex"),
    Buffer.from("c000db00c0", "hex"),
    Buffer.from("c0c0c000c0", "hex"),
  ];
  noise.push(Buffer.concat([Buffer.of(0xc0), Buffer.alloc(600, 1), Buffer.of(0xc0)]));
  for (const bytes of noise) {
    card.receive(bytes);
    assert.is(card.takeSent().length, 0, bytes.toString("hex").slice(0, 20));
  }
  assert.not.ok(card.on, "noise does not wake the card");
  assert.is(exchange(card, { cla: 0x80, ins: Ins.GET_DATA, p1: 0, p2: 0xe0, le: 256 }).sw, Sw.DONE, "it survived");
});

frames("a valid frame after any noise is answered", () => {
  const card = blank();
  const hello = encodeFrame(0, new Uint8Array());
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (noise) => {
      card.receive(noise);
      card.receive(Uint8Array.of(0xc0));
      card.takeSent();
      card.receive(hello);
      assert.equal(payloads(card.takeSent()), [Buffer.of(1)]);
    }),
    { numRuns: 300 },
  );
});

frames.run();
