// The faults of the first release's firmware stay corrected: each case passes on the firmware, and fails if the fault is
// put back (mutants/firstrelease.ts).

import * as assert from "uvu/assert";
import { Channel, Cla, Ins, Kind, Level, Sw, Tag } from "../../firmware/wire.js";
import { encodeRecord, type PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import type { SecureChannel } from "../../host-tools/card/scp03.js";
import {
  diversificationData,
  diversify,
  putKeyAnswer,
  putKeyData,
  testKeys,
} from "../../host-tools/card/transportkeys.js";
import { Card } from "../../sim/core/card.js";
import { FLASH_SIZE, Flash } from "../../sim/core/flash.js";
import { currentBytes, currentPage, Offset, readImage } from "../../sim/core/image.js";
import { Random } from "../../sim/core/random.js";
import { converse, exchange, openChannel, personalize } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { compile, type Mutant } from "../mutants/apply.js";
import { FORMER_FAULTS, type FormerFault } from "../mutants/firstrelease.js";
import { aesFailsAt } from "../mutants/single.js";
import { askUnlock, enter, failCode, failPin, login, MODULE, setPin, turnOff, turnOn } from "../support/cards.js";
import { type Case, fails } from "../support/fails.js";
import { FINISH, getData, PROVE, STORE, send, WIPE } from "../support/serial.js";
import { suite } from "../support/suite.js";

const test = suite("faults of the first release");

/** A test of a case, and a test for each fault that must fail it; `on` changes the firmware for both. */
function holds(title: string, check: Case, faults: readonly FormerFault[], on?: Mutant): void {
  test(title, async () => check(on ? await compile(on) : MODULE));
  for (const name of faults) {
    test(`${title}: ${name} fails it`, async () => {
      const fault: Mutant = FORMER_FAULTS[name];
      const module = await compile(on ? { ...fault, also: [...(fault.also ?? []), on] } : fault);
      assert.ok(fails(check, module), "the case does not see the fault");
    });
  }
}

const READ = { cla: Cla.GP_SECURE, ins: Ins.GET_DATA, p1: 0xdf, p2: 0x20, le: 256 } as const;
const SERVER_SUITE = `${DEMO.suite}-PSHA1`;
const NEXT: PersonalizationRecord = { ...DEMO, serial: "IB3000002", pin: "2580", key: new Uint8Array(32).fill(7) };

function demo(module: WebAssembly.Module): Card {
  const card = new Card(module, { seed: 7 });
  personalize(card, DEMO);
  return card;
}

function hello(card: Card): void {
  card.receive(encodeFrame(Channel.APDU, new Uint8Array()));
}

function select(card: Card): void {
  assert.is(exchange(card, { cla: Cla.ISO, ins: Ins.SELECT, p1: 4, p2: 0, le: 256 }).sw, Sw.DONE);
}

function selfTest(card: Card, number: number): { sw: number; data: Buffer } {
  return exchange(card, { cla: Cla.GP, ins: Ins.SELF_TEST, p1: number, p2: 0, le: 256 });
}

function statusOf(card: Card): string {
  return getData(card, Tag.STATUS).data.toString("hex");
}

function wipe(card: Card, channel: SecureChannel): void {
  assert.is(send(card, channel, WIPE).sw, Sw.DONE);
}

function reseed(card: Card, channel: SecureChannel, record = NEXT): void {
  assert.is(send(card, channel, { ...STORE, data: encodeRecord(record, testKeys().dek) }).sw, Sw.DONE);
}

// ---- what follows a screen ----

/** Every message that can be on the screen when a channel opens. */
const MESSAGES: readonly [text: string, reach: (card: Card) => void][] = [
  [
    "BATT LOW",
    (card) => {
      card.setBattery(2300);
      hello(card);
    },
  ],
  ["LEFT 4", (card) => failOnce(card)],
  [
    "WEAK PIN",
    (card) => {
      changePin(card);
      enter(card, "1111");
    },
  ],
  [
    "NO MATCH",
    (card) => {
      changePin(card);
      enter(card, "2580");
      enter(card, "2581");
    },
  ],
  [
    "PIN SET",
    (card) => {
      changePin(card);
      setPin(card, "2580");
    },
  ],
  [
    "WRONG",
    (card) => {
      failPin(card, DEMO.tries);
      askUnlock(card);
      enter(card, "00000000");
    },
  ],
];

function failOnce(card: Card): void {
  turnOn(card);
  enter(card, "9999");
}

function changePin(card: Card): void {
  turnOn(card);
  enter(card, DEMO.pin);
  card.hold("ok");
}

/** A card that is no longer personalized shows NO KEY and then turns off, whatever ends the message. */
function isFollowedByOff(change: (card: Card, channel: SecureChannel) => void): Case {
  return (module) => {
    for (const [message, reach] of MESSAGES) {
      for (const end of ["key", "time"]) {
        const card = demo(module);
        reach(card);
        assert.is(card.display, message);
        change(card, openChannel(card, Level.FULL, testKeys()));
        select(card);
        assert.is(card.display, "NO KEY", message);
        if (end === "key") card.press("5");
        else card.wait(30_000);
        assert.not.ok(card.on, `${message}, then a ${end}: ${card.display}`);
      }
    }
  };
}

holds("after any message a card that was seeded shows NO KEY and goes off", isFollowedByOff(reseed), [
  "stale-successor-after-seeding",
]);
holds("after any message a card that was wiped shows NO KEY and goes off", isFollowedByOff(wipe), [
  "stale-successor-after-wipe",
]);

// ---- what keeps a screen on ----

const IDLE = 30_000;
const PHONE_CALL = 300_000;
/** The frame comes this long before a screen ends (ms). */
const EARLIER = 10_000;

interface Screen {
  readonly name: string;
  readonly reach: (card: Card) => void;
  readonly time: number;
  /** Whether an unauthenticated frame keeps the card on. */
  readonly kept: boolean;
}

const SCREENS: readonly Screen[] = [
  { name: "PIN>", reach: turnOn, time: IDLE, kept: true },
  { name: "PIN>***", reach: (card) => type(card, [turnOn], "123"), time: IDLE, kept: false },
  { name: "CHALLNG>", reach: logIn, time: IDLE, kept: false },
  { name: "1234", reach: (card) => type(card, [logIn], "1234"), time: IDLE, kept: false },
  { name: "NEW>", reach: changePin, time: IDLE, kept: false },
  { name: "REP>", reach: (card) => type(card, [changePin], "2580", "ok"), time: IDLE, kept: false },
  { name: "LOCKED", reach: (card) => failPin(card, DEMO.tries), time: IDLE, kept: true },
  { name: "UNLOCK>", reach: (card) => type(card, [lock, askUnlock], ""), time: PHONE_CALL, kept: false },
  { name: "12", reach: (card) => type(card, [lock, askUnlock], "12"), time: PHONE_CALL, kept: false },
  { name: "BLOCKED", reach: (card) => block(card), time: IDLE, kept: true },
  { name: "SERIAL", reach: (card) => void openChannel(card, Level.C_MAC, testKeys()), time: IDLE, kept: false },
];

function type(card: Card, steps: readonly ((card: Card) => void)[], digits: string, last?: "ok"): void {
  for (const step of steps) step(card);
  card.type(digits);
  if (last) card.press(last);
  card.wait(0);
}

function logIn(card: Card): void {
  turnOn(card);
  enter(card, DEMO.pin);
}

function lock(card: Card): void {
  failPin(card, DEMO.tries);
}

function block(card: Card): void {
  lock(card);
  failCode(card, 5);
}

/** The time that `reach` takes after the last key release. */
const UP_TIME = 40;

holds(
  "an unauthenticated frame keeps the card on only while nothing is entered, open or shown",
  (module) => {
    for (const { name, reach, time, kept } of SCREENS) {
      for (const frame of [hello, statusOf]) {
        if (name === "SERIAL" && frame !== hello) continue;
        const card = demo(module);
        reach(card);
        assert.is(card.display, name);
        card.wait(time - EARLIER - 2 * UP_TIME);
        frame(card);
        card.wait(EARLIER - UP_TIME);
        assert.ok(card.on, `${name}: on for its time`);
        card.wait(3 * UP_TIME);
        assert.is(card.on, kept, name);
        card.wait(IDLE);
        assert.not.ok(card.on, `${name}: off 30 s after the frame`);
      }
    }
  },
  ["frames-keep-the-card-on"],
);

holds(
  "frames do not prolong the time of a response or a lock code",
  (module) => {
    for (const [reach, time] of [
      [respond, 60_000],
      [showLockCode, PHONE_CALL],
    ] as const) {
      const card = demo(module);
      reach(card);
      const shown = card.display;
      assert.match(shown, /^\d{8}$/);
      for (let past = 20_000; past < time; past += 20_000) {
        card.wait(20_000);
        hello(card);
        assert.is(card.display, shown);
      }
      card.wait(20_000);
      assert.not.ok(card.on);
    }
  },
  ["frames-keep-the-card-on"],
);

function respond(card: Card): void {
  logIn(card);
  enter(card, "123456");
}

function showLockCode(card: Card): void {
  lock(card);
  card.press("ok");
}

test("a command inside a channel keeps SERIAL on for 30 s more", () => {
  const card = demo(MODULE);
  const channel = openChannel(card, Level.C_MAC, testKeys());
  for (let i = 0; i < 5; i++) {
    card.wait(IDLE - 1);
    assert.is(send(card, channel, { ins: Ins.GET_DATA, p1: 0, p2: 0x45, le: 256 }).sw, Sw.DONE);
  }
  card.wait(IDLE - 1);
  assert.is(card.display, "SERIAL");
  card.wait(1);
  assert.not.ok(card.on);
});

test("NO KEY turns off 3 s after PRESS turned the card on, and 30 s after the last frame", () => {
  const card = new Card(MODULE, { seed: 7 });
  const offAfter = (ms: number, what: string) => {
    card.wait(ms - 1);
    assert.is(card.display, "NO KEY", what);
    card.wait(1);
    assert.not.ok(card.on, what);
  };
  card.down("press");
  card.waitUntil(() => card.on, 1000);
  offAfter(3000, "PRESS");
  card.up("press");
  card.wait(100);
  hello(card);
  offAfter(IDLE, "a frame turned it on");
  turnOn(card);
  hello(card);
  offAfter(IDLE, "a frame after PRESS");
  openChannel(card, Level.C_MAC, testKeys());
  card.wait(20_000);
  select(card);
  offAfter(IDLE, "a channel was closed");
  card.setBattery(2300);
  hello(card);
  card.wait(1000);
  offAfter(IDLE - 1000, "a frame, then BATT LOW");
  turnOn(card);
  card.wait(1000);
  card.press("5");
  assert.not.ok(card.on, "and a key ends it");
});

// ---- the bench test ----

holds(
  "the bench test reports no digit that was typed on another screen",
  (module) => {
    const card = demo(module);
    turnOn(card);
    enter(card, DEMO.pin);
    wipe(card, openChannel(card, Level.FULL, testKeys()));
    select(card);
    assert.is(selfTest(card, 2).data.toString("hex"), "0000", "before the test was on");
    card.press("3");
    assert.is(statusOf(card).slice(0, 2), "01");
    card.press("4");
    assert.is(selfTest(card, 2).data.toString("hex"), "0000", "after it was left");
    card.press("ok");
    card.press("0");
    assert.is(selfTest(card, 2).data.toString("hex"), "0401", "what was pressed on it");
    assert.is(selfTest(card, 2).data.toString("hex"), "0000", "once");
  },
  ["keys-recorded-on-every-screen"],
);

holds(
  "the bench test ends with the first command that is not SELF TEST: SERIAL in a channel, else NO KEY",
  (module) => {
    for (const inside of [true, false]) {
      const card = new Card(module, { seed: 7 });
      const channel = inside ? openChannel(card, Level.FULL, testKeys()) : undefined;
      const command = (ins: Ins, p1: number, p2: number) =>
        channel ? send(card, channel, { ins, p1, p2, le: 256 }) : exchange(card, { cla: Cla.GP, ins, p1, p2, le: 256 });
      command(Ins.SELF_TEST, 1, 0);
      for (const number of [2, 3, 5, 6, 9]) command(Ins.SELF_TEST, number, 0);
      hello(card);
      assert.is(card.display, "********", "a hello is no command");
      card.press("7");
      assert.is(card.display, "TEST 07");
      command(Ins.GET_DATA, 0xdf, 0x20);
      assert.is(card.display, inside ? "SERIAL" : "NO KEY");
    }
  },
  ["bench-test-never-ends"],
);

test("every command but SELF TEST, valid or not, ends the bench test", () => {
  let ended = 0;
  for (const inside of [true, false]) {
    for (let ins = 0; ins < 256; ins++) {
      const card = new Card(MODULE, { seed: 7 });
      const channel = inside ? openChannel(card, Level.FULL, testKeys()) : undefined;
      if (channel) send(card, channel, { ins: Ins.SELF_TEST, p1: 1, p2: 0 });
      else selfTest(card, 1);
      assert.is(card.state, "TEST");
      if (channel && !opensOrCloses(ins)) send(card, channel, { ins, p1: 0, p2: 0 });
      else exchange(card, { cla: Cla.GP, ins, p1: 0, p2: 0 });
      const left = card.state;
      const open = channel && exchange(card, channel.wrap(READ)).sw === Sw.DONE;
      assert.is(left, ins === Ins.SELF_TEST ? "TEST" : open ? "SERIAL" : "NO_KEY", `${inside} ${ins.toString(16)}`);
      ended++;
    }
  }
  assert.is(ended, 512);
});

/** Whether a command is sent without secure messaging in a channel too. */
function opensOrCloses(ins: number): boolean {
  return ins === Ins.SELECT || ins === Ins.INITIALIZE_UPDATE || ins === Ins.EXTERNAL_AUTHENTICATE;
}

test("the bench test turns off 30 s after the last key or frame, and its channel is closed", () => {
  const card = new Card(MODULE, { seed: 7 });
  const channel = openChannel(card, Level.FULL, testKeys());
  send(card, channel, { ins: Ins.SELF_TEST, p1: 1, p2: 0 });
  for (const act of [() => hello(card), () => card.down("5"), () => card.up("5")]) {
    card.wait(IDLE - 100);
    act();
    card.wait(IDLE - 100);
    assert.is(card.state, "TEST");
    hello(card);
  }
  card.wait(IDLE - 1);
  assert.ok(card.on);
  card.wait(1);
  assert.not.ok(card.on);
  const { sw } = exchange(card, channel.wrap(READ));
  assert.is(sw, Sw.NOT_IN_THIS_CHANNEL);
});

// ---- a card in ERROR ----

/** Cards that turn on with an error, and its number. */
function broken(module: WebAssembly.Module): [number, Card][] {
  const images = [new Uint8Array(FLASH_SIZE), new Uint8Array(FLASH_SIZE)];
  new Random(3).fill(images[1] as Uint8Array);
  const cards = images.map((bytes): [number, Card] => [2, new Card(module, { seed: 7, flash: new Flash(bytes) })]);
  const personalized = demo(module);
  personalized.randomFails = true;
  return [...cards, [3, personalized]];
}

holds(
  "a card in ERROR answers SELECT and GET DATA, refuses all else with 6F00 + nn, and writes nothing",
  (module) => {
    for (const [number, card] of broken(module)) {
      select(card);
      assert.is(card.display, `ERROR 0${number}`);
      const operations = card.flash.operations;
      for (const cla of [Cla.GP, Cla.ISO, Cla.GP_SECURE, Cla.ISO_SECURE, 0x40]) {
        for (let ins = 0; ins < 256; ins++) {
          if ((cla === Cla.GP || cla === Cla.ISO) && (ins === Ins.SELECT || ins === Ins.GET_DATA)) continue;
          for (const data of [new Uint8Array(), new Uint8Array(8)]) {
            const { sw } = exchange(card, { cla, ins, p1: 0, p2: 0, data });
            assert.is(sw, Sw.ERROR + number, `${cla.toString(16)} ${ins.toString(16)} ${data.length}`);
          }
        }
      }
      assert.is(converse(card, Uint8Array.of(0x80, 0x50))[0]?.toString("hex"), `6f0${number}`, "cut short");
      assert.is(card.flash.operations, operations);
      assert.is(card.display, `ERROR 0${number}`);
    }
  },
  ["error-card-takes-commands"],
);

holds(
  "the status of a card in ERROR has the error's number and the battery, and nothing else",
  (module) => {
    for (const [number, card] of broken(module)) {
      assert.is(statusOf(card), `ff0000000000000${number}0bb8`);
      assert.is(getData(card, Tag.CARD_ID).sw, Sw.NO_SUCH_DATA);
      assert.is(card.tries, undefined);
      card.press("press");
      assert.not.ok(card.on);
    }
  },
  ["error-not-told"],
);

test("a wipe that the random source stops is ERROR 03 at once, and its channel is closed", () => {
  const card = demo(MODULE);
  const channel = openChannel(card, Level.FULL, testKeys());
  card.randomFails = true;
  assert.is(send(card, channel, WIPE).sw, Sw.NOT_USABLE);
  assert.is(card.display, "ERROR 03");
  assert.is(statusOf(card), "ff000000000000030bb8");
});

test("an unknown life is ERROR 02", () => {
  for (const life of [0, 4, 0xff]) {
    const flash = new Flash(demo(MODULE).flash.bytes);
    const page = currentBytes(flash.bytes);
    page[8] = life;
    new DataView(page.buffer, page.byteOffset).setUint32(Offset.HEAD_CHECK, headCheck(page), true);
    assert.is(turnOn(new Card(MODULE, { seed: 7, flash: new Flash(flash.bytes) })), "ERROR 02", `${life}`);
  }
});

// ---- transport keys ----

/** The data of PUT KEY without the length that other clients omit. */
function shortened(data: Uint8Array): Buffer {
  const blocks = [0, 1, 2].map((i) => data.subarray(1 + 23 * i, 24 + 23 * i));
  return Buffer.concat([data.subarray(0, 1), ...blocks.flatMap((block) => [block.subarray(0, 1), block.subarray(2)])]);
}

holds(
  "PUT KEY takes both encodings, all three keys or none",
  (module) => {
    for (const encode of [Buffer.from, shortened]) {
      const card = demo(module);
      const keys = testKeys();
      const fresh = diversify(Buffer.alloc(16, 9), diversificationData(DEMO.serial), 1);
      const put = { ins: Ins.PUT_KEY, p1: 0xff, p2: 0x81, le: 256 } as const;
      const channel = openChannel(card, Level.FULL, keys);
      const good = encode(putKeyData(fresh, keys.dek));
      const field = (good.length - 1) / 3;
      for (let key = 0; key < 3; key++) {
        for (const at of [0, 1, field - 20, field - 4, field - 3, field - 1]) {
          const data = Buffer.from(good);
          data.writeUInt8(data.readUInt8(1 + key * field + at) ^ 1, 1 + key * field + at);
          assert.is(send(card, channel, { ...put, data }).sw, Sw.WRONG_DATA, `${field} ${key} ${at}`);
        }
      }
      const { sw, data } = send(card, channel, { ...put, data: good });
      assert.is(sw, Sw.DONE, `${field} bytes a key`);
      assert.equal(data, putKeyAnswer(fresh));
      openChannel(card, Level.FULL, fresh);
    }
  },
  ["put-key-in-one-encoding"],
);

// ---- the channel's screen ----

/** The battery voltage at which AES fails in this test, in mV. */
const AES_FAILS = 2999;

holds(
  "closing a channel leaves SERIAL, whatever closes it",
  (module) => {
    const closes: Record<string, (card: Card, channel: SecureChannel) => void> = {
      SELECT: select,
      "INITIALIZE UPDATE": (card) =>
        void exchange(card, { cla: Cla.GP, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: new Uint8Array(8) }),
      "a wrong MAC": (card) => void exchange(card, { ...READ, data: new Uint8Array(8) }),
      "a plain command": (card) => void getData(card, Tag.SERIAL),
      "AES that fails": (card, channel) => {
        card.setBattery(AES_FAILS);
        exchange(card, channel.wrap(READ));
      },
    };
    for (const [what, close] of Object.entries(closes)) {
      const card = demo(module);
      const channel = openChannel(card, Level.FULL, testKeys());
      assert.is(card.display, "SERIAL");
      close(card, channel);
      assert.is(card.display, "PIN>", what);
    }
  },
  ["closed-channel-keeps-its-screen"],
  aesFailsAt(AES_FAILS),
);

// ---- the former owner ----

const FORMER: readonly [name: string, PersonalizationRecord][] = [
  ["one", DEMO],
  ["another", { ...DEMO, serial: "IB9999999", pin: "8053", key: new Uint8Array(20).fill(9), tries: 3 }],
  ["one at a server", { ...DEMO, pinCheck: "server", suite: SERVER_SUITE }],
  ["another at a server", { ...DEMO, serial: "IB8888888", pinCheck: "server", suite: `${DEMO.suite}-PSHA512` }],
];
const LIVES: readonly [name: string, (card: Card, record: PersonalizationRecord) => void][] = [
  ["as it is", () => {}],
  ["used", (card, { pin }) => void login(card, pin)],
  ["locked", (card, { tries, pinCheck }) => void (pinCheck === "card" && failPin(card, tries))],
];

/** The flash of a card that had this owner and then underwent `change`. The change restarts the random source. */
function afterwards(
  module: WebAssembly.Module,
  owner: PersonalizationRecord,
  live: (card: Card, record: PersonalizationRecord) => void,
  change: (card: Card) => void,
): string {
  const random = new Random(7);
  const card = new Card(module, { random });
  personalize(card, { ...owner, unlockKey: new Uint8Array(32).fill(owner.tries) });
  live(card, owner);
  turnOff(card);
  random.state = new Random(8).state;
  change(card);
  turnOff(card);
  return Buffer.from(card.flash.bytes).toString("hex");
}

holds(
  "nothing of the former owner stays, with either PIN check before and after",
  (module) => {
    const changes: readonly [string, (card: Card) => void][] = [
      ["card", (card) => personalize(card, NEXT)],
      ["server", (card) => personalize(card, { ...NEXT, pinCheck: "server", suite: SERVER_SUITE })],
    ];
    for (const [next, change] of changes) {
      const left = FORMER.flatMap(([, owner]) => LIVES.map(([, live]) => afterwards(module, owner, live, change)));
      assert.is(left.length, FORMER.length * LIVES.length);
      assert.is(new Set(left).size, 1, `judged by the ${next} now`);
    }
  },
  ["lock-code-of-the-former-owner"],
);

test("a wipe leaves the serial number and nothing else of the former owner", () => {
  const wiped = (card: Card) => wipe(card, openChannel(card, Level.FULL, testKeys()));
  const left = FORMER.flatMap(([, owner]) =>
    LIVES.map(([, live]) => afterwards(MODULE, { ...owner, serial: DEMO.serial }, live, wiped)),
  );
  assert.is(new Set(left).size, 1);
});

// ---- a head whose check value is the erased word ----

const ERASED = 0xffffffff;
const LOCK_CODE_AT = 0x10;

/** The check value of a head (docs/FLASH.md). */
function headCheck(page: Uint8Array): number {
  return ~forwards(~sequenceOf(page), page.subarray(0, Offset.HEAD_CHECK)) >>> 0;
}

function sequenceOf(page: Uint8Array): number {
  return new DataView(page.buffer, page.byteOffset).getUint32(4, true);
}

/** The register of a CRC-32 (ISO 3309) after `bytes`. */
function forwards(register: number, bytes: Uint8Array): number {
  let crc = register >>> 0;
  for (const byte of bytes) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1) >>> 0;
  }
  return crc;
}

