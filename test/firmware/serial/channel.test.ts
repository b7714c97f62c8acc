// The secure channel in the firmware (GPC_SPE_014).

import { cbc, cmac, ecb } from "@noble/ciphers/aes.js";
import * as assert from "uvu/assert";
import { Ins, Level, Sw, Tag } from "../../../firmware/wire.js";
import type { Command } from "../../../host-tools/card/apdu.js";
import { AuthenticationFailed } from "../../../host-tools/card/errors.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import {
  deriveSessionKeys,
  kdf,
  LEVELS,
  parseCardHello,
  SecureChannel,
  type SecurityLevel,
} from "../../../host-tools/card/scp03.js";
import { diversificationData, diversify, putKeyData, testKeys } from "../../../host-tools/card/transportkeys.js";
import { Card } from "../../../sim/core/card.js";
import { Random } from "../../../sim/core/random.js";
import { converse, exchange, openChannel, payloads } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { atLeast } from "../../support/atleast.js";
import { OracleHost } from "../../support/scp03oracle.js";
import { type RecordedSession, sessionsOfAes128 } from "../../support/scp03vectors.js";
import { CHANGE, demo, digits, getData, module, PROVE, send } from "../../support/serial.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";

const channels = suite("secure channel");

channels("INITIALIZE UPDATE answers 29 bytes: serial number, keyset, i = 60, a fresh challenge each time", () => {
  const card = demo();
  const ask = () =>
    exchange(card, { cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: Buffer.alloc(8), le: 256 });
  const [first, second] = [ask().data, ask().data];
  assert.is(first.length, 29);
  assert.is(first.subarray(0, 13).toString("hex"), `${digits(DEMO.serial).toString("hex")}00ff0360`);
  assert.not.equal(first.subarray(13, 21), second.subarray(13, 21));
});

channels("a channel opens at each level, shows SERIAL, and PRESS closes it", () => {
  for (const level of LEVELS) {
    const card = demo();
    const channel = openChannel(card, level, testKeys());
    assert.is(card.display, "SERIAL");
    assert.is(send(card, channel, { ins: Ins.GET_DATA, p1: 0, p2: 0x45, le: 256 }).data.toString(), DEMO.serial);
    card.press("press");
    assert.not.ok(card.on);
    assert.is(
      exchange(card, channel.wrap({ cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45 })).sw,
      Sw.NOT_IN_THIS_CHANNEL,
    );
  }
});

channels("levels 01 and 11 only read; 03, 13 and 33 also change; the proof needs 33", () => {
  const may: Record<SecurityLevel, [number, number]> = {
    1: [Sw.NOT_IN_THIS_CHANNEL, Sw.NOT_IN_THIS_CHANNEL],
    17: [Sw.NOT_IN_THIS_CHANNEL, Sw.NOT_IN_THIS_CHANNEL],
    3: [Sw.DONE, Sw.NOT_IN_THIS_CHANNEL],
    19: [Sw.DONE, Sw.NOT_IN_THIS_CHANNEL],
    51: [Sw.DONE, Sw.DONE],
  };
  for (const level of LEVELS) {
    const card = demo();
    const channel = openChannel(card, level, testKeys());
    const change = send(card, channel, { ...CHANGE, data: digits("40718053") });
    const proof = send(card, channel, { ...PROVE, data: digits("8053123456"), le: 256 });
    assert.equal([change.sw, proof.sw], may[level], level.toString(16));
  }
});

channels("other levels, another P2 and another length are refused", () => {
  const card = demo();
  for (let level = 0; level < 256; level++) {
    if ((LEVELS as readonly number[]).includes(level)) continue;
    const { sw } = exchange(card, {
      cla: 0x84,
      ins: Ins.EXTERNAL_AUTHENTICATE,
      p1: level,
      p2: 0,
      data: Buffer.alloc(16),
    });
    assert.is(sw, Sw.WRONG_PARAMETERS);
  }
  assert.is(
    exchange(card, { cla: 0x84, ins: Ins.EXTERNAL_AUTHENTICATE, p1: 1, p2: 0, data: Buffer.alloc(15) }).sw,
    Sw.WRONG_LENGTH,
  );
  assert.is(
    exchange(card, { cla: 0x84, ins: Ins.EXTERNAL_AUTHENTICATE, p1: 1, p2: 0, data: Buffer.alloc(16) }).sw,
    Sw.NOT_IN_THIS_STATE,
  );
});

