// The card client: the bytes of each command, its handling of answers, refusals and broken channels, and the trace.

import { createDecipheriv } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CardClient, encodeRecord, type PersonalizationRecord } from "../../../host-tools/card/cardclient.js";
import {
  AuthenticationFailed,
  BadAnswer,
  CardRefused,
  LineClosed,
  NoAnswer,
  SerialNumberError,
  ValueError,
} from "../../../host-tools/card/errors.js";
import { Link } from "../../../host-tools/card/link.js";
import { LEVELS } from "../../../host-tools/card/scp03.js";
import { Trace } from "../../../host-tools/card/trace.js";
import { diversificationData, diversify, putKeyAnswer, testKeys } from "../../../host-tools/card/transportkeys.js";
import { failure } from "../../support/failure.js";
import { type Answer, FakeCard, FakeClock, type Seen } from "../../support/fakecard.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const test = suite("card client");

const hex = (text: string) => Buffer.from(text, "hex");

const RECORD: PersonalizationRecord = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "4071",
  key: Buffer.from("12345678901234567890123456789012"),
  unlockKey: pattern(32),
};

const KEY_INFORMATION = hex("e012c00401ff8810c00402ff8810c00403ff8810");

/** The data objects of a personalized card, by tag. */
const DATA: Record<string, Uint8Array> = {
  "0045": Buffer.from("IB3000123"),
  "00e0": KEY_INFORMATION,
  df20: hex("03010105030400000bb8"),
  df21: hex("000102010203040506070801"),
  df22: Buffer.from("OCRA-1:HOTP-SHA256-8:QN06"),
  df23: hex("07030806"),
  df24: hex("0123456789abcdef"),
};

function setup() {
  const card = new FakeCard();
  const clock = new FakeClock();
  const link = new Link(card, { timer: clock.timer });
  return { card, clock, link, client: new CardClient(link) };
}

/** Answers GET DATA from `data`. */
function tells(data: Record<string, Uint8Array>): (command: Seen) => Answer {
  return ({ p1, p2 }) => {
    const value = data[Buffer.of(p1, p2).toString("hex")];
    return value ? { data: value, sw: 0x9000 } : { sw: 0x6a88 };
  };
}

/** The last command that the card received: header, data, level. */
function last(card: FakeCard): string {
  const { cla, ins, p1, p2, data, level } = card.seen.at(-1) as Seen;
  return `${Buffer.of(cla, ins, p1, p2).toString("hex")} ${data.toString("latin1")} ${level}`;
}

test("hello returns the version of the protocol", async () => {
  assert.is(await setup().client.hello(), 1);
});

test("the status of a personalized card is read", async () => {
  const { card, client } = setup();
  card.answer = tells(DATA);
  assert.equal(await client.readStatus(), {
    serial: "IB3000123",
    kvn: 0xff,
    testKeys: false,
    life: "personalized",
    lock: "locked",
    pinCheck: "card",
    tries: 5,
    triesLeft: 3,
    unlockTriesLeft: 4,
    battery: 3000,
    id: "0123456789abcdef",
    firmware: { version: "0.1.2", hash: "0102030405060708" },
    kind: "production",
    suite: "OCRA-1:HOTP-SHA256-8:QN06",
    suites: { hashes: ["SHA1", "SHA256", "SHA512"], pinHashes: ["SHA1", "SHA256"], digits: 8, challenge: 6 },
  });
});

test("the status of a blank card is read", async () => {
  const { card, client } = setup();
  const { "0045": _serial, df22: _suite, ...rest } = DATA;
  card.answer = tells({ ...rest, df20: hex("01000000000001000960") });
  const { serial, suite, life, pinCheck, testKeys, battery } = await client.readStatus();
  assert.equal([serial, suite, life, pinCheck, testKeys, battery], [undefined, undefined, "blank", "none", true, 2400]);
});

