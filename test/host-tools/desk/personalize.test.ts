// Personalization of the simulated card: after any fault of the line or the battery, a rerun finishes, the card answers
// with the register's key, and no card ever holds a key that is not in the register.

import * as assert from "uvu/assert";
import { Ins } from "../../../firmware/wire.js";
import { CardClient, type CardStatus } from "../../../host-tools/card/cardclient.js";
import { AuthenticationFailed } from "../../../host-tools/card/errors.js";
import { FrameReader } from "../../../host-tools/card/frame.js";
import { Link } from "../../../host-tools/card/link.js";
import { type Exit, exitCodeOf } from "../../../host-tools/cli/exit.js";
import type { CardRecord } from "../../../host-tools/desk/keyregister.js";
import { carryOut } from "../../../host-tools/desk/personalize.js";
import { describePlan, makePlan, type Plan, type Step, wipePlan } from "../../../host-tools/desk/plan.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { CheckFailed, FileError, WrongCard } from "../../../host-tools/files/errors.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { blankCard, cardOf, login, MODULE } from "../../support/cards.js";
import { operationsInAsync } from "../../support/cuts.js";
import { pattern } from "../../support/pattern.js";
import { attempt, type Fault, failureOf, KeptRegister, Line, statusOf } from "../../support/seeding.js";
import { suite } from "../../support/suite.js";

const test = suite("personalization");

const MASTER = pattern(16);
const OLD_MASTER = Buffer.alloc(16, 0x42);

const REQUEST: Request = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: "8352",
};

/**
 * Changes a frame at its middle. Channel keys differ in each run, so once in 65,536 times the checksum still fits; then
 * another place before the middle is changed.
 */
function noticeably(change: (frame: Buffer, at: number) => Uint8Array): Fault["spoil"] {
  return (frame) => {
    for (let at = frame.length >> 1; at > 0; at--) {
      const changed = change(frame, at);
      if (new FrameReader().read(changed).length === 0) return Buffer.from(changed);
    }
    throw new Error("no change of this frame would be noticed");
  };
}

const SPOILS: Record<string, Fault["spoil"]> = {
  "the line is cut": undefined,
  "a byte is lost": noticeably((frame, at) => Buffer.concat([frame.subarray(0, at), frame.subarray(at + 1)])),
  "a bit flips": noticeably((frame, at) => frame.map((byte, place) => (place === at ? byte ^ 0x10 : byte))),
  "a byte comes twice": noticeably((frame, at) => Buffer.concat([frame.subarray(0, at), frame.subarray(at - 1)])),
  "a frame is lost": () => Buffer.alloc(0),
  "a frame comes twice": (frame) => Buffer.concat([frame, frame]),
};

/** The owner logs in, and the site computes the same response from the register. */
function assertWorks(card: Card, request: Request, register: KeptRegister, when = ""): void {
  const record = register.newest(request.serial);
  assert.is(record?.state, "done", when);
  const challenge = "271828";
  const pin = String(request.pin ?? "0000");
  assert.is(login(card, pin, challenge), ocra(request.suite, record?.key as Buffer, { challenge, pin }), when);
}

/** Asserts that the card holds no key that is not in the register. */
async function assertKept(card: Card, before: CardStatus, register: KeptRegister, when: string): Promise<void> {
  if (card.battery === 0) card.setBattery(3000);
  const { life, serial } = await statusOf(card);
  const changed = life !== before.life || serial !== before.serial;
  if (changed && life !== "blank") assert.ok(register.newest(REQUEST.serial), when);
}

interface Start {
  readonly card: () => Promise<Card>;
  readonly request: Request;
}

/** A card with its own transport keys and this serial number. */
async function ownKeys(serial: string): Promise<Card> {
  const card = blankCard();
  await attempt(card, { ...REQUEST, serial, transport: OLD_MASTER }, new KeptRegister());
  return card;
}

const STARTS: Record<string, Start> = {
  "a blank card": { card: async () => blankCard(), request: REQUEST },
  "a blank card that gets its own keys": { card: async () => blankCard(), request: { ...REQUEST, transport: MASTER } },
  "a card whose transport keys change": {
    card: () => ownKeys(REQUEST.serial),
    request: { ...REQUEST, transport: MASTER, transportOld: OLD_MASTER, reseed: true },
  },
  "a card that becomes another one": {
    card: () => ownKeys("IB3000777"),
    request: { ...REQUEST, transport: OLD_MASTER, reseed: true },
  },
};

