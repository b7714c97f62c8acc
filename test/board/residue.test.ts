// What stays in the chip's 16 KB of RAM after off, a time-out, a power cut, a personalization and a trap (docs/CARD.md:
// "Off wipes everything that was entered, derived or shown").
//
// Two owners who share no secret perform the same actions on chips with the same seed and flash layout. Their RAM must
// be equal afterwards, except for the clock. RAM is read before the chip sleeps: an interrupt at another instruction
// would leave other copies of the clock on the stack.

import * as assert from "uvu/assert";
import { buildImages, pathOf } from "../../board/builder/images.js";
import { addressOf } from "../../board/builder/sizes.js";
import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { deriveSessionKeys, parseCardHello } from "../../host-tools/card/scp03.js";
import { testKeys } from "../../host-tools/card/transportkeys.js";
import { payloads, personalize } from "../../sim/session/cardcommands.js";
import { boardTest } from "../support/board.js";
import { blankCard, cardOf, unlockCodeOf } from "../support/cards.js";
import { Chip } from "../support/chip.js";
import { Op } from "../support/development.js";
import { ONE, OTHER, type Owner } from "../support/owners.js";
import { suite } from "../support/suite.js";

const residue = suite("residue on the chip");

const SEED = 7;
/** Bytes of the answer to INITIALIZE UPDATE, including the status word. */
const HELLO_SIZE = 31;
const RAM = 0x20000000;
/** The words of the clock: milliseconds and microseconds of the port, and when the main loop last told the card the time. */
const CLOCK = { now: 2, last_tick: 1 } as const;
/** The most words of the stack that hold copies of them. */
const MOST_COPIES = 2;
/** The number of sleeps during which those copies are searched for. */
const RESTS = 12;
/** This many bytes of a secret in a row are no coincidence. */
const TELLING = 4;

type Flow = (chip: Chip, owner: Owner) => Promise<void>;

const logIn: Flow = async (chip, { record, challenge }) => {
  await chip.hold("press");
  assert.is(await chip.enter(record.pin), "CHALLNG>");
  assert.match(await chip.enter(challenge), /^\d{8}$/);
};

const lockOut: Flow = async (chip, { wrongPin }) => {
  await chip.hold("press");
  for (const expected of ["LEFT 2", "LEFT 1", "LOCKED"]) {
    assert.is(await chip.enter(wrongPin), expected);
    if (expected !== "LOCKED") await chip.wait(2000);
  }
};

/** The actions from a personalized card until it is off or dead. */
const FLOWS: Record<string, Flow> = {
  "a response, off": async (chip, owner) => {
    await logIn(chip, owner);
    await chip.hold("press");
  },
  "a response, time-out": async (chip, owner) => {
    await logIn(chip, owner);
    await chip.wait(60_000);
  },
  "half a PIN, time-out": async (chip, { record }) => {
    await chip.hold("press");
    await chip.type(record.pin.slice(0, 3));
    await chip.wait(30_000);
  },
  "wrong PINs to LOCKED, off": async (chip, owner) => {
    await lockOut(chip, owner);
    await chip.hold("press");
  },
  "the PIN changed, off": async (chip, { record, newPin }) => {
    await chip.hold("press");
    await chip.enter(record.pin);
    await chip.hold("ok");
    assert.is(await chip.enter(newPin), "REP>");
    assert.is(await chip.enter(newPin), "PIN SET");
    await chip.hold("press");
  },
  "unlocked, off": async (chip, owner) => {
    await lockOut(chip, owner);
    const lockCode = (await chip.press("ok")).text;
    await chip.press("ok");
    assert.is(await chip.enter(unlockCodeOf(lockCode, owner.record.unlockKey)), "NEW>");
    await chip.hold("press");
  },
  "digits of a challenge, the battery pulled": async (chip, { record, challenge }) => {
    await chip.hold("press");
    await chip.enter(record.pin);
    await chip.type(challenge.slice(0, 5));
    await chip.command(Op.BATTERY, 0);
  },
  "power cut at the flash operation of a PIN": async (chip, { record }) => {
    await chip.hold("press");
    await chip.type(record.pin);
    await chip.command(Op.CUT_AT, 1, true);
    assert.ok((await chip.press("ok")).cut);
  },
};

for (const [name, flow] of Object.entries(FLOWS)) {
  boardTest(residue, ["development"], name, async () => {
    const dumps = await Promise.all(
      [ONE, OTHER].map((owner) => dumpAfter(flow, owner, cardOf(owner.record, { seed: SEED }).flash.bytes)),
    );
    assertNothingLeft(dumps, [ONE, OTHER]);
  });
}

boardTest(residue, ["development"], "a personalization leaves nothing after power-off", async () => {
  const blank = new Uint8Array(4096).fill(0xff);
  const dumps = await Promise.all([ONE, OTHER].map((owner) => dumpAfter(personalizeChip, owner, blank)));
  assertNothingLeft(dumps, [ONE, OTHER]);
  for (const [i, { record }] of [ONE, OTHER].entries()) {
    for (const key of personalization(record).keys) assert.not.ok(holds((dumps[i] as Dump).ram, key));
  }
});

boardTest(residue, ["development"], "a trap leaves nothing", async () => {
  const chip = await Chip.start(buildImages("development"), cardOf(ONE.record).flash.bytes, SEED);
  try {
    await logIn(chip, ONE);
    await chip.dieOf(Op.TRAP);
    assert.is(countOf(await chip.readRam()), 0);
  } finally {
    await chip.stop();
  }
});