channels("EXTERNAL AUTHENTICATE needs both the right cryptogram and the right MAC", () => {
  const keys = testKeys();
  const challenge = Buffer.alloc(8, 3);
  for (const spoil of ["cryptogram", "MAC", "nothing"]) {
    const card = demo();
    const hello = exchange(card, { cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: challenge, le: 256 });
    const context = Buffer.concat([challenge, hello.data.subarray(13, 21)]);
    const session = deriveSessionKeys(keys, context);
    const cryptogram = Buffer.from(kdf(session.mac, 0x01, context, 8));
    if (spoil === "cryptogram") cryptogram[0] = (cryptogram[0] as number) ^ 1;
    const header = Uint8Array.of(0x84, Ins.EXTERNAL_AUTHENTICATE, Level.FULL, 0, 16);
    const mac = Buffer.from(cmac(Uint8Array.from([...new Uint8Array(16), ...header, ...cryptogram]), session.mac));
    if (spoil === "MAC") mac[7] = (mac[7] as number) ^ 1;
    const [answer] = converse(card, Buffer.concat([header, cryptogram, mac.subarray(0, 8)]));
    assert.is(answer?.toString("hex"), spoil === "nothing" ? "9000" : "6300", spoil);
  }
});

channels("a warning carries an R-MAC, an error does not", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  const raw = (data: string) => exchange(card, channel.wrap({ cla: 0x84, ...PROVE, data: digits(data) })).data.length;
  assert.is(raw("9999123456"), 8);
  assert.is(raw("40711234"), 0);
});

channels("wrong padding under a right MAC closes the channel", () => {
  for (const padding of [0x80, 0x00, 0x01]) {
    const card = demo();
    const challenge = new Uint8Array(8);
    const hello = exchange(card, {
      cla: 0x80,
      ins: Ins.INITIALIZE_UPDATE,
      p1: 0,
      p2: 0,
      data: challenge,
      le: 256,
    }).data;
    const channel = new SecureChannel(testKeys(), Level.FULL, challenge, parseCardHello(hello));
    exchange(card, channel.externalAuthenticate);
    const session = deriveSessionKeys(testKeys(), Buffer.concat([challenge, hello.subarray(13, 21)]));
    const counter = Buffer.alloc(16);
    counter[15] = 1;
    const plain = Buffer.concat([digits("9999123456"), Buffer.of(padding), Buffer.alloc(5)]);
    const off = { disablePadding: true };
    const data = cbc(session.enc, ecb(session.enc, off).encrypt(counter), off).encrypt(plain);
    const header = Uint8Array.of(0x84, Ins.INTERNAL_AUTHENTICATE, 0, 0, data.length + 8);
    const chained = channel.externalAuthenticate.data as Uint8Array;
    const first = cmac(
      Uint8Array.from([...new Uint8Array(16), 0x84, 0x82, 0x33, 0, 16, ...chained.slice(0, 8)]),
      session.mac,
    );
    const mac = cmac(Uint8Array.from([...first, ...header, ...data]), session.mac);
    const [answer] = converse(card, Uint8Array.from([...header, ...data, ...mac.subarray(0, 8)]));
    assert.is(answer?.subarray(-2).toString("hex"), padding === 0x80 ? "63c4" : "6988", `${padding}`);
  }
});

channels("after a host has vanished, the next one opens its own channel, and the old channel ends", () => {
  const card = demo();
  const gone = openChannel(card, Level.FULL, testKeys());
  card.receive(encodeFrame(0, new Uint8Array(40)).subarray(0, 20));
  card.receive(Uint8Array.of(0xc0));
  const next = openChannel(card, Level.FULL, testKeys());
  const read = { cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45, le: 256 } as const;
  assert.is(next.unwrap(exchange(card, next.wrap(read))).data.toString(), DEMO.serial);
  assert.is(exchange(card, gone.wrap(read)).sw, Sw.WRONG_SECURE_MESSAGING);
});

channels("SELECT closes the channel", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(exchange(card, { cla: 0x00, ins: Ins.SELECT, p1: 4, p2: 0 }).sw, Sw.DONE);
  assert.is(card.display, "PIN>");
  const { sw } = exchange(card, channel.wrap({ cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45 }));
  assert.is(sw, Sw.NOT_IN_THIS_CHANNEL);
});