/** Cards restored from a saved flash, which is faster than making them again. */
async function withCopies(start: Start): Promise<{ fresh: () => Card; before: CardStatus }> {
  const card = await start.card();
  const before = await statusOf(card);
  card.save("start");
  const fresh = () => {
    card.load("start");
    return card;
  };
  return { fresh, before };
}

/** Every other number below `end`, beginning at `from`. */
function everyOther(end: number, from: number): number[] {
  return Array.from({ length: end }, (_, number) => number).filter((number) => number % 2 === from % 2);
}

for (const [at, [name, start]] of Object.entries(STARTS).entries()) {
  test(`${name}: the card is personalized, and the owner logs in`, async () => {
    const register = new KeptRegister();
    const card = await start.card();
    assert.is((await attempt(card, start.request, register)).plan.action, "seed");
    assertWorks(card, start.request, register);
    const { life, serial, testKeys, triesLeft } = await statusOf(card);
    assert.equal([life, serial, triesLeft], ["personalized", REQUEST.serial, 5]);
    assert.is(testKeys, start.request.transport === undefined);
    assert.is((await attempt(card, { ...start.request, reseed: false }, register)).plan.action, "nothing");
  });

  for (const [which, [what, spoil]] of Object.entries(SPOILS).entries()) {
    test(`${name}: if ${what}, at every second frame, a second run finishes`, async () => {
      const { fresh, before } = await withCopies(start);
      const { frames } = await attempt(fresh(), start.request, new KeptRegister());
      assert.ok(frames > 0, "frames were exchanged");
      for (const frame of everyOther(frames, at + which)) {
        const card = fresh();
        const register = new KeptRegister();
        const when = `${what}: frame ${frame}`;
        const error = await failureOf(attempt(card, start.request, register, { frame, spoil }));
        // The card treats a repeated command as an attack and ends the channel.
        const codes = what === "a frame comes twice" ? [3, 4, 5] : [3];
        if (error !== undefined) assert.ok(codes.includes(exitCodeOf(error) as Exit), `${when}: ${error}`);
        await assertKept(card, before, register, when);
        await attempt(card, start.request, register);
        assertWorks(card, start.request, register, when);
      }
    });
  }

  test(`${name}: if the battery is pulled, at every second operation, a second run finishes`, async () => {
    const { fresh, before } = await withCopies(start);
    const whole = fresh();
    const operations = await operationsInAsync(whole, () => attempt(whole, start.request, new KeptRegister()));
    for (const index of everyOther(operations, at)) {
      const operation = index + 1;
      const card = fresh();
      const register = new KeptRegister();
      const when = `operation ${operation} of ${operations}`;
      card.cutAt(operation, (operation >> 1) % 2 ? "torn" : "clean");
      assert.ok(await failureOf(attempt(card, start.request, register)), when);
      assert.ok(card.takeCut(), when);
      await assertKept(card, before, register, when);
      await attempt(card, start.request, register);
      assertWorks(card, start.request, register, when);
    }
  });
}

/** The states in which card and register may be left, which decide how the next attempt continues. */
async function describeState(card: Card, register: KeptRegister): Promise<string> {
  const { life, serial, kvn, testKeys } = await statusOf(card);
  const { state, storeData, lifeBefore, rotation, keyset } = register.newest(REQUEST.serial) ?? {};
  return JSON.stringify({ life, serial, kvn, testKeys, state, storeData, lifeBefore, rotation, keyset });
}

for (const [name, start] of Object.entries(STARTS)) {
  test(`${name}: however often the line is cut, the last run finishes`, async () => {
    const first = await start.card();
    const before = await statusOf(first);
    const found = new Map<string, { readonly card: Card; readonly register: KeptRegister }>();
    const find = async (card: Card, register: KeptRegister) => {
      const state = await describeState(card, register);
      if (found.has(state)) return;
      const copy = new Card(MODULE, { flash: new Flash(card.flash.bytes) });
      found.set(state, { card: copy, register: register.copy() });
    };
    await find(first, new KeptRegister());
    // The loop also visits entries that are added meanwhile.
    for (const [state, { card: left, register: kept }] of found) {
      left.save("left");
      const again = () => {
        left.load("left");
        return { card: left, register: kept.copy() };
      };
      const whole = again();
      const { frames } = await attempt(whole.card, start.request, whole.register);
      assertWorks(whole.card, start.request, whole.register, state);
      for (let frame = 0; frame < frames; frame++) {
        const { card, register } = again();
        const error = await failureOf(attempt(card, start.request, register, { frame, spoil: undefined }));
        const when = `frame ${frame} from ${state}`;
        if (error !== undefined) assert.is(exitCodeOf(error), 3, `${when}: ${error}`);
        await assertKept(card, before, register, when);
        await find(card, register);
      }
    }
    assert.ok(found.size > 4, "cuts lead to few states");
  });
}

