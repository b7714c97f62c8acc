// Frames of the serial line: their encoding, and the decoding of any bytes that may arrive.

import fc from "fast-check";
import * as assert from "uvu/assert";
import { type Channel, MAX_PAYLOAD } from "../../../firmware/wire.js";
import { crc16, encodeFrame, FrameReader } from "../../../host-tools/card/frame.js";
import { crcByDivision, framesIn, lineBytes } from "../../support/fakecard.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const test = suite("frames");

interface Received {
  readonly channel: Channel;
  readonly payload: Buffer;
}

/** Decodes a line that arrives in chunks. */
function decode(...chunks: Uint8Array[]): Received[] {
  const reader = new FrameReader();
  const frames = chunks.flatMap((chunk) => reader.read(chunk));
  return frames.map(({ channel, payload }) => ({ channel, payload: Buffer.from(payload) }));
}

/** Cuts bytes into chunks of that many bytes. */
function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

const channels = fc.constantFrom<Channel>(0, 1);
/** Random bytes with many of SLIP's special bytes. */
const bytes = (maxLength: number) =>
  fc
    .array(fc.oneof(fc.nat(255), fc.constantFrom(0xc0, 0xdb, 0xdc, 0xdd)), { maxLength })
    .map((list) => Buffer.from(list));
const frames = fc.record({ channel: channels, payload: bytes(MAX_PAYLOAD) });

test("the CRC is CRC-16/IBM-3740", () => {
  assert.is(crc16(Buffer.from("123456789")), 0x29b1);
  assert.is(crc16(Buffer.alloc(0)), 0xffff);
  for (const length of [2, 3, 17, 262]) assert.is(crc16(pattern(length)), crcByDivision(pattern(length)));
});

test("hello is a frame without payload", () => {
  assert.is(Buffer.from(encodeFrame(0, Buffer.alloc(0))).toString("hex"), "c000e1f0c0");
});

test("END and ESC are escaped", () => {
  const line = Buffer.from(encodeFrame(1, Buffer.from("c0db", "hex"))).toString("hex");
  assert.match(line, /^c001dbdcdbdd([0-9a-f]{4})c0$/);
});

test("any frame is encoded as by another encoder, and decoded", () => {
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 300 }), ({ channel, payload }, size) => {
      const line = encodeFrame(channel, payload);
      assert.equal(Buffer.from(line), lineBytes(channel, payload));
      assert.equal(decode(...cut(Buffer.from(line), size)), [{ channel, payload }]);
    }),
  );
});

test("the longest payload has 261 bytes", () => {
  const longest = Buffer.alloc(MAX_PAYLOAD, 0xc0);
  assert.equal(decode(encodeFrame(0, longest)), [{ channel: 0, payload: longest }]);
  assert.throws(() => encodeFrame(0, Buffer.alloc(MAX_PAYLOAD + 1)), /261/);
  assert.equal(decode(lineBytes(0, Buffer.alloc(MAX_PAYLOAD + 1))), []);
});

test("frames may share one END, and empty ones are ignored", () => {
  const first = lineBytes(0, Buffer.of(1));
  const second = lineBytes(1, Buffer.of(2));
  const line = Buffer.concat([first.subarray(0, -1), second, Buffer.from("c0c0c0", "hex")]);
  assert.equal(decode(line), framesIn(line));
  assert.is(decode(line).length, 2);
});

/** A right frame as hexadecimal, without its two ENDs. */
const inside = (channel: number, payload: string) =>
  lineBytes(channel, Buffer.from(payload, "hex")).subarray(1, -1).toString("hex");

const NOISE: Record<string, string> = {
  "an unknown channel": inside(2, "0102"),
  "a wrong CRC": inside(0, "0102").replace(/..$/, "77"),
  "too few bytes": "00e1",
  "a wrong escape after a right frame": `${inside(0, "0102")}db00`,
  "a wrong escape before a right frame": `db00${inside(0, "0102")}`,
  "an escaped escape": `dbdb${inside(0, "0102")}`,
  "a lone ESC at the end": `${inside(0, "0102")}db`,
  "megabytes without an end": "00".repeat(2_000_000),
  "escapes without an end": "dbdc".repeat(10_000),
};

for (const [what, noise] of Object.entries(NOISE)) {
  test(`a frame is dropped and the next one received: ${what}`, () => {
    const line = Buffer.concat([Buffer.from(`c0${noise}`, "hex"), lineBytes(1, Buffer.from("hello"))]);
    assert.equal(decode(...cut(line, 65_536)), [{ channel: 1, payload: Buffer.from("hello") }]);
  });
}

test("a frame that is cut off at the end of the line is dropped", () => {
  assert.equal(decode(lineBytes(0, Buffer.from("9000", "hex")).subarray(0, -1)), []);
});

test("from any bytes the same frames are decoded as by another decoder", () => {
  const parts = fc.array(
    fc.oneof(
      bytes(40),
      frames.map(({ channel, payload }) => lineBytes(channel, payload)),
    ),
  );
  fc.assert(
    fc.property(parts, fc.integer({ min: 1, max: 600 }), (list, size) => {
      const line = Buffer.concat(list);
      assert.equal(decode(...cut(line, size)), framesIn(line));
    }),
    { numRuns: 300 },
  );
});

test("after any noise every valid frame is received", () => {
  const noisy = fc.array(fc.tuple(bytes(60), frames), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(noisy, (list) => {
      const line = Buffer.concat(list.flatMap(([noise, frame]) => [noise, lineBytes(frame.channel, frame.payload)]));
      const received = decode(line);
      let next = 0;
      for (const [, frame] of list) {
        next = received.findIndex((other, i) => i >= next && same(other, frame)) + 1;
        assert.ok(next > 0, "a frame is missing");
      }
    }),
    { numRuns: 300 },
  );
});

function same(a: Received, b: Received): boolean {
  return a.channel === b.channel && a.payload.equals(b.payload);
}

test("no frame with a changed bit, a lost byte or a doubled byte is accepted", () => {
  for (const length of [0, 2, 29, 190]) {
    const line = lineBytes(0, pattern(length, length));
    const sent = framesIn(line);
    for (let at = 1; at < line.length - 1; at++) {
      const [before, byte, after] = [line.subarray(0, at), line.subarray(at, at + 1), line.subarray(at + 1)];
      const flipped = [1, 2, 4, 8, 16, 32, 64, 128].map((bit) => Buffer.of((byte[0] as number) ^ bit));
      for (const damage of [...flipped, Buffer.alloc(0), Buffer.concat([byte, byte])]) {
        const received = decode(Buffer.concat([before, damage, after]));
        assert.equal(received, [], `${length} bytes, byte ${at} became ${damage.toString("hex")}`);
      }
    }
    assert.is(sent.length, 1);
  }
});

test.run();
