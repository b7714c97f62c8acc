// The card on its serial line: frames, commands, the secure channel, and who may do what.

import { cbc, cmac, ecb } from "@noble/ciphers/aes.js";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Ins, Level, Sw, Tag } from "../firmware/wire.js";
import type { Command } from "../host-tools/apdu.js";
import { encodeRecord } from "../host-tools/cardclient.js";
import { encodeFrame } from "../host-tools/frame.js";
import {
  diversificationData,
  diversify,
  type Keyset,
  putKeyAnswer,
  putKeyData,
  testKeys,
} from "../host-tools/keyset.js";
import { ocra } from "../host-tools/ocra.js";
import {
  AuthenticationFailed,
  deriveSessionKeys,
  kdf,
  LEVELS,
  parseCardHello,
  SecureChannel,
  type SecurityLevel,
} from "../host-tools/scp03.js";
import { Card } from "../sim/card.js";
import { DEMO, personalize } from "../sim/demo.js";
import { loadFirmware } from "../sim/firmware.js";
import { Random } from "../sim/random.js";
import { converse, exchange, openChannel, payloads } from "../sim/workshop.js";
import { sharedTest, vectors } from "./support/shared.js";

const module = loadFirmware();
const UNLOCK_SUITE = "OCRA-1:HOTP-SHA256-8:QN08";
const CHANGE = { ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0 } as const;
const UNLOCK = { ins: Ins.RESET_RETRY_COUNTER, p1: 0, p2: 0 } as const;
const PROVE = { ins: Ins.INTERNAL_AUTHENTICATE, p1: 0, p2: 0 } as const;
const WIPE = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x01 } as const;
const FINISH = { ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f } as const;
const STORE = { ins: Ins.STORE_DATA, p1: 0xe0, p2: 0 } as const;

function blank(): Card {
  return new Card(module, { seed: 7 });
}

function demo(): Card {
  const card = blank();
  personalize(card, DEMO);
  return card;
}

function send(card: Card, channel: SecureChannel, command: Omit<Command, "cla">): { sw: number; data: Buffer } {
  return channel.unwrap(exchange(card, channel.wrap({ cla: 0x84, ...command })));
}

function getData(card: Card, tag: number): { sw: number; data: Buffer } {
  return exchange(card, { cla: 0x80, ins: Ins.GET_DATA, p1: tag >> 8, p2: tag & 0xff, le: 256 });
}

function digits(text: string): Buffer {
  return Buffer.from(text, "ascii");
}

/** Enters a PIN by hand and returns what the card shows. */
function enter(card: Card, pin: string): string {
  if (!card.on) card.hold("press");
  card.type(pin);
  card.press("ok");
  return card.display;
}

function lock(card: Card): string {
  for (let i = 0; i < DEMO.tries; i++) {
    enter(card, "9999");
    if (card.display !== "LOCKED") card.wait(2000);
  }
  card.press("ok");
  const code = card.display;
  card.hold("press");
  return code;
}

// ---- frames ----

const frames = suite("frames");