for (const hash of ["SHA1", "SHA256", "SHA512"]) {
  test(`every suite with ${hash} is personalized, with the server's PIN check if it has a P`, async () => {
    for (const p of ["", "-PSHA1", "-PSHA256", "-PSHA512"]) {
      const pinCheck = p ? "server" : "card";
      const request = { ...REQUEST, suite: `OCRA-1:HOTP-${hash}-8:QN06${p}`, pinCheck } as const;
      for (const pin of p ? [undefined, "8352"] : ["8352"]) {
        const register = new KeptRegister();
        const card = blankCard();
        await attempt(card, { ...request, pin }, register);
        assertWorks(card, { ...request, pin }, register, request.suite);
        const sizes: Record<string, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };
        assert.is(register.newest(request.serial)?.key.length, sizes[hash]);
      }
    }
  });
}

test("a key that the site already has is used and kept", async () => {
  for (const size of [16, 20, 64]) {
    const register = new KeptRegister();
    const card = blankCard();
    const key = pattern(size);
    await attempt(card, { ...REQUEST, key }, register);
    assert.equal(register.newest(REQUEST.serial)?.key, key);
    assertWorks(card, REQUEST, register);
  }
});

test("with wrong transport keys nothing is kept, nothing is changed, and nothing is tried again", async () => {
  const register = new KeptRegister();
  const card = await ownKeys(REQUEST.serial);
  const instructions: number[] = [];
  // After END, channel and class.
  card.watchers.push({ serial: (bytes) => instructions.push(bytes[3] as number) });
  const before = card.flash.operations;
  const error = await failureOf(attempt(card, { ...REQUEST, transport: MASTER, reseed: true }, register));
  assert.instance(error, AuthenticationFailed);
  assert.equal(instructions.slice(-1), [Ins.INITIALIZE_UPDATE]);
  assert.is(instructions.filter((instruction) => instruction === Ins.INITIALIZE_UPDATE).length, 1);
  assert.is(card.flash.operations, before);
  assert.is(register.newest(REQUEST.serial), undefined);
});

test("a card with its own keys needs their master key", async () => {
  const error = await failureOf(attempt(await ownKeys(REQUEST.serial), REQUEST, new KeptRegister()));
  assert.instance(error, AuthenticationFailed);
  assert.match(String(error), "--transport");
});

test("another card is left alone, unless it is blank or --reseed is given", async () => {
  const card = cardOf();
  assert.instance(await failureOf(attempt(card, REQUEST, new KeptRegister())), WrongCard);
  assert.is((await statusOf(card)).serial, "IB3000001");
  const { plan } = await attempt(card, { ...REQUEST, reseed: true }, new KeptRegister());
  assert.is(plan.warnings.filter((warning) => /IB3000001/.test(warning)).length, 2);
  assert.is((await statusOf(card)).serial, REQUEST.serial);
});

test("a card can be personalized again with its transport keys, even if it is locked", async () => {
  const card = cardOf({ serial: REQUEST.serial, tries: 3 });
  for (const pin of ["1593", "1594", "1595"]) login(card, pin);
  assert.is((await statusOf(card)).lock, "locked");
  const register = new KeptRegister();
  await attempt(card, { ...REQUEST, reseed: true }, register);
  assertWorks(card, REQUEST, register);
});

test("a personalized card gets new records only with --reseed", async () => {
  for (const transport of [undefined, OLD_MASTER]) {
    const request = { ...REQUEST, transport };
    const first = new KeptRegister();
    const card = blankCard();
    await attempt(card, request, first);
    const before = card.flash.operations;
    const second = new KeptRegister();
    const error = await failureOf(attempt(card, request, second));
    assert.instance(error, WrongCard);
    assert.match(String(error), /IB3000123 is personalized.*--reseed/);
    assert.is(card.flash.operations, before);
    assert.is(second.newest(REQUEST.serial), undefined);
    assertWorks(card, request, first);
    await attempt(card, { ...request, reseed: true }, second);
    assertWorks(card, request, second);
  }
});

