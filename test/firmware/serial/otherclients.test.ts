// The commands that other projects' clients send to a GlobalPlatform card (docs/PROTOCOL.md, other clients).

import * as assert from "uvu/assert";
import { Ins, Level, Sw, Tag } from "../../../firmware/wire.js";
import { LEVELS } from "../../../host-tools/card/scp03.js";
import {
  diversificationData,
  diversify,
  type Keyset,
  putKeyAnswer,
  putKeyData,
  testKeys,
} from "../../../host-tools/card/transportkeys.js";
import type { Card } from "../../../sim/core/card.js";
import { converse, exchange, openChannel } from "../../../sim/session/cardcommands.js";
import { OracleHost } from "../../support/scp03oracle.js";
import { blank, getData, send } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const clients = suite("other clients");

const ISO = 0x00;
const GP = 0x80;
const KEY_BLOCKS = "c00401ff8810c00402ff8810c00403ff8810";
/** GlobalPlatform, Card Specification 2.3, cards identified by issuer and card image number, SCP03 with i = 60. */
const RECOGNITION = [
  "06072a864886fc6b01",
  "600b06092a864886fc6b020203",
  "630906072a864886fc6b03",
  "640b06092a864886fc6b040360",
].join("");

/** Sends a command without a channel and returns the answer, status word last. */
function ask(card: Card, hex: string): string {
  return (converse(card, Buffer.from(hex, "hex"))[0] as Buffer).toString("hex");
}

/** PUT KEY's data without the length that other clients leave out. */
function short(fresh: Keyset, { dek }: Keyset): Buffer {
  const long = putKeyData(fresh, dek);
  const blocks = [1, 24, 47].flatMap((at) => [long.subarray(at, at + 1), long.subarray(at + 2, at + 23)]);
  return Buffer.concat([long.subarray(0, 1), ...blocks]);
}

/** The version of the card's keys, asked for outside a channel. */
function versionOf(card: Card): number | undefined {
  assert.is(ask(card, "00a4040000").slice(-4), "9000");
  return getData(card, Tag.KEY_INFORMATION).data[5];
}

function own(version: number): Keyset {
  return diversify(Buffer.alloc(16, version), diversificationData("IB3000123"), version);
}

clients("GET DATA returns a whole template for class 80, its contents for class 00", () => {
  const card = blank();
  assert.is(ask(card, "80ca00e000"), `e012${KEY_BLOCKS}9000`);
  assert.is(ask(card, "00ca00e000"), `${KEY_BLOCKS}9000`);
  assert.is(ask(card, "80ca006600"), `6630732e${RECOGNITION}9000`);
  assert.is(ask(card, "00ca006600"), `732e${RECOGNITION}9000`);
});

clients("GET DATA returns the same inside a channel, at each level", () => {
  for (const level of LEVELS) {
    const card = blank();
    const channel = openChannel(card, level, testKeys());
    for (const cla of [ISO, GP]) {
      for (const tag of [Tag.KEY_INFORMATION, Tag.RECOGNITION]) {
        const command = { ins: Ins.GET_DATA, p1: 0, p2: tag, le: 256 };
        const secured = channel.unwrap(exchange(card, channel.wrap({ cla: cla | 0x04, ...command })));
        assert.equal(secured, exchange(blank(), { cla, ...command }), `${level} ${cla} ${tag}`);
      }
    }
  }
});

clients("a data object that the card does not have gets 6A88, even if the command has data", () => {
  const card = blank();
  for (const tag of ["0042", "00cf", "00c1", "0067", "9f7f", "ff21", "ff33", "ff34", "2f00"]) {
    for (const cla of ["00", "80"]) assert.is(ask(card, `${cla}ca${tag}00`), "6a88", tag);
  }
  assert.is(ask(card, "00cabf2106a60483021301"), "6a88");
});

clients("commands that the card does not have are refused, and the channel stays open", () => {
  const card = blank();
  const channel = openChannel(card, Level.FULL, testKeys());
  const none = [0xf2, 0xe4, 0xe6, 0xe8, 0xf1, 0x2a];
  for (const ins of none) {
    const { sw } = send(card, channel, { ins, p1: 0x80, p2: 0x02, data: Buffer.of(0x4f, 0x00), le: 256 });
    assert.is(sw, Sw.UNKNOWN_COMMAND, ins.toString(16));
  }
  assert.is(
    send(card, channel, { ins: Ins.STORE_DATA, p1: 0x90, p2: 0, data: Buffer.alloc(3) }).sw,
    Sw.WRONG_PARAMETERS,
  );
  assert.is(send(card, channel, { ins: Ins.GET_DATA, p1: 0, p2: 0xe0, le: 256 }).sw, Sw.DONE);
});

clients("a command without data may come with a block of padding", () => {
  const card = blank();
  const random = Buffer.alloc(8, 0x5c);
  const [hello] = converse(card, Buffer.from([GP, Ins.INITIALIZE_UPDATE, 0, 0, 8, ...random]));
  const host = new OracleHost(testKeys(), Level.FULL, random, (hello as Buffer).subarray(13, 21));
  assert.is(converse(card, host.externalAuthenticate())[0]?.toString("hex"), "9000");
  for (let i = 0; i < 3; i++) {
    const [answer] = converse(card, host.wrap(Ins.GET_DATA, 0, Tag.KEY_INFORMATION, Buffer.alloc(0), "padded"));
    assert.is(answer?.subarray(-2).toString("hex"), "9000", `command ${i}`);
  }
});

clients("PUT KEY with P1 00 adds keys while the card has its test keys; later P1 must be the current version", () => {
  for (const encode of [(fresh: Keyset, old: Keyset) => putKeyData(fresh, old.dek), short]) {
    const card = blank();
    const put = (old: Keyset, fresh: Keyset, p1: number) => {
      const channel = openChannel(card, Level.FULL, old);
      return send(card, channel, { ins: Ins.PUT_KEY, p1, p2: 0x81, data: encode(fresh, old), le: 256 });
    };
    const [first, second] = [own(0x01), own(0x30)];
    assert.equal(put(testKeys(), first, 0x00), { sw: Sw.DONE, data: putKeyAnswer(first) });
    assert.is(put(first, second, 0x00).sw, Sw.WRONG_PARAMETERS, "there is no place for a second keyset");
    assert.is(put(first, second, 0xff).sw, Sw.WRONG_PARAMETERS, "the test keys are gone");
    assert.is(versionOf(card), 0x01);
    assert.throws(() => openChannel(card, Level.FULL, testKeys()));
    assert.equal(put(first, second, 0x01), { sw: Sw.DONE, data: putKeyAnswer(second) });
    assert.is(versionOf(card), 0x30);
    openChannel(card, Level.FULL, second);
  }
});

clients.run();
