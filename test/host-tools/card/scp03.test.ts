// SCP03 against other implementations of both halves, and against sessions that were recorded with a real card.

import * as assert from "uvu/assert";
import {
  type Command,
  decodeCommand,
  decodeResponse,
  encodeCommand,
  type Response,
} from "../../../host-tools/card/apdu.js";
import { AuthenticationFailed } from "../../../host-tools/card/errors.js";
import {
  deriveSessionKeys,
  initializeUpdate,
  kdf,
  LEVELS,
  parseCardHello,
  SecureChannel,
  type SecurityLevel,
} from "../../../host-tools/card/scp03.js";
import { atLeast } from "../../support/atleast.js";
import { FakeCard, framesIn, lineBytes, quiet } from "../../support/fakecard.js";
import { pattern } from "../../support/pattern.js";
import { CONSTANT, derived, OracleHost } from "../../support/scp03oracle.js";
import { type RecordedSession, scp03Rows, sessionsOfAes128 } from "../../support/scp03vectors.js";
import { alsoShared } from "../../support/sharedvectors.js";
import { suite } from "../../support/suite.js";

const test = suite("scp03");

const hex = (text: string) => Buffer.from(text, "hex");
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** The recorded card has i = 70, which differs only in the source of its challenge. */
function recorded({
  keyset,
  securityLevel,
  hostChallenge,
  cardChallenge,
  cardCryptogram,
}: RecordedSession): SecureChannel {
  const keys = { enc: hex(keyset.enc), mac: hex(keyset.mac) };
  const card = { challenge: hex(cardChallenge), cryptogram: hex(cardCryptogram) };
  return new SecureChannel(keys, Number(securityLevel) as SecurityLevel, hex(hostChallenge), card);
}

const KEYS = { enc: hex("404142434445464748494a4b4c4d4e4f"), mac: hex("404142434445464748494a4b4c4d4e4f") };
const HOST_CHALLENGE = hex("0102030405060708");

test("the levels are those of the documents", () => {
  assert.equal(LEVELS, [0x01, 0x03, 0x11, 0x13, 0x33]);
});

for (const level of LEVELS) {
  const name = level.toString(16).padStart(2, "0");

  test(`level ${name}: channel and commands are the same bytes as another implementation's`, () => {
    const challenge = pattern(8, 5);
    const oracle = new OracleHost(KEYS, level, HOST_CHALLENGE, challenge);
    const context = Buffer.concat([HOST_CHALLENGE, challenge]);
    const keys = deriveSessionKeys(KEYS, context);
    assert.equal([keys.enc, keys.mac, keys.rmac].map(text), [oracle.enc, oracle.mac, oracle.rmac].map(text));
    const channel = new SecureChannel(KEYS, level, HOST_CHALLENGE, { challenge, cryptogram: oracle.cardCryptogram });
    assert.is(text(encodeCommand(channel.externalAuthenticate)), text(oracle.externalAuthenticate()));
    for (const length of [0, 1, 15, 16, 17, 0, 161, 0, 0, 223]) {
      const data = pattern(length, length);
      const wrapped = channel.wrap({ cla: 0x80, ins: 0xe2, p1: 0x90, p2: 1, data });
      assert.is(text(encodeCommand(wrapped)), text(oracle.wrap(0xe2, 0x90, 1, data)), `${length} bytes`);
    }
  });
}

test("keys are derived as by another implementation", () => {
  for (const size of [8, 16, 24, 32]) {
    for (const constant of Object.values(CONSTANT))
      assert.is(
        text(kdf(pattern(16), constant, pattern(16, 1), size)),
        text(derived(pattern(16), constant, pattern(16, 1), size)),
      );
  }
  alsoShared("rows of key derivation", () => {
    for (const { key, constant, context, out } of atLeast(40, scp03Rows("kdf")))
      assert.is(text(kdf(hex(key), Number.parseInt(constant, 16), hex(context), out.length / 2)), out, constant);
  });
  alsoShared("SCP03 sessions recorded with a real card", () => {
    for (const session of atLeast(3, sessionsOfAes128())) assertRepeated(session);
  });
});

function assertRepeated(session: RecordedSession): void {
  const { keyset, name } = session;
  const first = initializeUpdate(Number(keyset.kvn), hex(session.hostChallenge));
  assert.is(text(encodeCommand(first)), session.initUpdate, name);
  const context = hex(session.hostChallenge + session.cardChallenge);
  const keys = deriveSessionKeys({ enc: hex(keyset.enc), mac: hex(keyset.mac) }, context);
  assert.equal([keys.enc, keys.mac, keys.rmac].map(text), [session.sEnc, session.sMac, session.sRmac], name);
  assert.is(text(kdf(keys.mac, 0, context, 8)), session.cardCryptogram, name);
  assert.is(text(kdf(keys.mac, 1, context, 8)), session.hostCryptogram, name);

  const channel = recorded(session);
  assert.is(text(encodeCommand(channel.externalAuthenticate)), session.extAuth, name);
  for (const { plain, wrapped, response } of atLeast(1, session.apdusInOrder)) {
    assert.is(text(encodeCommand(channel.wrap(decodeCommand(hex(plain))))), wrapped, name);
    if (!response) continue;
    const answer = channel.unwrap(decodeResponse(hex(response.wrapped + response.sw)));
    assert.is(text(answer.data), response.plain, name);
  }
}

/** Asks the fake card over its line. */
async function ask(card: FakeCard, command: Command): Promise<Response<Buffer>> {
  card.write(lineBytes(0, encodeCommand(command)));
  await quiet();
  return decodeResponse(framesIn(card.read())[0]?.payload ?? Buffer.alloc(0));
}