test("an unsupported suite is refused before anything is kept", async () => {
  for (const text of [
    "OCRA-1:HOTP-SHA256-6:QN06",
    "OCRA-1:HOTP-SHA256-8:QN08",
    "OCRA-1:HOTP-SHA256-8:QH06",
    "OCRA-1:HOTP-SHA256-8:C-QN06",
    "OCRA-1:HOTP-SHA256-8:QN06-T1M",
    "OCRA-1:HOTP-SHA256-8:QN06-S064",
  ]) {
    const register = new KeptRegister();
    assert.instance(await failureOf(attempt(blankCard(), { ...REQUEST, suite: text }, register)), WrongCard, text);
    assert.is(register.newest(REQUEST.serial), undefined);
  }
});

/** A plan for a card with a changed record, and the register that has the record. */
async function planned(request: Request, changes: Partial<CardRecord> = {}, card = blankCard()) {
  const register = new KeptRegister();
  const status = await statusOf(card);
  await register.bind({ ...recordOf(status), ...changes });
  return { register, plan: await makePlan(request, status, register) };
}

/** A pending record of the card; its STORE DATA has not been sent yet. */
function recordOf({ id, life }: CardStatus): CardRecord {
  const { serial, suite, pinCheck, tries } = REQUEST;
  return {
    ...{ serial, suite, pinCheck, tries, key: pattern(32), unlockKey: pattern(32), origin: "drawn", state: "pending" },
    ...{
      cardId: id,
      lifeBefore: life,
      storeData: "unsent",
      keyset: undefined,
      rotation: undefined,
      transport: undefined,
    },
  };
}

const OWN_KEYS: Partial<CardRecord> = { keyset: 1, rotation: { before: "public", putKey: "done" } };

test("a pending record is resumed only with the same arguments", async () => {
  const { plan, register } = await planned(REQUEST);
  assert.is(plan.action, "resume");
  assert.is(plan.record, register.newest(REQUEST.serial));
  const others: Partial<Request>[] = [
    { suite: "OCRA-1:HOTP-SHA1-8:QN06" },
    { tries: 6 },
    { key: pattern(20) },
    { transport: MASTER },
  ];
  for (const other of others) {
    const error = await failureOf(planned({ ...REQUEST, ...other }));
    assert.instance(error, FileError);
    assert.match(String(error), `another ${Object.keys(other)}`);
    if (other.tries) assert.match(String(error), "(5, not 6)");
  }
});

test("a blank card that did not answer STORE DATA gets newly drawn keys, and a given key again", async () => {
  for (const storeData of ["unsent", "sent"] as const) {
    const drawn = (await planned(REQUEST, { storeData })).plan;
    assert.is(drawn.kept, undefined);
    assert.equal(drawn.steps, ["channel", "keep", "store", "prove", "finish", "mark"]);
    const given = (await planned(REQUEST, { storeData, origin: "given" })).plan;
    assert.equal(given.kept?.key, pattern(32));
    assert.equal(given.steps, ["channel", "store", "prove", "finish", "mark"]);
  }
});

test("a blank card with the id of one that answered STORE DATA is a false card", async () => {
  for (const reseed of [false, true]) {
    const error = await failureOf(planned({ ...REQUEST, reseed }, { storeData: "answered" }));
    assert.instance(error, AuthenticationFailed);
    assert.match(String(error), "false card");
  }
});

/** A personalization that ends in its proof: the card has the keys, and the record is pending. */
async function endInProof(card: Card, register: KeptRegister): Promise<void> {
  const client = new CardClient(new Link(new Line(card)));
  client.prove = async () => "00000000";
  const plan = await makePlan(REQUEST, await client.readStatus(), register);
  assert.instance(await failureOf(carryOut(plan, REQUEST, client, register)), CheckFailed);
}

