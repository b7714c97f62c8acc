// The firmware's draws from its random source: every draw is in the table below, its bytes vary, and no value comes
// twice. The source is seeded, so that no test fails by chance.

import * as assert from "uvu/assert";
import { Cla, Ins, SelfTest, SetStatusP2, Sw } from "../../firmware/wire.js";
import { encodeRecord } from "../../host-tools/card/cardclient.js";
import { testKeys } from "../../host-tools/card/transportkeys.js";
import { Card } from "../../sim/core/card.js";
import { currentBytes, rootOf } from "../../sim/core/image.js";
import { Random } from "../../sim/core/random.js";
import { exchange, openChannel, personalize } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { compile } from "../mutants/apply.js";
import { unseenMutants } from "../mutants/unseen.js";
import { askUnlock, enter, failPin, MODULE, setPin, turnOff, turnOn, unlockCodeOf } from "../support/cards.js";
import { fails } from "../support/fails.js";
import { STORE, send } from "../support/serial.js";
import { suite } from "../support/suite.js";

const draws = suite("draws of the firmware");

/** The number of draws of each kind, which gives about 57 of the 256 values of a byte. */
const MANY = 64;
const DIFFERENT = 40;
const LOCK_CODE_AT = 0x10;
const CODES = 100_000_000;
/** From here on a word is not used for a lock code: the values below are 42 times the number of codes. */
const BEYOND = 42 * CODES;

/** A random source that records each draw: its bytes and its length. */
class Noting extends Random {
  readonly given: Buffer[] = [];
  /** Bytes to give instead, for a draw of this length. */
  readonly prescribed: Uint8Array[] = [];

  override fill(bytes: Uint8Array): void {
    if (this.prescribed[0]?.length === bytes.length) bytes.set(this.prescribed.shift() as Uint8Array);
    else super.fill(bytes);
    this.given.push(Buffer.from(bytes));
  }

  /** The draws since the last call, without those of the power-on self-test, which come in this order. */
  take(): Buffer[] {
    const taken = this.given.splice(0);
    const isTest = (at: number) => taken[at]?.length === TESTED[0] && taken[at + 1]?.length === TESTED[1];
    return taken.filter((_, at) => !isTest(at) && !isTest(at - 1));
  }
}

/** Bytes that the self-test draws and compares; nothing is made of them. */
const TESTED = [16, 8] as const;

/** A draw: the action that makes it, its length, and the value made of it. */
interface Row {
  readonly name: string;
  readonly size: number;
  /** Makes it draw, with a card that is blank, personalized or locked as it needs. Returns the values that were made. */
  readonly draw: (module: WebAssembly.Module, random: Noting, count: number) => Buffer[];
  /** The value made of the drawn bytes. */
  readonly made: (drawn: Buffer) => Buffer;
}

const asItIs = (drawn: Buffer) => drawn;
const asLockCode = (drawn: Buffer) => word(drawn.readUInt32LE() % CODES);

const ROWS: readonly Row[] = [
  {
    name: "the root secret of a card that starts for the first time",
    size: 16,
    made: asItIs,
    draw: (module, random, count) =>
      Array.from({ length: count }, () => {
        const card = new Card(module, { random });
        turnOn(card);
        return root(card);
      }),
  },
  {
    name: "the root secret after a wipe",
    size: 16,
    made: asItIs,
    draw: (module, random, count) => {
      const card = new Card(module, { random });
      const channel = openChannel(card, 0x33, testKeys());
      random.take();
      return Array.from({ length: count }, () => {
        const wiped = send(card, channel, { ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.WIPED });
        assert.is(wiped.sw, Sw.DONE);
        return root(card);
      });
    },
  },
  {
    name: "the card challenge",
    size: 8,
    made: asItIs,
    draw: (module, random, count) => {
      const card = new Card(module, { random });
      initializeUpdate(card);
      random.take();
      return Array.from({ length: count }, () => initializeUpdate(card).data.subarray(13, 21));
    },
  },
  {
    name: "the lock code of a card that is seeded",
    size: 4,
    made: asLockCode,
    draw: (module, random, count) => {
      const card = new Card(module, { random });
      const channel = openChannel(card, 0x33, testKeys());
      random.take();
      return Array.from({ length: count }, () => {
        assert.is(send(card, channel, { ...STORE, data: encodeRecord(DEMO, testKeys().dek) }).sw, Sw.DONE);
        return lockCode(card);
      });
    },
  },
  {
    name: "the lock code after a right unlock code",
    size: 4,
    made: asLockCode,
    draw: (module, random, count) => {
      const card = locked(module, random);
      return Array.from({ length: count }, () => {
        assert.is(enter(card, unlockCodeOf(askUnlock(card))), "NEW>");
        const code = lockCode(card);
        turnOff(card);
        assert.is(turnOn(card), "LOCKED");
        return code;
      });
    },
  },
];