async function open(card: FakeCard, level: SecurityLevel): Promise<SecureChannel> {
  const hello = parseCardHello((await ask(card, initializeUpdate(0xff, HOST_CHALLENGE))).data);
  const channel = new SecureChannel(KEYS, level, HOST_CHALLENGE, hello);
  const { sw } = await ask(card, channel.externalAuthenticate);
  assert.is(sw, 0x9000);
  return channel;
}

const command = (data: Uint8Array): Command => ({ cla: 0x80, ins: 0xe2, p1: 0x90, p2: 0, data });

test("an answer with any bit changed is refused, if it has a MAC", async () => {
  for (const level of atLeast(
    3,
    LEVELS.filter((level) => level & 0x10),
  )) {
    const card = new FakeCard();
    const hello = parseCardHello((await ask(card, initializeUpdate(0xff, HOST_CHALLENGE))).data);
    // Each channel is in the same state as the one that the card answers.
    const channel = () => {
      const one = new SecureChannel(KEYS, level, HOST_CHALLENGE, hello);
      return { one, wrapped: one.wrap(command(pattern(20))) };
    };
    await ask(card, channel().one.externalAuthenticate);
    const { data, sw } = await ask(card, channel().wrapped);
    assert.equal(channel().one.unwrap({ data, sw }).data, pattern(20));
    for (let bit = 0; bit < atLeast(28, data).length * 8; bit++) {
      const { one } = channel();
      const changed = Buffer.from(data);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.throws(() => one.unwrap({ data: changed, sw }), isAuthentication, `level ${level}, bit ${bit}`);
      assert.throws(() => one.wrap(command(pattern(1))), /closed/);
    }
  }
});

test("the levels are those of the documents", () => {
  assert.equal(LEVELS, [0x01, 0x03, 0x11, 0x13, 0x33]);
});

for (const level of LEVELS) {
  const name = level.toString(16).padStart(2, "0");

  test(`level ${name}: commands and answers of every length are exchanged`, async () => {
    const card = new FakeCard();
    const channel = await open(card, level);
    for (const length of [0, 1, 15, 16, 17, 0, 161, 0, 0, 231]) {
      const answer = channel.unwrap(await ask(card, channel.wrap(command(pattern(length)))));
      assert.equal(answer, { data: pattern(length), sw: 0x9000 });
      assert.equal(card.seen.at(-1)?.data, pattern(length));
    }
  });

  test(`level ${name}: an error has no MAC, and the channel continues`, async () => {
    const card = new FakeCard();
    const channel = await open(card, level);
    card.answer = () => ({ sw: 0x6a80 });
    assert.equal(channel.unwrap(await ask(card, channel.wrap(command(hex("01"))))), {
      data: Buffer.alloc(0),
      sw: 0x6a80,
    });
    card.answer = ({ data }) => ({ data, sw: 0x9000 });
    assert.equal(channel.unwrap(await ask(card, channel.wrap(command(hex("02"))))).data, hex("02"));
  });

  test(`level ${name}: a warning is accepted with its MAC or without data`, async () => {
    const card = new FakeCard();
    const channel = await open(card, level);
    card.answer = () => ({ sw: 0x63c4 });
    for (const signed of [true, false]) {
      card.warningsSigned = signed;
      const answer = channel.unwrap(await ask(card, channel.wrap(command(hex("01")))));
      assert.equal(answer, { data: Buffer.alloc(0), sw: 0x63c4 });
    }
  });
}

test("the answer to another command is refused", async () => {
  const card = new FakeCard();
  const channel = await open(card, 0x11);
  const first = await ask(card, channel.wrap(command(hex("01"))));
  channel.wrap(command(hex("01")));
  assert.throws(() => channel.unwrap(first), isAuthentication);
});

test("at levels with an R-MAC, an answer or a success without one is refused", async () => {
  for (const answer of ["9000", "019000", "0102030405060708639a"]) {
    const channel = await open(new FakeCard(), 0x13);
    channel.wrap(command(hex("01")));
    assert.throws(() => channel.unwrap(decodeResponse(hex(answer))), isAuthentication, answer);
  }
});

test("a card with other keys is noticed before anything is sent to it", async () => {
  const card = new FakeCard();
  card.keys.mac = Buffer.alloc(16, 1);
  const hello = parseCardHello((await ask(card, initializeUpdate(0xff, HOST_CHALLENGE))).data);
  assert.throws(() => new SecureChannel(KEYS, 0x33, HOST_CHALLENGE, hello), isAuthentication);
});

test("only the answer to INITIALIZE UPDATE that this card gives is accepted", () => {
  const good = hex(`${"00".repeat(10)}ff0360${"11".repeat(8)}${"22".repeat(8)}`);
  assert.is(parseCardHello(good).kvn, 0xff);
  assert.is(text(parseCardHello(good).cryptogram), "22".repeat(8));
  assert.throws(() => parseCardHello(good.subarray(1)), /length/);
  assert.throws(() => parseCardHello(Buffer.concat([good, hex("000001")])), /length/);
  for (const at of [11, 12]) {
    const other = Buffer.from(good);
    other[at] = 0x02;
    assert.throws(() => parseCardHello(other), /SCP03/);
  }
});

test("a command that does not fit is refused before it is sent", async () => {
  const channel = await open(new FakeCard(), 0x01);
  assert.throws(() => channel.wrap(command(pattern(248))), /too long/);
});

test("a closed channel accepts no command and no answer", async () => {
  const channel = await open(new FakeCard(), 0x33);
  channel.close();
  assert.throws(() => channel.wrap(command(hex("01"))), /closed/);
  assert.throws(() => channel.unwrap({ data: Buffer.alloc(0), sw: 0x9000 }), /closed/);
});

function isAuthentication(error: Error): boolean {
  return error instanceof AuthenticationFailed;
}

test.run();