test("a seeded card gets no key again, unless it may have been seeded before", async () => {
  const card = blankCard();
  const register = new KeptRegister();
  await endInProof(card, register);
  const status = await statusOf(card);
  assert.is(status.life, "seeded");
  const { plan } = await attempt(card, REQUEST, register);
  assert.equal(plan.steps, ["channel", "prove", "finish", "mark"]);
  assert.is(register.keysOf(REQUEST.serial).length, 1);
  assertWorks(card, REQUEST, register);
  for (const [lifeBefore, storeData, stores] of [
    ["blank", "sent", false],
    ["personalized", "sent", false],
    ["seeded", "sent", true],
    ["blank", "unsent", true],
    ["seeded", "answered", false],
  ] as const) {
    const other = new KeptRegister();
    await other.bind({ ...recordOf(status), lifeBefore, storeData });
    const { steps } = await makePlan(REQUEST, status, other);
    assert.is(steps.includes("store"), stores, `${lifeBefore}, ${storeData}`);
  }
});

test("resuming with a PIN other than the card's is refused with advice", async () => {
  const card = blankCard();
  const register = new KeptRegister();
  await endInProof(card, register);
  const error = await failureOf(attempt(card, { ...REQUEST, pin: "9164" }, register));
  assert.instance(error, WrongCard);
  assert.match(String(error), "not this one (tries left: 4)");
  await attempt(card, REQUEST, register);
  assertWorks(card, REQUEST, register);
});

test("a card other than the one that the keys are bound to is refused; with --reseed it gets new keys", async () => {
  for (const state of ["pending", "done"] as const) {
    const register = new KeptRegister();
    await register.bind({ ...recordOf(await statusOf(blankCard({ seed: 77 }))), state });
    const card = blankCard();
    const error = await failureOf(attempt(card, REQUEST, register));
    assert.instance(error, FileError);
    assert.match(String(error), /bound to the card with id [0-9a-f]{16}.*--reseed/);
    assert.is((await attempt(card, { ...REQUEST, reseed: true }, register)).plan.action, "seed");
    const [old, fresh] = register.keysOf(REQUEST.serial);
    assert.not.equal(old, fresh);
    assertWorks(card, REQUEST, register);
  }
});

test("a given key that another card may have is never used again", async () => {
  const request = { ...REQUEST, key: pattern(32), reseed: true };
  const register = new KeptRegister();
  await register.bind({ ...recordOf(await statusOf(blankCard({ seed: 77 }))), key: pattern(32), origin: "given" });
  const card = blankCard();
  assert.instance(await failureOf(attempt(card, request, register)), FileError);
  assert.is((await statusOf(card)).life, "blank");
});

test("a finished card gets new keys only with --reseed, and keeps its transport keys", async () => {
  const request = { ...REQUEST, transport: MASTER };
  const register = new KeptRegister();
  const card = blankCard();
  await attempt(card, request, register);
  assert.is((await attempt(card, request, register)).plan.action, "nothing");
  const { plan } = await attempt(card, { ...request, reseed: true }, register);
  assert.equal(plan.steps, ["channel", "keep", "store", "prove", "finish", "mark"]);
  assert.is(register.keysOf(REQUEST.serial).length, 2);
  assertWorks(card, request, register);
});

test("a master key is replaced in the same register", async () => {
  const register = new KeptRegister();
  const card = blankCard();
  await attempt(card, { ...REQUEST, transport: OLD_MASTER }, register);
  const request = { ...REQUEST, transport: MASTER, transportOld: OLD_MASTER, reseed: true };
  await attempt(card, request, register);
  assert.is((await statusOf(card)).kvn, 2);
  assertWorks(card, request, register);
  assert.is((await attempt(card, { ...REQUEST, transport: MASTER }, register)).plan.action, "nothing");
  assert.is((await attempt(card, request, register)).plan.action, "nothing", "who comes again has done it");
});

test("a master key other than the register's is refused before the card is asked", async () => {
  const register = new KeptRegister();
  const card = blankCard();
  await attempt(card, { ...REQUEST, transport: MASTER }, register);
  const status = await statusOf(card);
  for (const request of [
    { ...REQUEST, transport: OLD_MASTER },
    { ...REQUEST, transport: OLD_MASTER, reseed: true },
    { ...REQUEST, transport: pattern(16, 7), transportOld: OLD_MASTER, reseed: true },
  ]) {
    const error = await failureOf(makePlan(request, status, register));
    assert.instance(error, AuthenticationFailed);
    assert.match(String(error), /check value [0-9a-f]{6}.*nothing was sent/);
  }
});

