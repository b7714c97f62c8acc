// Personalization over the serial line: the record, the proof, the transport keys.

import * as assert from "uvu/assert";
import { Ins, Level, Sw, Tag } from "../../../firmware/wire.js";
import { encodeRecord } from "../../../host-tools/card/cardclient.js";
import {
  diversificationData,
  diversify,
  encryptUnderDek,
  putKeyAnswer,
  putKeyData,
  testKeys,
} from "../../../host-tools/card/transportkeys.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { openChannel, personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { blank, demo, digits, enter, FINISH, getData, lock, PROVE, STORE, send } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const seeding = suite("personalization");

seeding("the steps of the protocol produce a working card", () => {
  const card = blank();
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  assert.is(send(card, channel, { ...FINISH }).sw, Sw.NOT_IN_THIS_STATE, "not before it is seeded");
  assert.is(send(card, channel, { ...STORE, data: encodeRecord(DEMO, keys.dek) }).sw, Sw.DONE);
  const proof = send(card, channel, { ...PROVE, data: digits(`${DEMO.pin}000016`), le: 256 });
  assert.is(proof.data.toString(), ocra(DEMO.suite, DEMO.key, { challenge: "000016" }));
  const fresh = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);
  const put = send(card, channel, { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data: putKeyData(fresh, keys.dek), le: 256 });
  assert.equal(put.data, putKeyAnswer(fresh));
  card.hold("press");
  card.hold("press");
  assert.is(card.display, "NO KEY", "half personalized");
  const again = openChannel(card, Level.FULL, fresh);
  assert.is(send(card, again, { ...FINISH }).sw, Sw.DONE);
  card.press("press");
  assert.is(enter(card, DEMO.pin), "CHALLNG>");
});

seeding("an invalid record is refused and changes nothing", () => {
  const keys = testKeys();
  const good = encodeRecord(DEMO, keys.dek);
  const broken: [string, (record: Buffer) => void][] = [
    ["PIN check 0", (r) => r.writeUInt8(0, 0)],
    ["PIN check of the server without P", (r) => r.writeUInt8(2, 0)],
    ["2 tries", (r) => r.writeUInt8(2, 1)],
    ["11 tries", (r) => r.writeUInt8(11, 1)],
    ["15 bytes of key", (r) => r.writeUInt8(15, 2)],
    ["65 bytes of key", (r) => r.writeUInt8(65, 2)],
    ["a suite of 36 bytes", (r) => r.writeUInt8(36, 3)],
    ["a suite cut short", (r) => r.writeUInt8(24, 3)],
    ["another serial number", (r) => r.write("XX", 4)],
    ["a serial number with a letter", (r) => r.write("A", 8)],
    ["a serial number of ten characters", (r) => r.write("1", 13)],
    ["another suite", (r) => r.write("OCRA-1:HOTP-SHA256-6:QN06", 14)],
    ["secrets under another key", (r) => r.writeUInt8(r.readUInt8(160) ^ 1, 160)],
  ];
  for (const [what, spoil] of broken) {
    const card = demo();
    const channel = openChannel(card, Level.FULL, keys);
    const operations = card.flash.operations;
    const record = Buffer.from(good);
    spoil(record);
    assert.is(send(card, channel, { ...STORE, data: record }).sw, Sw.WRONG_DATA, what);
    assert.is(card.flash.operations, operations, what);
    card.press("press");
    assert.is(enter(card, DEMO.pin), "CHALLNG>", what);
  }
});

seeding("a record with a nonzero byte after its suite, key or PIN is refused", () => {
  const keys = testKeys();
  const secretsAt = 49;
  const fields = { suite: [14, DEMO.suite.length, 35], key: [49, DEMO.key.length, 64], pin: [145, 4, 16] } as const;
  const plain = Buffer.alloc(161);
  plain.set(encodeRecord(DEMO, keys.dek).subarray(0, secretsAt));
  plain.set(DEMO.key, 49);
  plain.set(DEMO.unlockKey, 113);
  plain.write(DEMO.pin, 145, "ascii");
  const store = (record: Buffer) => {
    const card = blank();
    const channel = openChannel(card, Level.FULL, keys);
    const data = Buffer.concat([record.subarray(0, secretsAt), encryptUnderDek(keys.dek, record.subarray(secretsAt))]);
    return send(card, channel, { ...STORE, data }).sw;
  };
  assert.is(store(plain), Sw.DONE);
  for (const [field, [at, length, size]] of Object.entries(fields)) {
    for (let behind = at + length; behind < at + size; behind++) {
      const record = Buffer.from(plain);
      record[behind] = 1 << (behind % 8);
      assert.is(store(record), Sw.WRONG_DATA, `${field}, byte ${behind}`);
    }
  }
});

