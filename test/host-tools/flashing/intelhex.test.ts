// Intel HEX: reading gives what was written, and a damaged or incomplete file is refused with the number of the line.

import fc from "fast-check";
import * as assert from "uvu/assert";
import { type Block, HexError, parseIntelHex } from "../../../host-tools/flashing/intelhex.js";
import { checkImage, ImageError } from "../../../host-tools/flashing/nrf51.js";
import { hexFile, hexLine, imageBytes, type Written } from "../../support/hexfile.js";
import { suite } from "../../support/suite.js";

const test = suite("Intel HEX");

const END = hexLine(1, 0, new Uint8Array());
const bytesOf = (text: string) => Buffer.from(text, "hex");

function refused(text: string, line: number, says: RegExp): void {
  try {
    parseIntelHex(text);
  } catch (error) {
    assert.instance(error, HexError);
    assert.is((error as HexError).line, line, (error as Error).message);
    assert.match((error as Error).message, says);
    return;
  }
  assert.unreachable(`taken: ${text}`);
}

/** Blocks in the order of their addresses, with gaps between them. */
const layouts = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 0x8000 }), fc.uint8Array({ minLength: 1, maxLength: 300 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => {
    let end = 0;
    return parts.map(([gap, bytes]): Written => {
      const address = end + gap;
      end = address + bytes.length;
      return { address, bytes };
    });
  });

test("reading gives the blocks that were written, in any order and with any length of line", () => {
  const cases = fc.record({ blocks: layouts, width: fc.integer({ min: 1, max: 255 }), turned: fc.boolean() });
  fc.assert(
    fc.property(cases, ({ blocks, width, turned }) => {
      const read = parseIntelHex(hexFile(turned ? blocks.toReversed() : blocks, width));
      assert.equal(
        read.map(({ address, bytes }) => [address, bytes.toString("hex")]),
        blocks.map(({ address, bytes }) => [address, Buffer.from(bytes).toString("hex")]),
      );
    }),
  );
});

test("a line with one changed character is refused with its number", () => {
  const cases = fc.record({
    blocks: layouts,
    line: fc.nat(),
    column: fc.nat(),
    digit: fc.integer({ min: 1, max: 15 }),
  });
  fc.assert(
    fc.property(cases, ({ blocks, line, column, digit }) => {
      const lines = hexFile(blocks).trimEnd().split("\r\n");
      const number = line % lines.length;
      const old = lines[number] as string;
      const at = 1 + (column % (old.length - 1));
      const changed = (Number.parseInt(old[at] as string, 16) ^ digit).toString(16);
      lines[number] = old.slice(0, at) + changed + old.slice(at + 1);
      refused(lines.join("\n"), number + 1, /checksum|length of the record/);
    }),
  );
});

test("a file that is cut off anywhere is refused", () => {
  const text = hexFile([{ address: 0, bytes: imageBytes({ size: 200 }) }]).trimEnd();
  for (let size = 0; size < text.length; size++) {
    assert.throws(
      () => parseIntelHex(text.slice(0, size)),
      (error: unknown) => error instanceof HexError,
    );
  }
});

test("each kind of invalid line has its own reason", () => {
  const data = hexLine(0, 0, bytesOf("0102"));
  refused(`${data}\n${END.slice(0, -1)}`, 2, /not a record/);
  refused(`hello\n${END}`, 1, /not a record/);
  refused(`${data}\n\n:0\n${END}`, 3, /not a record/);
  refused(`${data}\n`, 2, /cut off/);
  refused("", 1, /cut off/);
  refused(`${data}\n${END}\n${data}\n`, 3, /after the end record/);
  refused(`${data}\n${data}\n${END}`, 2, /0x00000000 is written twice/);
  refused(`${hexLine(4, 0, bytesOf("01"))}\n${END}`, 1, /type 0x04 has 2 bytes/);
  refused(`${hexLine(6, 0, bytesOf("01"))}\n${END}`, 1, /unknown record type 0x06/);
  refused(`${hexLine(0, 0xffff, bytesOf("0102"))}\n${END}`, 1, /beyond its 64 KB/);
  for (const type of [0x0a, 0x0b, 0x0c, 0x0d, 0x0e])
    refused(`${data}\n${hexLine(type, 0, bytesOf("9900c0de"))}\n${END}`, 2, /universal hex/);
});

test("segment addresses count in units of 16 bytes, start addresses are ignored, lower case is accepted", () => {
  const lines = [
    hexLine(2, 0, bytesOf("1234")),
    hexLine(0, 5, bytesOf("aabb")),
    hexLine(3, 0, bytesOf("00000000")),
    hexLine(5, 0, bytesOf("000000c1")),
    hexLine(0, 7, new Uint8Array()),
    hexLine(4, 0, bytesOf("1000")),
    hexLine(0, 0x1000, bytesOf("cc")),
    END,
  ];
  const blocks = parseIntelHex(lines.join("\n").toLowerCase());
  assert.equal(
    blocks.map(({ address, bytes }) => [address, bytes.toString("hex")]),
    [
      [0x12345, "aabb"],
      [0x10001000, "cc"],
    ],
  );
});

const block = (address: number, bytes: Uint8Array): Block => ({ address, bytes: Buffer.from(bytes) });
const image = (options = {}) => block(0, imageBytes(options));

function unfit(blocks: readonly Block[], says: RegExp): void {
  try {
    checkImage(blocks);
  } catch (error) {
    assert.instance(error, ImageError);
    assert.match((error as Error).message, says);
    return;
  }
  assert.unreachable("taken");
}

test("an image may fill the chip's flash up to the card's pages, and UICR", () => {
  checkImage([image()]);
  checkImage([image({ size: 0x3f000, stack: 0x20000004, reset: 1 }), block(0x10001000, Buffer.alloc(0x100))]);
});

test("an image that is not for the chip is refused", () => {
  unfit([image({ size: 0x3f001 })], /0x0003F000, one of the pages that are the card's own/);
  unfit([image(), block(0x3fc00, Buffer.alloc(1024))], /0x0003FC00, one of the pages/);
  unfit([image(), block(0x40000, Buffer.alloc(1))], /0x00040000 to 0x00040000, where this chip has no flash/);
  unfit([image(), block(0x100010ff, Buffer.alloc(2))], /no flash/);
  unfit([image(), block(0x20000000, Buffer.alloc(2))], /no flash/);
  unfit([image({ stack: 0x20020000 })], /stack begins at 0x20020000/);
  unfit([image({ stack: 0x20000000 })], /stack begins/);
  unfit([image({ stack: 0xffffffff })], /stack begins/);
  unfit([image({ reset: 0xc0 })], /not Thumb code/);
  unfit([image({ reset: 0x40001 })], /not Thumb code/);
  unfit([image({ size: 8 }), block(0x70000, Buffer.alloc(4))], /no flash/);
  unfit([block(0, Buffer.alloc(4))], /not a whole image/);
  unfit([block(0x18000, imageBytes())], /not a whole image/);
  unfit([], /not a whole image/);
});

test.run();