test("a card that gets another serial number no longer belongs to the first one", async () => {
  const register = new KeptRegister();
  const card = blankCard();
  await attempt(card, { ...REQUEST, transport: MASTER }, register);
  const other = { ...REQUEST, serial: "IB3000124", transport: MASTER, reseed: true };
  await attempt(card, other, register);
  assertWorks(card, other, register);
  assert.is(register.newest(REQUEST.serial)?.cardId, undefined);
  await attempt(card, { ...REQUEST, transport: MASTER, reseed: true }, register);
  assertWorks(card, REQUEST, register);
});

test("a finished card must have the transport keys of the request and of the register", async () => {
  const transport = MASTER;
  const done = { state: "done" } as const;
  const plain = cardOf({ serial: REQUEST.serial });
  const { plan } = await planned(REQUEST, done, plain);
  assert.match(plan.warnings.join(), "test keys");
  const own = await ownKeys(REQUEST.serial);
  const own1 = await planned({ ...REQUEST, transport }, { ...done, ...OWN_KEYS }, own);
  assert.equal([own1.plan.action, own1.plan.warnings], ["nothing", []]);
  for (const card of [plain, own]) {
    const error = await failureOf(planned({ ...REQUEST, transport }, done, card));
    assert.instance(error, FileError);
    assert.match(String(error), /done without transport keys.*--reseed/);
  }
  for (const [request, keyset, card] of [
    [{ ...REQUEST, transport }, 1, plain],
    [{ ...REQUEST, transport }, 2, own],
    [REQUEST, 2, own],
    [REQUEST, 1, plain],
    [REQUEST, undefined, own],
  ] as const) {
    const error = await failureOf(planned(request, { ...done, keyset }, card));
    assert.instance(error, AuthenticationFailed);
    assert.match(String(error), /the card claims .*put it aside/);
  }
});

test("a finished record fits only its card", async () => {
  const state = "done";
  const done = cardOf({ serial: REQUEST.serial });
  assert.is((await planned(REQUEST, { state }, done)).plan.action, "nothing");
  const blank = await failureOf(planned(REQUEST, { state }));
  assert.instance(blank, FileError);
  assert.match(String(blank), "this card is without a serial number, blank; check --serial");
  const wrongNumber = await failureOf(planned(REQUEST, { state }, cardOf({ serial: "IB3000777" })));
  assert.match(String(wrongNumber), "IB3000777");
  const other = { suite: "OCRA-1:HOTP-SHA1-8:QN06" };
  assert.instance(await failureOf(planned(REQUEST, { state, ...other }, done)), FileError);
});

test("a card that answers with another key is noticed, and its record stays pending", async () => {
  const register = new KeptRegister();
  const card = blankCard();
  const client = new CardClient(new Link(new Line(card)));
  const plan = await makePlan(REQUEST, await client.readStatus(), register);
  const store = client.storeData.bind(client);
  client.storeData = (record, dek) => store({ ...record, key: pattern(32) }, dek);
  assert.instance(await failureOf(carryOut(plan, REQUEST, client, register)), CheckFailed);
  assert.is(register.newest(REQUEST.serial)?.state, "pending");
  assert.is((await statusOf(card)).life, "seeded");
});

/** False answers of a card. After PUT KEY only its keys are checked. */
const KEY_LIES: Partial<CardStatus>[] = [{ kvn: 9 }, { kvn: 0xff, testKeys: true }, { testKeys: true }];
const LIES: Partial<CardStatus>[] = [
  ...KEY_LIES,
  { tries: 6 },
  { triesLeft: 4 },
  { serial: "IB3000999" },
  { serial: undefined },
  { suite: "OCRA-1:HOTP-SHA1-8:QN06" },
  { suite: undefined },
  { pinCheck: "server" },
  { pinCheck: "none" },
  { lock: "locked" },
  { lock: "blocked" },
  { life: "blank" },
];
const LIES_AFTER: Partial<Record<Step, Partial<CardStatus>[]>> = {
  store: [...LIES.filter((lie) => lie.kvn !== 0xff && !lie.testKeys), { kvn: 1 }, { life: "personalized" }],
  rotate: KEY_LIES,
  finish: [...LIES, { life: "seeded" }],
};

/** Carries out a plan on a blank card whose client was changed by `spoil`. Returns the error and the step. */
async function spoiled(spoil: (client: CardClient, step: () => Step) => void) {
  const request = { ...REQUEST, transport: MASTER };
  const register = new KeptRegister();
  const client = new CardClient(new Link(new Line(blankCard())));
  const plan = await makePlan(request, await client.readStatus(), register);
  let now: Step = "channel";
  spoil(client, () => now);
  const error = await failureOf(
    carryOut(plan, request, client, register, (step) => {
      now = step;
    }),
  );
  return { error, step: now, state: register.newest(REQUEST.serial)?.state };
}