channels("while an answer is delayed, no other command is accepted", () => {
  const card = demo();
  for (let i = 0; i < 2; i++) answerTime(card);
  converse(card, Buffer.concat([Buffer.from("8050000008", "hex"), Buffer.alloc(8)]));
  card.receive(encodeFrame(0, Buffer.concat([Buffer.from("8482330010", "hex"), Buffer.alloc(16)])));
  card.receive(encodeFrame(0, new Uint8Array()));
  assert.is(card.takeSent().length, 0);
  card.wait(1000);
  assert.equal(payloads(card.takeSent()), [Buffer.from("6300", "hex")]);
});

channels("a replayed command, a flipped bit of the MAC and a skipped command close the channel", () => {
  const read = { cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45 } as const;
  const spoil: ((channel: SecureChannel, card: Card) => Command)[] = [
    (channel, card) => {
      const command = channel.wrap(read);
      exchange(card, command);
      return command;
    },
    (channel) => {
      const command = channel.wrap(read);
      const data = Buffer.from(command.data as Uint8Array);
      data[7] = (data[7] as number) ^ 1;
      return { ...command, data };
    },
    (channel) => {
      channel.wrap(read);
      return channel.wrap(read);
    },
  ];
  for (const make of spoil) {
    const card = demo();
    const channel = openChannel(card, Level.FULL, testKeys());
    assert.is(exchange(card, make(channel, card)).sw, Sw.WRONG_SECURE_MESSAGING);
    assert.is(exchange(card, channel.wrap(read)).sw, Sw.NOT_IN_THIS_CHANNEL, "the channel is closed");
    assert.is(card.display, "PIN>");
  }
});

channels("a command without secure messaging closes the channel", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(getData(card, Tag.SERIAL).sw, Sw.NOT_IN_THIS_CHANNEL);
  assert.is(exchange(card, channel.wrap({ cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45 })).sw, Sw.NOT_IN_THIS_CHANNEL);
});

/** The commands of a channel with every valid P1, P2 and length of data. */
const FORMS: [ins: Ins, p1: [number, ...number[]], p2: [number, ...number[]], lengths: [number, ...number[]]][] = [
  [Ins.STORE_DATA, [0xe0], [0], [161]],
  [Ins.PUT_KEY, [0xff, 0], [0x81], [67, 70]],
  [Ins.SET_STATUS, [0x80], [0x01, 0x0f], [0]],
  [Ins.INTERNAL_AUTHENTICATE, [0], [0], [10]],
  [Ins.CHANGE_REFERENCE_DATA, [0], [0], [8]],
  [Ins.RESET_RETRY_COUNTER, [0], [0], [12]],
];
const LONGEST_SECURED = 239;

for (const [ins, p1, p2, lengths] of FORMS) {
  channels(`${Ins[ins]} refuses every other P1, P2 and length, and the channel stays open`, () => {
    const card = demo();
    const channel = openChannel(card, Level.FULL, testKeys());
    const operations = card.flash.operations;
    const answer = (one: number, two: number, size: number) =>
      send(card, channel, { ins, p1: one, p2: two, data: Buffer.alloc(size, 0x31) }).sw;
    for (let value = 0; value < 256; value++) {
      if (!p1.includes(value)) assert.is(answer(value, p2[0], lengths[0]), Sw.WRONG_PARAMETERS, `P1 ${value}`);
      if (!p2.includes(value)) assert.is(answer(p1[0], value, lengths[0]), Sw.WRONG_PARAMETERS, `P2 ${value}`);
    }
    for (let size = 0; size <= LONGEST_SECURED; size++) {
      if (!lengths.includes(size)) assert.is(answer(p1[0], p2[0], size), Sw.WRONG_LENGTH, `${size} bytes`);
    }
    assert.is(card.flash.operations, operations);
    assert.is(card.display, "SERIAL");
  });
}

channels("an unknown instruction in a channel gets 6D00 and changes nothing", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  const known = new Set<number>(Object.values(Ins).filter((ins) => typeof ins === "number"));
  for (let ins = 0; ins < 256; ins++) {
    if (!known.has(ins)) assert.is(send(card, channel, { ins, p1: 0, p2: 0 }).sw, Sw.UNKNOWN_COMMAND, `${ins}`);
  }
});