boardTest(residue, ["development"], "a secret in RAM is noticed: a response, an open key", async () => {
  const chip = await Chip.start(buildImages("development"), cardOf(ONE.record).flash.bytes, SEED);
  try {
    await logIn(chip, ONE);
    assert.ok(secretsIn(await chip.readRam(), ONE).length > 0);
  } finally {
    await chip.stop();
  }
});

boardTest(residue, ["development"], "the keys of an open channel are noticed", async () => {
  const chip = await Chip.start(buildImages("development"), new Uint8Array(4096).fill(0xff), SEED);
  try {
    const { frames, keys } = personalization(ONE.record);
    for (const frame of frames.slice(0, 3)) await chip.receive(frame);
    const ram = await chip.readRam();
    assert.ok(keys.every((key) => holds(ram, key)));
  } finally {
    await chip.stop();
  }
});

/** RAM, and the words that changed while nothing happened. */
interface Dump {
  readonly ram: Buffer;
  /** Offsets of words. */
  readonly changing: ReadonlySet<number>;
}

async function dumpAfter(flow: Flow, owner: Owner, flash: Uint8Array): Promise<Dump> {
  const chip = await Chip.start(buildImages("development"), flash, SEED);
  try {
    await flow(chip, owner);
    return await dump(chip);
  } finally {
    await chip.stop();
  }
}

async function dump(chip: Chip): Promise<Dump> {
  const ram = await chip.readRam();
  const changing = new Set(clockWords());
  for (let again = 0; again < RESTS; again++) {
    await chip.rest();
    const later = await chip.readRam();
    for (let at = 0; at < ram.length; at++) if (ram[at] !== later[at]) changing.add(at & ~3);
  }
  return { ram, changing };
}

/** Where the words of the clock are, as offsets in RAM. */
function clockWords(): number[] {
  return Object.entries(CLOCK).flatMap(([symbol, count]) => {
    const start = addressOf(pathOf("development"), symbol) - RAM;
    return Array.from({ length: count }, (_, index) => start + 4 * index);
  });
}

function assertNothingLeft(dumps: readonly Dump[], owners: readonly Owner[]): void {
  const [one, other] = dumps as [Dump, Dump];
  const changing = new Set([...one.changing, ...other.changing]);
  const copies = [...changing].filter((at) => !clockWords().includes(at));
  const stack = addressOf(pathOf("development"), "stack_top") - RAM;
  assert.ok(copies.length <= MOST_COPIES, `${copies.length} words change by themselves`);
  assert.ok(copies.every((at) => at < stack));
  const different = [...one.ram.keys()].filter((at) => one.ram[at] !== other.ram[at] && !changing.has(at & ~3));
  assert.equal(
    different.map((at) => (RAM + at).toString(16)),
    [],
  );
  for (const [i, owner] of owners.entries()) assert.equal(secretsIn((dumps[i] as Dump).ram, owner), []);
}

/** Names of the owner's secrets of which a piece lies in `ram`. */
function secretsIn(ram: Buffer, { record, wrongPin, newPin, challenge }: Owner): string[] {
  const secrets: Record<string, Uint8Array> = { key: record.key, "unlock key": record.unlockKey };
  for (const [name, digits] of Object.entries({ PIN: record.pin, wrongPin, newPin, challenge })) {
    secrets[name] = Buffer.from(digits);
    secrets[`${name} as numbers`] = Uint8Array.from(digits, Number);
  }
  return Object.keys(secrets).filter((name) => holds(ram, secrets[name] as Uint8Array));
}

/** Whether a piece of the secret lies in `ram`. */
function holds(ram: Buffer, secret: Uint8Array): boolean {
  return pieces(secret).some((piece) => ram.includes(piece));
}

function pieces(secret: Uint8Array): Buffer[] {
  const starts = Array.from({ length: Math.max(1, secret.length - TELLING + 1) }, (_, i) => i);
  return starts.map((start) => Buffer.from(secret.subarray(start, start + TELLING)));
}

/** A personalization of the simulator's card with this seed: the frames to the card, and the channel's keys. */
function personalization(record: PersonalizationRecord): { frames: Uint8Array[]; keys: Uint8Array[] } {
  const card = blankCard({ seed: SEED });
  const frames: Uint8Array[] = [];
  const sent: Uint8Array[] = [];
  card.watchers.push({ serial: (bytes) => frames.push(bytes.slice()), sent: (bytes) => sent.push(bytes.slice()) });
  personalize(card, record);
  const hello = payloads(Buffer.concat(sent)).find((payload) => payload.length === HELLO_SIZE) as Buffer;
  const context = Buffer.concat([new Uint8Array(8), parseCardHello(hello.subarray(0, -2)).challenge]);
  const { enc, mac, rmac } = deriveSessionKeys(testKeys(), context);
  return { frames, keys: [enc, mac, rmac] };
}

const personalizeChip: Flow = async (chip, { record }) => {
  for (const frame of personalization(record).frames) await chip.receive(frame);
  await chip.hold("press");
  assert.is((await chip.hold("press")).text.trimEnd(), "PIN>");
  await chip.hold("press");
};

function countOf(ram: Buffer): number {
  return ram.filter((byte) => byte !== 0).length;
}

residue.run();