/** The register before `bytes` that gives `register` after them. */
function backwards(register: number, bytes: Uint8Array): number {
  let crc = register >>> 0;
  for (const byte of [...bytes].reverse()) {
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 31 ? ((crc ^ 0xedb88320) << 1) | 1 : crc << 1) >>> 0;
    crc = (crc ^ byte) >>> 0;
  }
  return crc;
}

/** The lock code for which the check value of an otherwise equal head is the erased word. */
function lockCodeFor(page: Uint8Array): number {
  const before = forwards(~sequenceOf(page), page.subarray(0, LOCK_CODE_AT));
  const behind = backwards(~ERASED, page.subarray(LOCK_CODE_AT + 4, Offset.HEAD_CHECK));
  return (before ^ backwards(behind, new Uint8Array(4))) >>> 0;
}

/** A serial number and a lock code that give the page of a seeding such a head. */
function unlucky(module: WebAssembly.Module): { record: PersonalizationRecord; lockCode: number } {
  const card = new Card(module, { seed: 7 });
  reseed(card, openChannel(card, Level.FULL, testKeys()));
  const page = Uint8Array.from(currentBytes(card.flash.bytes));
  for (let number = 1; number < 10_000; number++) {
    const serial = `IB${String(number).padStart(7, "0")}`;
    page.set(Buffer.from(serial, "ascii"), 0x14);
    const lockCode = lockCodeFor(page);
    if (lockCode < 100_000_000 && lockCode % 16 !== 0) return { record: { ...NEXT, serial }, lockCode };
  }
  throw new Error("no such serial number");
}