channels("wrong authentications are answered with a growing delay of up to 64 s, and flash is not written", () => {
  const card = demo();
  getData(card, Tag.SERIAL);
  const operations = card.flash.operations;
  const delays: number[] = [];
  for (let i = 0; i < 11; i++) delays.push(answerTime(card));
  assert.equal(delays, [0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 64000, 64000]);
  assert.is(card.flash.operations, operations);
  openChannel(card, 0x01, testKeys());
  assert.is(answerTime(card), 0, "a right authentication resets the delay");
});

channels("a host with other keys notices it by the card's cryptogram", () => {
  const other = diversify(Buffer.alloc(16, 1), diversificationData(DEMO.serial), 1);
  assert.throws(
    () => openChannel(demo(), 0x33, other),
    (error: unknown) => error instanceof AuthenticationFailed,
  );
});

/** Milliseconds until a wrong EXTERNAL AUTHENTICATE is answered, to the nearest 100. */
function answerTime(card: Card): number {
  exchange(card, { cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: Buffer.alloc(8), le: 256 });
  card.takeSent();
  const command = Buffer.concat([Buffer.from("8482330010", "hex"), Buffer.alloc(16)]);
  card.receive(encodeFrame(0, command));
  for (let waited = 0; waited <= 100_000; waited += 100) {
    const [answer] = payloads(card.takeSent());
    if (answer) {
      assert.is(answer.toString("hex"), "6300");
      return waited;
    }
    card.wait(100);
  }
  throw new Error("no answer");
}

/** A random source that returns the queued bytes first, then its own. */
class GivenNumbers extends Random {
  readonly queue: Uint8Array[] = [];

  override fill(bytes: Uint8Array): void {
    const next = this.queue[0];
    if (next?.length === bytes.length) bytes.set(this.queue.shift() as Uint8Array);
    else super.fill(bytes);
  }
}

for (const level of LEVELS) {
  channels(`the card accepts another implementation's session of level ${level.toString(16).padStart(2, "0")}`, () => {
    const card = demo();
    const challenge = Buffer.alloc(8, 0x5a);
    const { enc, mac } = testKeys();
    const initialize = { cla: 0x80, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: challenge, le: 256 };
    const hello = exchange(card, initialize).data;
    const host = new OracleHost({ enc, mac }, level, challenge, hello.subarray(13, 21));
    assert.equal(hello.subarray(21, 29), host.cardCryptogram);
    assert.is(converse(card, host.externalAuthenticate())[0]?.toString("hex"), "9000");
    assert.is(card.display, "SERIAL");
    for (let i = 0; i < 3; i++) {
      const [answer] = converse(card, host.wrap(Ins.GET_DATA, 0, Tag.SERIAL, Buffer.alloc(0)));
      assert.is(answer?.subarray(-2).toString("hex"), "9000", `command ${i}`);
    }
  });
}

channels(
  "with the inputs of recorded sessions the card computes the recorded cryptograms and accepts every command's MAC",
  () => {
    // Where the recordings are missing, the other implementation's sessions above test the same.
    alsoShared("SCP03 sessions recorded with a real card", () => {
      for (const session of atLeast(3, sessionsOfAes128())) replay(session);
    });
  },
);

function replay(session: RecordedSession): void {
  const hex = (text: string) => Buffer.from(text, "hex");
  const random = new GivenNumbers(1);
  const card = new Card(module, { random });
  const { kvn, enc, mac, dek } = session.keyset;
  const keys = { kvn: Number(kvn), enc: hex(enc), mac: hex(mac), dek: hex(dek) };
  const channel = openChannel(card, Level.FULL, testKeys());
  send(card, channel, { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data: putKeyData(keys, testKeys().dek) });
  random.queue.push(hex(session.cardChallenge));
  const [hello] = converse(card, hex(session.initUpdate));
  assert.is(hello?.subarray(13, 29).toString("hex"), session.cardChallenge + session.cardCryptogram, session.name);
  assert.is(converse(card, hex(session.extAuth))[0]?.toString("hex"), "9000", session.name);
  for (const { plain, wrapped } of session.apdusInOrder) {
    // Except for card recognition data (66) the commands are for another card. They must be refused for their contents
    // or the level, and not for MAC or padding (6988).
    const expected = plain.startsWith("80ca0066") ? ["9000"] : ["6a86", "6d00", "6a88", "6982"];
    const [answer] = converse(card, hex(wrapped));
    const sw = answer?.subarray(-2).toString("hex") as string;
    assert.ok(expected.includes(sw), `${session.name}: ${sw}`);
    assert.is(card.display, "SERIAL");
  }
}

channels.run();
