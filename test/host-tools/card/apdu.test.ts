// Commands and responses as bytes, and as text that reveals no secret.

import fc from "fast-check";
import * as assert from "uvu/assert";
import { Ins, Sw } from "../../../firmware/wire.js";
import {
  type Command,
  commandName,
  decodeCommand,
  decodeResponse,
  describeCommand,
  describeResponse,
  describeStatus,
  encodeCommand,
  refusal,
  triesLeft,
} from "../../../host-tools/card/apdu.js";
import { BadAnswer } from "../../../host-tools/card/errors.js";
import { atLeast } from "../../support/atleast.js";
import { suite } from "../../support/suite.js";

const test = suite("apdu");

const hex = (text: string) => Buffer.from(text, "hex");

test("the four cases of a command are encoded", () => {
  const header = { cla: 0x80, ins: 0xca, p1: 1, p2: 2 };
  assert.is(Buffer.from(encodeCommand(header)).toString("hex"), "80ca0102");
  assert.is(Buffer.from(encodeCommand({ ...header, le: 256 })).toString("hex"), "80ca010200");
  assert.is(Buffer.from(encodeCommand({ ...header, data: hex("aabb") })).toString("hex"), "80ca010202aabb");
  assert.is(Buffer.from(encodeCommand({ ...header, data: hex("aabb"), le: 8 })).toString("hex"), "80ca010202aabb08");
});

test("any command is decoded from its bytes", () => {
  const byte = fc.nat(255);
  const commands = fc.record(
    {
      cla: byte,
      ins: byte,
      p1: byte,
      p2: byte,
      data: fc.uint8Array({ minLength: 1, maxLength: 255 }),
      le: fc.integer({ min: 1, max: 256 }),
    },
    { requiredKeys: ["cla", "ins", "p1", "p2"] },
  );
  fc.assert(fc.property(commands, (command) => assert.equal(decodeCommand(encodeCommand(command)), { ...command })));
});

test("a malformed command is refused", () => {
  for (const bytes of ["", "80ca01", "80ca010202aa", "80ca010202aabb0000", "80ca01020000"])
    assert.throws(
      () => decodeCommand(hex(bytes)),
      (error: Error) => error instanceof RangeError,
      bytes,
    );
  const long: Command = { cla: 0, ins: 0, p1: 0, p2: 0, data: new Uint8Array(256) };
  assert.throws(() => encodeCommand(long), /255/);
});

test("a response is decoded into data and a status word", () => {
  assert.equal(decodeResponse(hex("01026a80")), { data: hex("0102"), sw: 0x6a80 });
  assert.equal(decodeResponse(hex("9000")), { data: Buffer.alloc(0), sw: 0x9000 });
  assert.throws(
    () => decodeResponse(hex("90")),
    (error: Error) => error instanceof BadAnswer,
  );
});

/** All but 63Cx, which counts tries; and each error of a card. */
const STATUS_WORDS = Object.values(Sw)
  .filter((sw): sw is Sw => typeof sw === "number" && sw !== Sw.WRONG)
  .flatMap((sw) => (sw === Sw.ERROR ? [1, 2, 3].map((error) => sw + error) : [sw]));

test("every status word has its own sentence", () => {
  const sentences = STATUS_WORDS.map((sw) => describeStatus(sw));
  assert.is(new Set(sentences).size, sentences.length);
  for (const sentence of atLeast(1, sentences)) assert.not.match(sentence, "does not have");
  assert.is(describeStatus(0x63c4), "wrong PIN or unlock code, tries left: 4");
  assert.match(describeStatus(0x1234), "does not have");
});

test("every command has a name", () => {
  assert.is(commandName(Ins.RESET_RETRY_COUNTER), "RESET RETRY COUNTER");
  assert.is(commandName(0x0a), "command 0A");
});

test("a refusal says what was refused, and how many tries are left", () => {
  const error = refusal(Ins.INTERNAL_AUTHENTICATE, 0x63c2);
  assert.is(error.message, "INTERNAL AUTHENTICATE: wrong PIN or unlock code, tries left: 2 (63C2)");
  assert.is(triesLeft(error.sw), 2);
  assert.is(triesLeft(Sw.WRONG_DATA), undefined);
});

test("data without secrets is shown", () => {
  assert.is(describeCommand(hex("80ca004500")), "GET DATA 80CA0045");
  assert.is(describeCommand(hex("8050ff0008010203040506070800")), "INITIALIZE UPDATE 8050FF00, 0102030405060708");
  assert.is(describeResponse(hex("80ca004500"), hex("49429000")), "9000 done, 4942");
  assert.is(describeResponse(hex("80ca004500"), hex("6a88")), "6A88 the card has no such data");
});

test("data that may contain a secret is not shown", () => {
  assert.is(describeCommand(hex("80880000043132333400")), "INTERNAL AUTHENTICATE 80880000, 4 bytes not shown");
  assert.is(describeCommand(hex("84ca00450800000000000000ab00")), "GET DATA 84CA0045, 8 bytes not shown");
  assert.is(describeCommand(hex("800a0000023132")), "command 0A 800A0000, 2 bytes not shown");
  assert.is(describeResponse(hex("808800000431323334"), hex("31329000")), "9000 done, 2 bytes not shown");
  assert.is(describeResponse(hex("84ca004500"), hex("31329000")), "9000 done, 2 bytes not shown");
});

test.run();