/** Gives chosen bytes to a draw of four bytes, which is the length of a lock code. */
class Drawing extends Random {
  readonly #word: number;

  constructor(word: number) {
    super(7);
    this.#word = word;
  }

  override fill(bytes: Uint8Array): void {
    if (bytes.length === 4) new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, this.#word, true);
    else super.fill(bytes);
  }
}

holds(
  "a loss of power while a page with the erased word as its check value is written leaves the old page or the new one",
  (module) => {
    const { record, lockCode } = unlucky(module);
    let cuts = 0;
    for (let at = 1; ; at++) {
      const card = new Card(module, { random: new Drawing(lockCode) });
      const channel = openChannel(card, Level.FULL, testKeys());
      const data = encodeRecord(record, testKeys().dek);
      const { cla, ins, p1, p2, data: sealed } = channel.wrap({ cla: Cla.GP_SECURE, ...STORE, data });
      card.cutAt(at, "clean");
      card.receive(
        encodeFrame(Channel.APDU, Uint8Array.from([cla, ins, p1, p2, sealed?.length ?? 0, ...(sealed ?? [])])),
      );
      if (!card.takeCut()) break;
      cuts++;
      card.setBattery(3000);
      assert.is(turnOn(card), "NO KEY", `cut ${at}`);
      if (statusOf(card).startsWith("01")) continue;
      const again = openChannel(card, Level.FULL, testKeys());
      assert.is(send(card, again, { ...PROVE, data: Buffer.from(`${record.pin}123456`) }).sw, Sw.DONE, `cut ${at}`);
      assert.is(send(card, again, FINISH).sw, Sw.DONE, `cut ${at}`);
    }
    assert.ok(cuts > 64, `${cuts} cuts`);
  },
  ["commit-without-a-word"],
);