test("a text object with invalid or unprintable text is refused", async () => {
  for (const tag of ["0045", "df22"]) {
    for (const text of ["", "IB\u001b[2J", "IB 3", "IB\n3", "IB\u00e93", "\u00c9", "x".repeat(65)]) {
      const { card, clock, client } = setup();
      card.answer = tells({ ...DATA, [tag]: Buffer.from(text, "latin1") });
      assert.instance(await failure(clock.until(client.readStatus())), BadAnswer, JSON.stringify(text));
    }
  }
});

test("the status can be read inside a channel of any level", async () => {
  for (const level of LEVELS) {
    const { card, client } = setup();
    await client.openChannel(level, testKeys());
    card.answer = tells(DATA);
    assert.is((await client.readStatus()).serial, "IB3000123");
    assert.is(last(card), `84cadf23  ${level}`);
  }
});

const BAD_DATA: Record<string, Record<string, Uint8Array>> = {
  "a status that is too short": { df20: hex("030101050304000bb8") },
  "an unknown life": { df20: hex("04010105030400000bb8") },
  "a life that is omitted without an error": { df20: hex("ff010105030400000bb8") },
  "an unknown lock state": { df20: hex("03030105030400000bb8") },
  "keys of several versions": { "00e0": hex("e012c00401ff8810c00402018810c00403ff8810") },
  "keys of another kind": { "00e0": hex("e012c00401ff8020c00402ff8020c00403ff8020") },
  "a long firmware version": { df21: pattern(13) },
  "an unknown kind of host": { df21: hex("000102010203040506070804") },
  "a card id that is too long": { df24: pattern(9) },
  "suites as a text": { df23: Buffer.from("OCRA-1") },
};

for (const [what, data] of Object.entries(BAD_DATA)) {
  test(`refused as a status: ${what}`, async () => {
    const { card, client } = setup();
    card.answer = tells({ ...DATA, ...data });
    assert.instance(await failure(client.readStatus()), BadAnswer);
  });
}

test("a channel opens with the card's keys", async () => {
  const { card, client } = setup();
  const keys = diversify(pattern(16), diversificationData("IB3000123"), 0x30);
  card.kvn = 0x30;
  card.keys = { enc: Buffer.from(keys.enc), mac: Buffer.from(keys.mac), dek: Buffer.from(keys.dek) };
  assert.is(client.level, undefined);
  await client.openChannel(0x33, keys);
  assert.is(client.level, 0x33);
  await client.setPersonalized();
  assert.is(last(card), "84f0800f  51");
});

test("wrong keys are an authentication failure, and nothing is tried again", async () => {
  const { card, client, clock } = setup();
  assert.instance(await failure(client.openChannel(0x33, { ...testKeys(), mac: pattern(16) })), AuthenticationFailed);
  assert.is(card.seen.length, 0);
  assert.is(client.level, undefined);
  assert.is(clock.now, 0);
});

test("a card that does not accept the host is an authentication failure", async () => {
  const { card, client } = setup();
  card.refusesHost = true;
  assert.instance(await failure(client.openChannel(0x33, testKeys())), AuthenticationFailed);
  assert.is(client.level, undefined);
});

test("a card may hold its answer to the host's cryptogram for more than a minute", async () => {
  const { card, client, clock } = setup();
  card.spoil = (line) => (line.subarray(2, 4).equals(hex("9000")) ? Buffer.alloc(0) : line);
  assert.instance(await failure(clock.until(client.openChannel(0x33, testKeys()))), NoAnswer);
  assert.is(clock.now, 70_000);
  assert.is(client.level, undefined);
});

test("a wait for a delayed answer is explained after a few seconds", async () => {
  const card = new FakeCard();
  const clock = new FakeClock();
  const reports: string[] = [];
  const onWait = (what: string) => void reports.push(`${clock.now}: ${what}`);
  const client = new CardClient(new Link(card, { timer: clock.timer, onWait }));
  card.spoil = (line) => (line.subarray(2, 4).equals(hex("9000")) ? Buffer.alloc(0) : line);
  await failure(clock.until(client.openChannel(0x33, testKeys())));
  assert.is(reports.length, 1);
  assert.match(String(reports[0]), /^3000: .*transport keys: after wrong keys it delays its answer by up to 64 s/);
});

