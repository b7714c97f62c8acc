// The comparisons on which the host tools rely cover the whole length: a difference in any byte is noticed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CardClient } from "../../../host-tools/card/cardclient.js";
import { AuthenticationFailed, BadAnswer } from "../../../host-tools/card/errors.js";
import { Link } from "../../../host-tools/card/link.js";
import { diversificationData, diversify, putKeyAnswer, testKeys } from "../../../host-tools/card/transportkeys.js";
import { carryOut } from "../../../host-tools/desk/personalize.js";
import { makePlan } from "../../../host-tools/desk/plan.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { CheckFailed, SeedFileError } from "../../../host-tools/files/errors.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { importPskc } from "../../../host-tools/seeds/pskcimport.js";
import { verifyResponse } from "../../../host-tools/site/verify.js";
import { blankCard } from "../../support/cards.js";
import { failure } from "../../support/failure.js";
import { FakeCard, FakeClock, framesIn, lineBytes } from "../../support/fakecard.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { KeptRegister, Line } from "../../support/seeding.js";
import { suite } from "../../support/suite.js";

const test = suite("comparisons");

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const STATUS_WORD = 2;

/** Copies with the lowest or the highest bit of one byte flipped. */
function* flipped(bytes: Uint8Array): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++)
    for (const bit of [0x01, 0x80]) yield Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ bit : byte)));
}

/** Copies with one digit changed. */
function* otherDigits(digits: string): Generator<string> {
  for (let at = 0; at < digits.length; at++)
    yield `${digits.slice(0, at)}${(Number(digits[at]) + 1) % 10}${digits.slice(at + 1)}`;
}

function setup() {
  const card = new FakeCard();
  const clock = new FakeClock();
  return { card, clock, client: new CardClient(new Link(card, { timer: clock.timer })) };
}

/** The size of a protected answer of eight digits by level: the data, encrypted at level 33, and the MAC. */
const PROTECTED = { 17: 16, 19: 16, 51: 24 } as const;

for (const level of [0x11, 0x13, 0x33] as const) {
  test(`at level ${level.toString(16)} a change of any byte of an answer or of its MAC is noticed`, async () => {
    for (let at = 0; at < PROTECTED[level]; at++) {
      const { card, client, clock } = setup();
      await clock.until(client.openChannel(level, testKeys()));
      card.answer = () => ({ data: Buffer.from("00481516"), sw: 0x9000 });
      let size = 0;
      card.forge = (response) => {
        size = response.length - STATUS_WORD;
        return Buffer.from(response.map((byte, i) => (i === at ? byte ^ 0x01 : byte)));
      };
      assert.instance(await failure(clock.until(client.prove("4071", "000001"))), AuthenticationFailed, `byte ${at}`);
      assert.is(size, PROTECTED[level]);
    }
  });
}

test("a change of any byte of the card's cryptogram is noticed", async () => {
  let tried = 0;
  for (let at = 0; at < 8; at++) {
    const { card, client, clock } = setup();
    card.spoil = (line) => {
      const [frame] = framesIn(line);
      if (frame?.payload.length !== 31) return line;
      tried++;
      const payload = Buffer.from(frame.payload);
      payload[21 + at] = (payload[21 + at] as number) ^ 0x01;
      return lineBytes(frame.channel, payload);
    };
    assert.instance(await failure(clock.until(client.openChannel(0x33, testKeys()))), AuthenticationFailed, `${at}`);
  }
  assert.is(tried, 8);
});

test("a change of the version or of any check value in the answer to PUT KEY is noticed", async () => {
  const fresh = diversify(pattern(16), diversificationData("IB3000123"), 0x01);
  const right = putKeyAnswer(fresh);
  assert.is(right.length, 10);
  const wrong = [...flipped(right), right.subarray(0, -1), Buffer.concat([right, Buffer.alloc(1)])];
  for (const data of wrong) {
    const { card, client, clock } = setup();
    await clock.until(client.openChannel(0x33, testKeys()));
    card.answer = () => ({ data, sw: 0x9000 });
    assert.instance(await failure(clock.until(client.putKey(fresh, testKeys().dek))), BadAnswer, data.toString("hex"));
  }
});

test("a change of any digit of the proof's response is noticed", async () => {
  const request: Request = { serial: "IB3000123", suite: SUITE, pinCheck: "card", tries: 5, pin: "8352" };
  for (let digit = 0; digit < 8; digit++) {
    const client = new CardClient(new Link(new Line(blankCard())));
    const prove = client.prove.bind(client);
    client.prove = async (...args) => [...otherDigits(await prove(...args))][digit] as string;
    const register = new KeptRegister();
    const plan = await makePlan(request, await client.readStatus(), register);
    assert.instance(await failure(carryOut(plan, request, client, register)), CheckFailed, `digit ${digit}`);
  }
});

test("a change of any digit or of the length of a login response is noticed", () => {
  const card = { suite: SUITE, key: pattern(32) };
  const right = ocra(SUITE, card.key, { challenge: "123456" });
  assert.ok(verifyResponse(card, "123456", right));
  for (const wrong of [...otherDigits(right), right.slice(0, -1), `${right}0`, ""])
    assert.not(verifyResponse(card, "123456", wrong), wrong);
});

test("a change of any byte of a MAC in a PSKC file is noticed", () => {
  const path = join(scratchFolder(), "seeds.xml");
  const card = { serial: "IB3000123", suite: SUITE, pinCheck: "card", tries: 5 } as const;
  const keys = { key: pattern(32), unlockKey: pattern(32) };
  const right = exportPskc([{ ...card, ...keys }], pattern(16), { unlockKeys: true }).toString();
  const macs = [...right.matchAll(/<pskc:ValueMAC>([^<]+)</g)].map(([, text]) => text ?? "");
  assert.is(macs.length, 2);
  for (const mac of macs) {
    for (const wrong of flipped(Buffer.from(mac, "base64"))) {
      writeFileSync(path, right.replace(mac, wrong.toString("base64")));
      assert.match(whyRefused(path), /the MAC is wrong/);
    }
  }
  writeFileSync(path, right);
  assert.equal(importPskc(path, pattern(16)).refusals, []);
});

/** Why a key of the file is refused. */
function whyRefused(path: string): string {
  try {
    return importPskc(path, pattern(16))
      .refusals.map(({ why }) => why)
      .join();
  } catch (error) {
    assert.instance(error, SeedFileError);
    return (error as Error).message;
  }
}

test.run();