for (const [after, lies] of Object.entries(LIES_AFTER)) {
  test(`a card that lies in the step ${after} is noticed there`, async () => {
    for (const lie of lies) {
      const { error, step, state } = await spoiled((client, now) => {
        const read = client.readStatus.bind(client);
        client.readStatus = async () => ({ ...(await read()), ...(now() === after ? lie : {}) });
      });
      assert.instance(error, CheckFailed, `${JSON.stringify(lie)}: ${error}`);
      assert.equal([step, state], [after, "pending"], JSON.stringify(lie));
    }
  });
}

test("a card that reports a step that it did not do is noticed in that step", async () => {
  const idle: Partial<Record<Step, (client: CardClient) => void>> = {
    store: (client) => Object.assign(client, { storeData: async () => {} }),
    prove: (client) => Object.assign(client, { prove: async () => "00000000" }),
    rotate: (client) => Object.assign(client, { putKey: async () => {} }),
    finish: (client) => Object.assign(client, { setPersonalized: async () => {} }),
  };
  for (const [name, makeIdle] of Object.entries(idle)) {
    const { error, step, state } = await spoiled(makeIdle);
    assert.instance(error, CheckFailed, name);
    assert.equal([step, state], [name, "pending"]);
  }
});

test("after success and failure the channel is closed on both sides and drawn secrets are wiped", async () => {
  for (const fails of [false, true]) {
    const card = blankCard();
    const client = new CardClient(new Link(new Line(card)));
    const drawn: Uint8Array[] = [];
    const store = client.storeData.bind(client);
    client.storeData = (record, dek) => {
      assert.is(card.state, "SERIAL");
      drawn.push(record.key, record.unlockKey);
      return store(record, dek);
    };
    if (fails) client.prove = async () => "00000000";
    const request = { ...REQUEST, transport: MASTER };
    const plan = await makePlan(request, await client.readStatus(), new KeptRegister());
    const error = await failureOf(carryOut(plan, request, client, new KeptRegister()));
    assert.is(error instanceof CheckFailed, fails, String(error));
    assert.is(client.level, undefined);
    assert.is.not(card.state, "SERIAL");
    wipePlan(plan);
    const keysets = plan.attempts.flatMap(({ keyset, next }) => (next ? [keyset, next] : [keyset]));
    const secrets = [...drawn, ...keysets.flatMap(({ enc, mac, dek }) => [enc, mac, dek])];
    assert.is(secrets.length, 2 + 6);
    for (const secret of secrets) assert.ok(secret.every((byte) => byte === 0));
  }
});

test("a plan says what will be done, and contains no secret", async () => {
  const register = new KeptRegister();
  const request = { ...REQUEST, transport: MASTER, key: pattern(32) };
  const plan: Plan = await makePlan(request, await statusOf(blankCard()), register);
  const text = JSON.stringify(describePlan(request, plan));
  assert.equal(JSON.parse(text), {
    action: "seed",
    serial: "IB3000123",
    suite: "OCRA-1:HOTP-SHA256-8:QN06",
    pinCheck: "card",
    tries: 5,
    keyset: 1,
    steps: ["channel", "keep", "store", "prove", "rotate", "finish", "mark"],
    warnings: [],
  });
});

test("public test keys and a low battery give a warning", async () => {
  const status = { ...(await statusOf(blankCard())), battery: 2399 };
  const warned = (await makePlan(REQUEST, status, new KeptRegister())).warnings.join();
  assert.match(warned, "test keys");
  assert.match(warned, "2399 mV");
});

test("if the battery is too low for writing, nothing is recorded", async () => {
  const status = await statusOf(blankCard());
  const planWith = (battery: number) => makePlan(REQUEST, { ...status, battery }, new KeptRegister());
  const error = await failureOf(planWith(2099));
  assert.instance(error, WrongCard);
  assert.match(String(error), "2099 mV");
  assert.is((await planWith(2100)).action, "seed");
});

test("replacing keys gives a warning", async () => {
  const card = cardOf({ serial: REQUEST.serial });
  const plan = await makePlan({ ...REQUEST, reseed: true }, await statusOf(card), new KeptRegister());
  assert.match(plan.warnings.join(), "its keys are replaced");
});

test.run();