function root(card: Card): Buffer {
  return Buffer.from(rootOf(currentBytes(card.flash.bytes)));
}

function lockCode(card: Card): Buffer {
  return Buffer.from(currentBytes(card.flash.bytes).subarray(LOCK_CODE_AT, LOCK_CODE_AT + 4));
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function initializeUpdate(card: Card): { sw: number; data: Buffer } {
  const data = new Uint8Array(8);
  return exchange(card, { cla: Cla.GP, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data, le: 256 });
}

/** A card at LOCKED; the draws up to there are not recorded. */
function locked(module: WebAssembly.Module, random: Noting): Card {
  const card = new Card(module, { random });
  personalize(card, DEMO);
  failPin(card, DEMO.tries);
  random.take();
  return card;
}

/** Asserts that the values are the drawn bytes, all of them, and that no two are equal. */
function varies(row: Row, module: WebAssembly.Module): void {
  const random = new Noting(5);
  const made = row.draw(module, random, MANY);
  const drawn = random.take().filter((bytes) => row.size !== 4 || isLockCode(bytes));
  assert.is(made.length, MANY);
  assert.equal([...new Set(drawn.map((bytes) => bytes.length))], [row.size], "bytes asked for");
  assert.equal(made, drawn.map(row.made), "what was drawn is what is used");
  assert.is(new Set(made.map((bytes) => bytes.toString("hex"))).size, MANY, "no two are the same");
  // A lock code is below 2^27: its last byte has six values.
  const bytes = row.size === 4 ? 3 : row.size;
  for (let at = 0; at < bytes; at++) {
    const values = new Set(made.map((one) => one[at]));
    assert.ok(values.size > DIFFERENT, `byte ${at} has ${values.size} values`);
  }
}

function isLockCode(drawn: Buffer): boolean {
  const value = drawn.readUInt32LE();
  return value < BEYOND && (value % CODES) % 16 !== 0;
}

for (const row of ROWS) {
  draws(`${row.name}: every byte varies, and no value repeats`, () => varies(row, MODULE));
}

/** The lock code that the card makes if it draws `first`, and then `second` if `first` is no lock code. */
function takes(module: WebAssembly.Module, first: number, second: number): number {
  const random = new Noting(5);
  const card = locked(module, random);
  const code = unlockCodeOf(askUnlock(card));
  random.prescribed.push(word(first), word(second));
  assert.is(enter(card, code), "NEW>");
  return lockCode(card).readUInt32LE();
}

const GOOD = 12_345_679;
const NEXT = 23_456_781;

/** Asserts that a lock code is no multiple of 16, that all are equally likely, and that none repeats the one before. */
function lockCodesAreFair(module: WebAssembly.Module): void {
  assert.is(takes(module, GOOD, NEXT), GOOD);
  assert.is(takes(module, CODES + GOOD, NEXT), GOOD);
  assert.is(takes(module, BEYOND - 1, NEXT), CODES - 1);
  for (const multiple of [0, 16, 4 * CODES, 99_999_984, 41 * CODES + 32])
    assert.is(takes(module, multiple, NEXT), NEXT, `${multiple}`);
  for (const beyond of [BEYOND, BEYOND + 1, BEYOND + GOOD, 0xffffffff])
    assert.is(takes(module, beyond, NEXT), NEXT, `${beyond}`);
  const random = new Noting(5);
  const card = locked(module, random);
  const old = lockCode(card).readUInt32LE();
  assert.is(takes(module, old, NEXT), NEXT, "the code before");
}

draws("no lock code is a multiple of 16, all others are equally likely, and none repeats at once", () => {
  lockCodesAreFair(MODULE);
});

/** A source that never gives a lock code counts as failed, and nothing stays open. */
draws("a source that gives only multiples of 16 is ERROR 03", () => {
  const random = new Noting(5);
  const card = locked(MODULE, random);
  const code = unlockCodeOf(askUnlock(card));
  for (let i = 0; i < 100; i++) random.prescribed.push(word(16 * i));
  assert.is(enter(card, code), "ERROR 03");
});

/** Asserts the card's reaction to a source that repeats itself or fails. */
function sourceIsWatched(module: WebAssembly.Module): void {
  const [a, b] = [Buffer.alloc(8, 1), Buffer.alloc(8, 2)];
  const cases: [Buffer, Buffer, boolean][] = [
    [Buffer.concat([a, b]), Buffer.alloc(8, 3), true],
    [Buffer.concat([a, a]), b, false],
    [Buffer.concat([a, b]), a, false],
    [Buffer.concat([b, a]), a, false],
  ];
  for (const [first, second, good] of cases) {
    const random = new Noting(5);
    const card = new Card(module, { random });
    turnOn(card);
    turnOff(card);
    random.prescribed.push(first, second);
    assert.is(turnOn(card), good ? "NO KEY" : "ERROR 03", `${first.toString("hex")} ${second.toString("hex")}`);
    if (!good) continue;
    random.prescribed.push(Buffer.concat([a, b]), a);
    const test = exchange(card, { cla: Cla.GP, ins: Ins.SELF_TEST, p1: SelfTest.RANDOM, p2: 0, le: 256 });
    assert.is(test.data[0], 0, "SELF TEST says so, too");
    card.randomFails = true;
    const { sw, data } = initializeUpdate(card);
    assert.is(sw, Sw.NOT_USABLE);
    assert.is(data.length, 0, "no challenge, and nothing computed with a key");
  }
}

draws("a source that repeats itself or fails is noticed, and no channel opens with it", () => sourceIsWatched(MODULE));

/** Asserts for every command and every screen that each draw has a row of its length. */
function everyDrawHasARow(module: WebAssembly.Module): void {
  const random = new Noting(5);
  const card = new Card(module, { random });
  const sizes = new Set<number>();
  const note = () => {
    for (const drawn of random.take()) sizes.add(drawn.length);
  };
  personalize(card, DEMO);
  note();
  failPin(card, DEMO.tries);
  enter(card, unlockCodeOf(askUnlock(card)));
  setPin(card, "7394");
  turnOff(card);
  note();
  const channel = openChannel(card, 0x33, testKeys());
  note();
  for (const ins of Object.values(Ins).filter((ins) => typeof ins === "number")) {
    const opens = [Ins.SELECT, Ins.INITIALIZE_UPDATE, Ins.EXTERNAL_AUTHENTICATE].includes(ins);
    if (!opens) send(card, channel, { ins, p1: 0, p2: 0 });
  }
  assert.equal(random.take(), [], "a command that is refused draws nothing");
  const wiped = send(card, channel, { ins: Ins.SET_STATUS, p1: 0x80, p2: SetStatusP2.WIPED });
  assert.is(wiped.sw, Sw.DONE);
  for (let test = 1; test <= 6; test++) send(card, channel, { ins: Ins.SELF_TEST, p1: test, p2: 0 });
  note();
  const rows = new Set(ROWS.map(({ size }) => size));
  assert.equal([...sizes].sort(), [...rows].sort());
}

draws("every draw is in a row", () => everyDrawHasARow(MODULE));

function everything(module: WebAssembly.Module): void {
  everyDrawHasARow(module);
  for (const row of ROWS) varies(row, module);
  lockCodesAreFair(module);
  sourceIsWatched(module);
}

for (const mutant of unseenMutants("draws")) {
  draws(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    assert.ok(fails(everything, await compile(mutant)), "every draw is as it must be");
  });
}

draws.run();