test("a card that chooses another keyset is refused", async () => {
  const { card, client } = setup();
  card.kvn = 0x01;
  assert.instance(await failure(client.openChannel(0x33, testKeys())), BadAnswer);
});

test("closing a channel closes it on both sides", async () => {
  const { card, client } = setup();
  await client.openChannel(0x33, testKeys());
  await client.closeChannel();
  assert.is(client.level, undefined);
  assert.is(last(card), "00a40400  0");
});

test("a record has 161 bytes, with the secrets under the DEK", () => {
  const dek = pattern(16, 7);
  const bytes = encodeRecord({ ...RECORD, pinCheck: "server", tries: 10 }, dek);
  assert.is(bytes.length, 161);
  assert.is(bytes.subarray(0, 4).toString("hex"), "020a2019");
  assert.is(bytes.subarray(4, 14).toString("latin1"), "IB3000123\0");
  assert.is(bytes.subarray(14, 49).toString("latin1"), "OCRA-1:HOTP-SHA256-8:QN06".padEnd(35, "\0"));
  const decipher = createDecipheriv("aes-128-cbc", dek, Buffer.alloc(16)).setAutoPadding(false);
  const secrets = decipher.update(bytes.subarray(49));
  assert.equal(secrets.subarray(0, 64), Buffer.concat([RECORD.key, Buffer.alloc(32)]));
  assert.equal(secrets.subarray(64, 96), pattern(32));
  assert.is(secrets.subarray(96).toString("latin1"), "4071".padEnd(16, "\0"));
});

test("a record that does not fit is refused, and the error contains no secret", () => {
  const wrong: Partial<PersonalizationRecord>[] = [
    { suite: "" },
    { suite: "x".repeat(36) },
    { suite: "OCRÄ" },
    { tries: 2 },
    { tries: 11 },
    { tries: 3.5 },
    { key: pattern(15) },
    { key: pattern(65) },
    { unlockKey: pattern(31) },
    { pin: "123" },
    { pin: "12a4" },
    { pin: "١٢٣٤" },
  ];
  for (const change of wrong) {
    const isValueError = (error: Error) => error instanceof ValueError && !error.message.includes(change.pin ?? "none");
    assert.throws(() => encodeRecord({ ...RECORD, ...change }, pattern(16)), isValueError, JSON.stringify(change));
  }
  const isSerialNumberError = (error: Error) => error instanceof SerialNumberError;
  assert.throws(() => encodeRecord({ ...RECORD, serial: "IB1" }, pattern(16)), isSerialNumberError);
});

test("each command that changes a card has the right bytes", async () => {
  const { card, client } = setup();
  const dek = testKeys().dek;
  await client.openChannel(0x33, testKeys());
  card.answer = () => ({ sw: 0x9000 });
  await client.storeData(RECORD, dek);
  assert.is(last(card), `84e2e000 ${encodeRecord(RECORD, dek).toString("latin1")} 51`);
  await client.setPersonalized();
  assert.is(last(card), "84f0800f  51");
  await client.wipe();
  assert.is(last(card), "84f08001  51");
  await client.changePin("4071", "2846");
  assert.is(last(card), "84240000 40712846 51");
  await client.unlock("12345678", "2846");
  assert.is(last(card), "842c0000 123456782846 51");
});

test("the proof returns the response that the card computes", async () => {
  const { card, client } = setup();
  await client.openChannel(0x33, testKeys());
  card.answer = () => ({ data: Buffer.from("00481516"), sw: 0x9000 });
  assert.is(await client.prove("4071", "000001"), "00481516");
  assert.is(last(card), "84880000 4071000001 51");
  card.answer = () => ({ data: Buffer.from("0048151"), sw: 0x9000 });
  assert.instance(await failure(client.prove("4071", "000001")), BadAnswer);
  assert.instance(await failure(client.prove("407", "000001")), ValueError);
  assert.instance(await failure(client.prove("4071", "00001")), ValueError);
  assert.is(client.level, 0x33);
});

