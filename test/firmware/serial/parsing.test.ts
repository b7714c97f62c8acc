// How bytes become a command: frames (SLIP, CRC-16), the lengths in an APDU, and the padding of secure messaging. Bytes
// that do not have the form in docs/PROTOCOL.md are dropped or refused, and change nothing.

import { ecb } from "@noble/ciphers/aes.js";
import * as assert from "uvu/assert";
import { Channel, Cla, Ins, Level, MAX_PAYLOAD, Slip, Sw, Tag } from "../../../firmware/wire.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { converse, payloads, personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { compile } from "../../mutants/apply.js";
import { unseenMutants } from "../../mutants/unseen.js";
import { fails } from "../../support/fails.js";
import { OracleHost } from "../../support/scp03oracle.js";
import { digits, module as firmware } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const parsing = suite("parsing");

const BLOCK = 16;
const ENCRYPTING = [0x03, 0x13, 0x33];
const HOST_CHALLENGE = Buffer.alloc(8, 5);
/** An instruction that does not exist. Its status word shows that the command was unwrapped. */
const UNKNOWN = 0x77;
/** The longest data of a command under secure messaging: whole blocks and a MAC in 255 bytes. */
const MOST_PADDED = 240;

/** Demo cards by module. */
const MADE = new WeakMap<WebAssembly.Module, Uint8Array>();

function demo(module: WebAssembly.Module): Card {
  const known = MADE.get(module);
  if (known) return new Card(module, { seed: 7, flash: new Flash(known.slice()) });
  const card = new Card(module, { seed: 7 });
  personalize(card, DEMO);
  MADE.set(module, card.flash.bytes.slice());
  return card;
}

/** Opens a channel with another host's code. */
function open(card: Card, level: number): OracleHost {
  const initialize = Buffer.concat([Buffer.of(Cla.GP, Ins.INITIALIZE_UPDATE, 0, 0, 8), HOST_CHALLENGE]);
  const [hello] = converse(card, initialize);
  const session = new OracleHost(testKeys(), level, HOST_CHALLENGE, (hello as Buffer).subarray(13, 21));
  assert.is(statusOf(card, session.externalAuthenticate()), Sw.DONE);
  return session;
}

/** Sends a command and returns the status word, or undefined without an answer. */
function statusOf(card: Card, apdu: Uint8Array): number | undefined {
  const [answer] = converse(card, apdu);
  return answer?.readUInt16BE(answer.length - 2);
}

// ---- the APDU's lengths ----

/** Commands of every instruction, with and without data, as sent outside a channel. */
const APDUS: readonly Buffer[] = Object.values(Ins)
  .filter((ins) => typeof ins === "number")
  .flatMap((ins) => [Cla.ISO, Cla.GP, Cla.GP_SECURE].map((cla) => Buffer.of(cla, ins, 0, 0)))
  .flatMap((header) => [0, 1, 8, 16, 161].map((size) => withData(header, size)));

function withData(header: Buffer, size: number): Buffer {
  return size === 0 ? header : Buffer.concat([header, Buffer.of(size), Buffer.alloc(size, 0x31)]);
}

/** The status word does not depend on Le. Other bytes after the data, or less data than Lc says, get 6700. */
function lengthsAreExact(module: WebAssembly.Module): void {
  for (const apdu of APDUS) {
    const name = apdu.subarray(0, 5).toString("hex");
    const expected = statusOf(demo(module), apdu);
    const card = demo(module);
    statusOf(card, Buffer.of(Cla.GP, Ins.GET_DATA, 0xdf, 0x20));
    const { operations } = card.flash;
    const hasData = apdu.length > 4;
    for (const le of [0x00, 0x01, 0xff])
      assert.is(statusOf(demo(module), Buffer.concat([apdu, Buffer.of(le)])), expected, `${name}, Le ${le}`);
    for (const more of hasData ? [2, 3, 16, 95] : [2, 3]) {
      // After a bare header the first byte is Lc; 0 means no data.
      const longer = Buffer.concat([apdu, Buffer.alloc(more)]);
      assert.is(statusOf(card, longer), Sw.WRONG_LENGTH, `${name}, ${more} bytes more`);
    }
    for (let length = 5; length < apdu.length; length += 7) {
      if (length > 5) assert.is(statusOf(card, apdu.subarray(0, length)), Sw.WRONG_LENGTH, `${name}, ${length} bytes`);
    }
    for (let length = 1; length < 4; length++)
      assert.is(statusOf(card, apdu.subarray(0, length)), Sw.WRONG_LENGTH, `${name}, ${length} bytes`);
    assert.is(card.flash.operations, operations, `${name}: nothing is written`);
  }
}