seeding("a wrong PIN in the proof spends a try, and the last one locks the card", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  const answers = Array.from(
    { length: 6 },
    () => send(card, channel, { ...PROVE, data: digits("9999123456"), le: 256 }).sw,
  );
  assert.equal(answers, [0x63c4, 0x63c3, 0x63c2, 0x63c1, 0x63c0, Sw.NO_TRIES]);
});

seeding("the tries that the proof spent stay spent when the card becomes personalized", () => {
  const card = blank();
  const channel = openChannel(card, Level.FULL, testKeys());
  send(card, channel, { ...STORE, data: encodeRecord(DEMO, testKeys().dek) });
  assert.is(send(card, channel, { ...PROVE, data: digits("9999123456") }).sw, 0x63c4);
  assert.is(send(card, channel, { ...FINISH }).sw, Sw.DONE);
  card.press("press");
  assert.is(getData(card, Tag.STATUS).data[4], DEMO.tries - 1);
});

/** PUT KEY's data in both forms: blocks of `88 11 10 key 03 kcv`, and of `88 10 key 03 kcv`. */
function putKeyForms(long: Buffer): Buffer[] {
  const blocks = [0, 1, 2].map((i) => long.subarray(1 + i * 23, 1 + (i + 1) * 23));
  const short = blocks.flatMap((block) => [block.subarray(0, 1), block.subarray(2)]);
  return [long, Buffer.concat([long.subarray(0, 1), ...short])];
}

seeding("PUT KEY takes all three keys or none: a wrong bit anywhere outside the keys changes nothing", () => {
  const keys = testKeys();
  const fresh = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);
  const card = demo();
  let channel = openChannel(card, Level.FULL, keys);
  const put = (data: Buffer) => send(card, channel, { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data }).sw;
  const operations = card.flash.operations;
  for (const right of putKeyForms(putKeyData(fresh, keys.dek))) {
    const [version, ...bytes] = right.keys();
    const size = (right.length - 1) / 3;
    const isKey = (at: number) => (at - 1) % size >= size - 20 && (at - 1) % size < size - 4;
    const spoilt = bytes.filter((at) => !isKey(at)).flatMap((at) => [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => [at, bit]));
    assert.is(spoilt.length, 8 * 3 * (size - 16));
    for (const [at = 0, bit = 0] of spoilt) {
      const data = Buffer.from(right);
      data.writeUInt8(data.readUInt8(at) ^ (1 << bit), at);
      assert.is(put(data), Sw.WRONG_DATA, `byte ${at}, bit ${bit} of ${right.length}`);
    }
    for (const wrong of [0, 0x80, 0xff]) {
      const data = Buffer.from(right);
      data.writeUInt8(wrong, version);
      assert.is(put(data), Sw.WRONG_DATA, `version ${wrong}`);
    }
    card.hold("press");
    channel = openChannel(card, Level.FULL, keys);
  }
  assert.is(card.flash.operations, operations);
});

seeding("spent tries stay spent when transport keys are replaced", () => {
  const card = demo();
  enter(card, "9999");
  card.hold("press");
  const keys = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  const fresh = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);
  send(card, channel, { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data: putKeyData(fresh, keys.dek) });
  assert.is(getData(card, Tag.STATUS).sw, Sw.NOT_IN_THIS_CHANNEL);
  assert.is(getData(card, Tag.STATUS).data[4], DEMO.tries - 1);
});

seeding("a second personalization, under the transport keys, replaces everything", () => {
  const card = demo();
  lock(card);
  const other = { ...DEMO, serial: "IB3000002", pin: "8053", key: Buffer.alloc(32, 7) };
  personalize(card, other);
  assert.is(enter(card, "8053"), "CHALLNG>");
  card.type("123456");
  card.press("ok");
  assert.is(card.display, ocra(other.suite, other.key, { challenge: "123456" }));
});

seeding.run();