test("transport keys are replaced under the current version, and the answer is checked", async () => {
  const { card, client } = setup();
  const fresh = diversify(pattern(16), diversificationData("IB3000123"), 0x01);
  await client.openChannel(0x33, testKeys());
  card.answer = () => ({ data: putKeyAnswer(fresh), sw: 0x9000 });
  await client.putKey(fresh, testKeys().dek);
  assert.ok(last(card).startsWith("84d8ff81 \x01\x88\x11\x10"));
  assert.is(card.seen.at(-1)?.data.length, 70);
  await client.putKey({ ...fresh, kvn: 0x02 }, fresh.dek).catch(() => undefined);
  assert.ok(last(card).startsWith("84d80181 \x02"));
  assert.instance(await failure(client.putKey({ ...fresh, dek: pattern(16) }, fresh.dek)), BadAnswer);
});

/** The commands that carry a token key, an unlock key or a PIN. */
const SECRETS: Record<string, (client: CardClient) => Promise<unknown>> = {
  "STORE DATA": (client) => client.storeData(RECORD, testKeys().dek),
  "INTERNAL AUTHENTICATE": (client) => client.prove("4071", "000001"),
  "CHANGE REFERENCE DATA": (client) => client.changePin("4071", "2846"),
  "RESET RETRY COUNTER": (client) => client.unlock("12345678", "2846"),
};
const OWN_KEYS = diversify(pattern(16), diversificationData("IB3000123"), 0x01);

test("without a channel neither secrets nor transport keys are sent", async () => {
  const { card, client } = setup();
  const all = { ...SECRETS, "PUT KEY": (any: CardClient) => any.putKey(OWN_KEYS, testKeys().dek) };
  for (const [name, send] of Object.entries(all)) assert.match(String(await failure(send(client))), /channel/, name);
  assert.is(card.seen.length, 0);
});

test("a channel below level 33 carries no secrets, but it carries transport keys", async () => {
  const { card, client } = setup();
  await client.openChannel(0x33, testKeys(), { secrets: false });
  for (const [name, send] of Object.entries(SECRETS))
    assert.match(String(await failure(send(client))), /no secret is sent under these/, name);
  assert.is(card.seen.length, 0);
  card.answer = () => ({ data: putKeyAnswer(OWN_KEYS), sw: 0x9000 });
  await client.putKey(OWN_KEYS, testKeys().dek);
  assert.is(card.seen.length, 1);
});

test("bench tests need no channel", async () => {
  const { card, client } = setup();
  const answers = { screen: "", keys: "0c01", battery: "0bb8", flash: "04", random: "01", crypto: "00" } as const;
  const expected = { screen: 0, keys: 0x0c01, battery: 3000, flash: 4, random: 1, crypto: 0 } as const;
  for (const [i, test] of (["screen", "keys", "battery", "flash", "random", "crypto"] as const).entries()) {
    card.answer = () => ({ data: hex(answers[test]), sw: 0x9000 });
    assert.is(await client.selfTest(test), expected[test]);
    assert.is(last(card), `80100${i + 1}00  0`);
    card.answer = () => ({ data: hex("010203"), sw: 0x9000 });
    assert.instance(await failure(client.selfTest(test)), BadAnswer);
  }
});

test("a refusal names the command and the reason, and the channel stays open", async () => {
  const { card, client } = setup();
  await client.openChannel(0x33, testKeys());
  for (const signed of [true, false]) {
    card.warningsSigned = signed;
    card.answer = () => ({ sw: 0x63c4 });
    const error = (await failure(client.prove("9999", "123456"))) as CardRefused;
    assert.instance(error, CardRefused);
    assert.equal([error.command, error.sw], ["INTERNAL AUTHENTICATE", 0x63c4]);
  }
  card.answer = () => ({ sw: 0x6985 });
  assert.is(((await failure(client.setPersonalized())) as CardRefused).sw, 0x6985);
  assert.is(client.level, 0x33);
});