frames("a hello is answered with the protocol's version, and wakes the card", () => {
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

frames("noise is not answered: a wrong CRC, an unknown channel, a wrong escape, too long, too short", () => {
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

frames("a good frame after any noise is answered", () => {
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

// ---- what anybody may ask ----

const open = suite("without a channel");

open("a blank card tells its state, and that it has the public test keys", () => {
  const card = blank();
  assert.is(getData(card, Tag.SERIAL).sw, Sw.NO_SUCH_DATA);
  assert.is(getData(card, Tag.STATUS).data.toString("hex"), "01000000000001000bb8");
  assert.is(getData(card, Tag.KEY_INFORMATION).data.toString("hex"), "e012c00401ff8810c00402ff8810c00403ff8810");
});

open("a personalized one tells serial number, suite and tries, and nothing of its keys", () => {
  const card = demo();
  assert.is(getData(card, Tag.SERIAL).data.toString(), DEMO.serial);
  assert.is(getData(card, Tag.SUITE).data.toString(), DEMO.suite);
  assert.is(getData(card, Tag.STATUS).data.toString("hex"), "03000105050501000bb8");
});

open("a locked and a blocked card say so", () => {
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

open("every other command is refused without one, whatever its P1, P2 and length, and nothing changes", () => {
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

open("every instruction, class and length is answered with a status word and nothing secret", () => {
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

open("a malformed APDU is a wrong length", () => {
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
  assert.is(status({ cla: 0x80, ins: Ins.GET_DATA, p1: 0, p2: 0x45, data: Buffer.of(1) }), Sw.WRONG_LENGTH);
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

// ---- the channel ----

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

channels("opens at each level, shows SERIAL, and PRESS closes it", () => {
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

channels("levels 01 and 11 only read; 03, 13 and 33 change; the proof is for 33", () => {
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

channels("EXTERNAL AUTHENTICATE needs the right cryptogram and the right MAC, not one of them", () => {
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

channels("a warning carries an R-MAC, an error comes bare", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  const raw = (data: string) => exchange(card, channel.wrap({ cla: 0x84, ...PROVE, data: digits(data) })).data.length;
  assert.is(raw("9999123456"), 8);
  assert.is(raw("40711234"), 0);
});

channels("data that is wrongly padded under a right MAC closes it", () => {
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

channels("SELECT closes it", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(exchange(card, { cla: 0x00, ins: Ins.SELECT, p1: 4, p2: 0 }).sw, Sw.DONE);
  assert.is(card.display, "PIN>");
  const { sw } = exchange(card, channel.wrap({ cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45 }));
  assert.is(sw, Sw.NOT_IN_THIS_CHANNEL);
});

channels("while an answer is held back, nothing else is heard", () => {
  const card = demo();
  for (let i = 0; i < 2; i++) answerTime(card);
  converse(card, Buffer.concat([Buffer.from("8050000008", "hex"), Buffer.alloc(8)]));
  card.receive(encodeFrame(0, Buffer.concat([Buffer.from("8482330010", "hex"), Buffer.alloc(16)])));
  card.receive(encodeFrame(0, new Uint8Array()));
  assert.is(card.takeSent().length, 0);
  card.wait(1000);
  assert.equal(payloads(card.takeSent()), [Buffer.from("6300", "hex")]);
});

channels("a replayed command, a flipped bit of the MAC and a skipped command close it", () => {
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

channels("a command without secure messaging closes it", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  assert.is(getData(card, Tag.SERIAL).sw, Sw.NOT_IN_THIS_CHANNEL);
  assert.is(exchange(card, channel.wrap({ cla: 0x84, ins: Ins.GET_DATA, p1: 0, p2: 0x45 })).sw, Sw.NOT_IN_THIS_CHANNEL);
});

/** The commands of a channel as they must be: P1, all P2 that are right, bytes of data. */
const FORMS: [ins: Ins, p1: number, p2: number[], length: number][] = [
  [Ins.STORE_DATA, 0xe0, [0], 161],
  [Ins.PUT_KEY, 0xff, [0x81], 70],
  [Ins.SET_STATUS, 0x80, [0x01, 0x0f], 0],
  [Ins.INTERNAL_AUTHENTICATE, 0, [0], 10],
  [Ins.CHANGE_REFERENCE_DATA, 0, [0], 8],
  [Ins.RESET_RETRY_COUNTER, 0, [0], 12],
];
const LONGEST_SECURED = 239;

for (const [ins, p1, p2, length] of FORMS) {
  channels(`${Ins[ins]} refuses every other P1, P2 and length, and the channel stays open`, () => {
    const card = demo();
    const channel = openChannel(card, Level.FULL, testKeys());
    const operations = card.flash.operations;
    const answer = (one: number, two: number, size: number) =>
      send(card, channel, { ins, p1: one, p2: two, data: Buffer.alloc(size, 0x31) }).sw;
    for (let value = 0; value < 256; value++) {
      if (value !== p1) assert.is(answer(value, p2[0] as number, length), Sw.WRONG_PARAMETERS, `P1 ${value}`);
      if (!p2.includes(value)) assert.is(answer(p1, value, length), Sw.WRONG_PARAMETERS, `P2 ${value}`);
    }
    for (let size = 0; size <= LONGEST_SECURED; size++) {
      if (size !== length) assert.is(answer(p1, p2[0] as number, size), Sw.WRONG_LENGTH, `${size} bytes`);
    }
    assert.is(card.flash.operations, operations);
    assert.is(card.display, "SERIAL");
  });
}

channels("an unknown instruction is 6D00 inside a channel, and changes nothing", () => {
  const card = demo();
  const channel = openChannel(card, Level.FULL, testKeys());
  const known = new Set<number>(Object.values(Ins).filter((ins) => typeof ins === "number"));
  for (let ins = 0; ins < 256; ins++) {
    if (!known.has(ins)) assert.is(send(card, channel, { ins, p1: 0, p2: 0 }).sw, Sw.UNKNOWN_COMMAND, `${ins}`);
  }
});

channels("wrong keys are answered ever more slowly, and flash is not written", () => {
  const card = demo();
  getData(card, Tag.SERIAL);
  const operations = card.flash.operations;
  const delays: number[] = [];
  for (let i = 0; i < 11; i++) delays.push(answerTime(card));
  assert.equal(delays, [0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 64000, 64000]);
  assert.is(card.flash.operations, operations);
  openChannel(card, 0x01, testKeys());
  assert.is(answerTime(card), 0, "a right one ends the row");
});

channels("a host with other keys learns it from the card's cryptogram", () => {
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

/** A random source that gives what it is told to, and then goes on by itself. */
class Told extends Random {
  readonly queue: Uint8Array[] = [];

  override fill(bytes: Uint8Array): void {
    const next = this.queue[0];
    if (next?.length === bytes.length) bytes.set(this.queue.shift() as Uint8Array);
    else super.fill(bytes);
  }
}

interface Recording {
  name: string;
  keyset: { kvn: string; enc: string; mac: string; dek: string };
  initUpdate: string;
  cardChallenge: string;
  cardCryptogram: string;
  extAuth: string;
  apdusInOrder: { wrapped: string }[];
}

sharedTest(
  channels,
  "recorded sessions of another card: the same cryptograms, and every command's MAC is right",
  () => {
    const { sets } = vectors<{ sets: { sessions?: Recording[] }[] }>("scp03.json");
    const sessions = sets.flatMap((set) => set.sessions ?? []).filter((session) => session.keyset.enc.length === 32);
    assert.is(sessions.length, 3);
    for (const session of sessions) replay(session);
  },
);

function replay(session: Recording): void {
  const hex = (text: string) => Buffer.from(text, "hex");
  const random = new Told(1);
  const card = new Card(module, { random });
  const { kvn, enc, mac, dek } = session.keyset;
  const keys = { kvn: Number(kvn), enc: hex(enc), mac: hex(mac), dek: hex(dek) };
  const channel = openChannel(card, Level.FULL, testKeys());
  send(card, channel, { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data: putKeyData(keys, testKeys().dek) });
  random.queue.push(hex(session.cardChallenge));
  const [hello] = converse(card, hex(session.initUpdate));
  assert.is(hello?.subarray(13, 29).toString("hex"), session.cardChallenge + session.cardCryptogram, session.name);
  assert.is(converse(card, hex(session.extAuth))[0]?.toString("hex"), "9000", session.name);
  for (const { wrapped } of session.apdusInOrder) {
    // Commands for another card: refused for what they ask or for the level, and not for MAC or padding (6988).
    const [answer] = converse(card, hex(wrapped));
    const sw = answer?.subarray(-2).toString("hex") as string;
    assert.ok(["6a86", "6d00", "6a88", "6982"].includes(sw), `${session.name}: ${sw}`);
    assert.is(card.display, "SERIAL");
  }
}

channels.run();

// ---- personalizing ----

const seeding = suite("personalization");

seeding("the steps of the protocol make a card that works", () => {
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

seeding("a record that is not as it must be is refused, and nothing changes", () => {
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

seeding("a wrong PIN in the proof spends a try, and the last one locks", () => {
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

seeding("PUT KEY takes all three keys or none: a wrong check value, version or length changes nothing", () => {
  const keys = testKeys();
  const fresh = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);
  const spoil: ((data: Buffer) => void)[] = [
    (data) => data.writeUInt8(data.readUInt8(69) ^ 1, 69),
    (data) => data.writeUInt8(0, 0),
    (data) => data.writeUInt8(0x80, 0),
    (data) => data.writeUInt8(0x89, 1),
  ];
  for (const change of spoil) {
    const card = demo();
    const channel = openChannel(card, Level.FULL, keys);
    const data = putKeyData(fresh, keys.dek);
    change(data);
    assert.is(send(card, channel, { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, data }).sw, Sw.WRONG_DATA);
    openChannel(card, Level.FULL, keys);
  }
});

seeding("the tries that were spent stay spent when keys are rotated", () => {
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

seeding("personalizing again replaces everything, under the transport keys", () => {
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

// ---- afterwards ----

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
  const root = Buffer.from(card.flash.bytes).subarray(0);
  const page = [0, 1, 2, 3].find((n) => card.flash.bytes[n * 1024] !== 0xff) as number;
  const secret = Buffer.from(root.subarray(page * 1024 + 0x48, page * 1024 + 0x58));
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
  const page = [0, 1, 2, 3].find((n) => card.flash.bytes[n * 1024] !== 0xff) as number;
  const root = Buffer.from(card.flash.bytes.slice(page * 1024 + 0x48, page * 1024 + 0x58));
  let erased = false;
  card.flash.onChange = (_address, length) => {
    if (length < 1024) return;
    erased = true;
    assert.not.ok(Buffer.from(card.flash.bytes).includes(root.subarray(0, 4)));
  };
  // Erasing is what would have taken it; looked at before, when the new page is committed.
  const program = card.flash.program.bind(card.flash);
  let rootAtFirstProgramElsewhere: boolean | undefined;
  card.flash.program = (address, value) => {
    const elsewhere = Math.floor(address / 1024) !== page;
    if (elsewhere) rootAtFirstProgramElsewhere ??= Buffer.from(card.flash.bytes).includes(root);
    program(address, value);
  };
  assert.is(send(card, channel, { ...WIPE }).sw, Sw.DONE);
  assert.ok(erased);
  assert.is(rootAtFirstProgramElsewhere, false);
});

later("a wipe that power cut anywhere is finished, or has not begun", () => {
  for (const mode of ["clean", "torn"] as const) {
    for (let at = 1; ; at++) {
      const card = demo();
      const channel = openChannel(card, Level.FULL, testKeys());
      card.cutAt(at, mode);
      card.receive(encodeFrame(0, wire(channel.wrap({ cla: 0x84, ...WIPE }))));
      if (!card.takeCut()) break;
      card.setBattery(3000);
      card.hold("press");
      assert.ok(["NO KEY", "PIN>"].includes(card.display), `${mode} ${at}: ${card.display}`);
      if (card.display === "PIN>") assert.is(enter(card, DEMO.pin), "CHALLNG>", `${mode} ${at}`);
    }
  }
});

later("a wipe that the random source stops lets nothing else happen, and power-on finishes it", () => {
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

later("a record that the random source stops changes nothing, and is not finished by what follows", () => {
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

later("a right PIN or unlock code whose end fails leaves no key open", () => {
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

later("below 2,100 mV nothing is changed: 6985", () => {
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

// ---- the bench ----

const bench = suite("self test");

function selfTest(card: Card, test: number): { sw: number; data: Buffer } {
  return exchange(card, { cla: 0x80, ins: Ins.SELF_TEST, p1: test, p2: 0, le: 256 });
}

bench("is for cards that are not personalized", () => {
  for (let test = 0; test < 8; test++) assert.is(selfTest(demo(), test).sw, Sw.NOT_IN_THIS_STATE);
});

bench("lights the screen, names the keys, reads battery, random source and algorithms", () => {
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

bench("tries the pages of flash that hold nothing, in a channel", () => {
  const card = blank();
  assert.is(selfTest(card, 4).sw, Sw.NOT_IN_THIS_CHANNEL);
  const keys: Keyset = testKeys();
  const channel = openChannel(card, Level.FULL, keys);
  assert.equal(send(card, channel, { ins: Ins.SELF_TEST, p1: 4, p2: 0, le: 256 }).data, Buffer.of(3));
});

bench.run();

// ---- the front panel ----

const panel = suite("front panel");

panel("says nothing until it is asked, then every screen", () => {
  const card = demo();
  card.hold("press");
  assert.is(card.takeSent().length, 0);
  card.receive(encodeFrame(1, new Uint8Array()));
  const text = () => Buffer.from(card.takeSent()).toString("latin1");
  assert.match(text(), /PIN> {4}/);
  card.receive(encodeFrame(1, Uint8Array.of(4, 1)));
  card.wait(80);
  card.receive(encodeFrame(1, Uint8Array.of(4, 0)));
  card.wait(40);
  assert.match(text(), /PIN>\* {3}/);
});

panel.run();