parsing("an APDU has exactly the data that Lc says, then Le or nothing", () => lengthsAreExact(firmware));

/** In a channel a wrong length is refused before the MAC is checked, so that the correct command is accepted after it. */
function lengthsAreExactInChannels(module: WebAssembly.Module): void {
  for (const level of [Level.C_MAC, ...ENCRYPTING]) {
    const card = demo(module);
    const session = open(card, level);
    for (const more of [2, 3, 17]) {
      const wrapped = session.wrap(Ins.INTERNAL_AUTHENTICATE, 0, 0, digits(`${DEMO.pin}123456`));
      const { operations } = card.flash;
      assert.is(statusOf(card, Buffer.concat([wrapped, Buffer.alloc(more)])), Sw.WRONG_LENGTH, `${more} bytes more`);
      assert.is(card.flash.operations, operations);
      const expected = level === Level.FULL ? Sw.DONE : Sw.NOT_IN_THIS_CHANNEL;
      assert.is(statusOf(card, Buffer.concat([wrapped, Buffer.of(0)])), expected, `level ${level}, with Le`);
    }
    for (let size = 0; size < 8; size++) {
      const other = demo(module);
      open(other, level);
      const short = withData(Buffer.of(Cla.GP_SECURE, Ins.GET_DATA, 0, Tag.SERIAL), size);
      assert.is(statusOf(other, short), Sw.WRONG_SECURE_MESSAGING, `${size} bytes are no MAC`);
    }
  }
}

parsing("the same holds in a channel", () => lengthsAreExactInChannels(firmware));

// ---- padding ----

/** Sends padded data under a right MAC. Returns whether the card accepted the padding. */
function isTaken(card: Card, session: OracleHost, data: Uint8Array): boolean {
  const sw = statusOf(card, session.wrapPadded(UNKNOWN, 0, 0, data));
  assert.ok(sw === Sw.UNKNOWN_COMMAND || sw === Sw.WRONG_SECURE_MESSAGING, `${sw?.toString(16)}`);
  return sw === Sw.UNKNOWN_COMMAND;
}

/** Padding is 80, then zeros to the end of the block, and nothing else. */
function paddingIsExact(module: WebAssembly.Module): void {
  const card = demo(module);
  const opened = (level: number) => open(card, level);
  let session: OracleHost | undefined;
  const expect = (level: number, data: Uint8Array, right: boolean, what: string) => {
    session ??= opened(level);
    assert.is(isTaken(card, session, data), right, `level ${level.toString(16)}, ${what}`);
    if (!right) session = undefined;
  };
  for (const level of ENCRYPTING) {
    session = undefined;
    for (const size of [BLOCK, 2 * BLOCK, 3 * BLOCK, MOST_PADDED]) {
      for (let at = Math.max(0, size - 2 * BLOCK - 1); at < size; at++) {
        const data = Buffer.alloc(size).fill(0x31, 0, at);
        data[at] = 0x80;
        expect(level, data, at >= size - BLOCK, `80 at ${at} of ${size}`);
      }
      expect(level, Buffer.alloc(size), false, `${size} zeros`);
      for (const mark of [0x00, 0x01, 0x40, 0x7f, 0x81, 0xff]) {
        const data = Buffer.alloc(size, 0x31);
        data[size - 1] = mark;
        expect(level, data, false, `${mark} for 80`);
        const behind = Buffer.alloc(size).fill(0x31, 0, size - 8);
        behind[size - 8] = 0x80;
        behind[size - 1] = mark;
        expect(level, behind, mark === 0, `${mark} behind it`);
      }
    }
  }
}

parsing("padding is 80 and zeros to the end of the block, for any length of data", () => {
  paddingIsExact(firmware);
});

/**
 * A block and a half of encrypted data. If the card read on into the zeros behind it, where the MAC was, the second block
 * would decrypt to data with valid padding.
 */