test("when the card closes the channel, the client does too", async () => {
  for (const sw of [0x6982, 0x6988]) {
    const { card, client } = setup();
    await client.openChannel(0x03, testKeys());
    card.answer = () => ({ sw });
    assert.is(((await failure(client.wipe())) as CardRefused).sw, sw);
    assert.is(client.level, undefined);
  }
});

test("a changed answer ends the channel", async () => {
  const { card, client } = setup();
  await client.openChannel(0x33, testKeys());
  card.answer = () => ({ data: Buffer.from("00481516"), sw: 0x9000 });
  card.forge = (response) => Buffer.concat([Buffer.of((response[0] as number) ^ 1), response.subarray(1)]);
  assert.instance(await failure(client.prove("4071", "000001")), AuthenticationFailed);
  assert.is(client.level, undefined);
  assert.is(card.seen.length, 1);
});

test("a command inside a channel is never sent again: the channel ends, and a new one may be opened", async () => {
  const { card, client, clock } = setup();
  await clock.until(client.openChannel(0x33, testKeys()));
  card.deaf = 1;
  assert.instance(await failure(clock.until(client.wipe())), NoAnswer);
  assert.is(card.seen.length, 0);
  assert.is(client.level, undefined);
  await clock.until(client.openChannel(0x33, testKeys()));
  card.answer = () => ({ sw: 0x9000 });
  await clock.until(client.wipe());
  assert.is(card.seen.length, 1);
});

test("a command outside a channel is sent again", async () => {
  const { card, client, clock } = setup();
  card.answer = tells(DATA);
  await clock.until(client.hello());
  card.deaf = 1;
  assert.is((await clock.until(client.readStatus())).serial, "IB3000123");
});

test("a closed line ends a channel", async () => {
  const { card, client, clock, link } = setup();
  await clock.until(client.openChannel(0x33, testKeys()));
  card.deaf = 1;
  const wiping = failure(client.wipe());
  link.close();
  assert.instance(await wiping, LineClosed);
  assert.is(client.level, undefined);
});

test("a trace contains everything but secrets, and only its owner can read it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dsc-trace-"));
  const file = join(folder, "trace.txt");
  try {
    await traced(file);
    const text = readFileSync(file, "latin1");
    const lines = text.trimEnd().split("\n");
    assert.is(lines[0], "2030-01-02T03:04:05.000Z P1 > hello");
    assert.is(lines[1], "2030-01-02T03:04:05.000Z P1 < protocol version 1");
    assert.match(text, /P1 > INITIALIZE UPDATE 8050FF00, [0-9A-F]{16}\n/);
    assert.match(text, "P1 > EXTERNAL AUTHENTICATE 84820100, 16 bytes not shown\n");
    assert.match(text, "P1 > INTERNAL AUTHENTICATE 84880000, 18 bytes not shown\n");
    assert.match(text, "P1 < 9000 done, 8 bytes not shown\n");
    assert.match(text, "P1 < 63C4 wrong PIN or unlock code, tries left: 4\n");
    assert.match(lines.at(-1) as string, "P1 < line closed");
    for (const secret of ["4071", "34303731", "000001", "303030303031", "00481516", "3030343831353136"])
      assert.not.match(text.replaceAll(/INITIALIZE.*\n.*/g, ""), secret);
    if (process.platform !== "win32") assert.is(statSync(file).mode & 0o777, 0o600);
    new Trace(file).close();
    assert.is(readFileSync(file, "latin1"), text);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A proof and a wrong one at level 01, where the data is not even encrypted, with a trace. */
async function traced(file: string): Promise<void> {
  const { card, client, link } = setup();
  const trace = new Trace(file, () => new Date("2030-01-02T03:04:05Z"));
  trace.watch(link, "P1");
  await client.openChannel(0x01, testKeys());
  card.answer = () => ({ data: Buffer.from("00481516"), sw: 0x9000 });
  assert.is(await client.prove("4071", "000001"), "00481516");
  card.answer = () => ({ sw: 0x63c4 });
  await failure(client.prove("4071", "000001"));
  link.close();
  trace.close();
  trace.close();
}

test.run();