holds(
  "a page counts only if its commit was programmed, whatever its contents",
  (module) => {
    const card = demo(module);
    const bytes = Uint8Array.from(card.flash.bytes);
    const page = currentBytes(bytes);
    const view = new DataView(page.buffer, page.byteOffset);
    view.setUint32(LOCK_CODE_AT, lockCodeFor(page), true);
    view.setUint32(Offset.HEAD_CHECK, ERASED, true);
    assert.is(headCheck(page), ERASED, "its check value holds");
    assert.is(currentPage(readImage(bytes)), undefined, "nor does it for people who inspect it");
    assert.is(turnOn(new Card(module, { seed: 7, flash: new Flash(bytes) })), "NO KEY");
  },
  ["page-without-a-commit-counts"],
);

// ---- which host ----

test("the status has the kind of host, and a production image has no front panel", () => {
  for (const kind of [Kind.PRODUCTION, Kind.DEVELOPMENT, Kind.SIMULATOR]) {
    const card = new Card(MODULE, { seed: 7, kind });
    const { data } = getData(card, Tag.FIRMWARE);
    assert.is(data.length, 12);
    assert.is(data[11], kind);
    card.receive(encodeFrame(Channel.PANEL, new Uint8Array()));
    assert.is(card.takeSent().length > 0, kind !== Kind.PRODUCTION, `kind ${kind}`);
  }
});

test.run();