function blockAndHalf(session: OracleHost): Uint8Array {
  const half = Buffer.alloc(BLOCK).fill(0x31, 0, 8);
  const block = Buffer.from(ecb(session.enc, { disablePadding: true }).decrypt(half));
  block[7] = (block[7] as number) ^ 0x80;
  return Buffer.concat([block, half.subarray(0, 8)]);
}

/** Encrypted data that is not a whole number of blocks closes the channel, although its MAC is right. */
function blocksAreWhole(module: WebAssembly.Module): void {
  const card = demo(module);
  for (const level of ENCRYPTING) {
    for (const size of [1, 8, 15, 17, 31, 33, 239]) {
      const session = open(card, level);
      const sw = statusOf(card, session.wrapSigned(UNKNOWN, 0, 0, Buffer.alloc(size, 0x31)));
      assert.is(sw, Sw.WRONG_SECURE_MESSAGING, `${size} bytes`);
      assert.is(card.display, "PIN>");
    }
    const session = open(card, level);
    const sw = statusOf(card, session.wrapSigned(UNKNOWN, 0, 0, blockAndHalf(session)));
    assert.is(sw, Sw.WRONG_SECURE_MESSAGING, "what would be padding");
  }
}

parsing("encrypted data must be whole blocks", () => blocksAreWhole(firmware));

// ---- frames ----

/** Whether the card answers these bytes. Asserts that it answers a valid frame after them. */
function isHeard(card: Card, bytes: Uint8Array): boolean {
  card.takeSent();
  card.receive(bytes);
  const heard = payloads(card.takeSent()).length > 0;
  card.receive(encodeFrame(Channel.APDU, new Uint8Array()));
  assert.equal(payloads(card.takeSent()), [Buffer.of(1)], "a valid frame is answered after it");
  return heard;
}

/** A frame with bytes inserted, removed or changed is noise. */
function framesAreExact(module: WebAssembly.Module): void {
  const card = demo(module);
  const good = Buffer.from(encodeFrame(Channel.APDU, Buffer.of(Cla.GP, Ins.GET_DATA, 0xdf, 0x20)));
  assert.ok(isHeard(card, good));
  const end = good.length - 1;
  assert.is(good[end], Slip.END);
  for (let at = 1; at <= end; at++) {
    for (const put of [[Slip.ESC], [Slip.ESC, 0x41], [Slip.ESC, 0x00], [Slip.ESC, Slip.ESC], [0x41]]) {
      const bytes = Buffer.concat([good.subarray(0, at), Buffer.from(put), good.subarray(at)]);
      assert.not.ok(isHeard(card, bytes), `${Buffer.from(put).toString("hex")} at ${at}`);
    }
  }
  for (let at = 1; at < end; at++) {
    const without = Buffer.concat([good.subarray(0, at), good.subarray(at + 1)]);
    assert.not.ok(isHeard(card, without), `byte ${at} is missing`);
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(good);
      flipped[at] = (flipped[at] as number) ^ (1 << bit);
      assert.not.ok(isHeard(card, flipped), `bit ${bit} of byte ${at}`);
    }
  }
  // The longest payload, then longer ones.
  const longest = Buffer.from(encodeFrame(Channel.APDU, Buffer.alloc(MAX_PAYLOAD, 0x31)));
  assert.ok(isHeard(card, longest));
  for (const more of [1, 2, 100, 1000]) {
    const bytes = Buffer.concat([longest.subarray(0, -1), Buffer.alloc(more, 0x31), Buffer.of(Slip.END)]);
    assert.not.ok(isHeard(card, bytes), `${more} bytes too many`);
  }
  for (let channel = 2; channel < 256; channel++)
    assert.not.ok(
      isHeard(card, encodeFrame(channel, Buffer.of(Cla.GP, Ins.GET_DATA, 0xdf, 0x20))),
      `channel ${channel}`,
    );
}

parsing("a frame with any change is dropped as noise", () => framesAreExact(firmware));

function everything(module: WebAssembly.Module): void {
  lengthsAreExact(module);
  lengthsAreExactInChannels(module);
  paddingIsExact(module);
  blocksAreWhole(module);
  framesAreExact(module);
}

for (const mutant of unseenMutants("parsing")) {
  parsing(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    assert.ok(fails(everything, await compile(mutant)), "every form is refused or taken as it must be");
  });
}

parsing.run();
