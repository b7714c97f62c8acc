// CRC-32 (ISO 3309), as zip files have it.

import { gzipSync } from "node:zlib";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { crc32 } from "../../support/crypto.js";
import { pattern } from "../../support/pattern.js";
import { suite } from "../../support/suite.js";

const crc = suite("crc32");

/** zlib's CRC-32: a gzip file ends in it and in the length (RFC 1952 §2.3.1). Node 20 has no other way to it. */
function zlibCrc32(data: Uint8Array): number {
  const file = gzipSync(data);
  return file.readUInt32LE(file.length - 8);
}

crc('the check value of "123456789" is the well-known one', () => {
  assert.is(crc32(Buffer.from("123456789")), 0xcbf43926);
});

crc("the CRC of every length from 0 to 300 bytes is zlib's", () => {
  for (let length = 0; length <= 300; length++)
    assert.is(crc32(pattern(length)), zlibCrc32(pattern(length)), `${length} bytes`);
});

crc("the CRC of one text as the seed of the next gives the CRC of both", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
      assert.is(crc32(second, crc32(first)), zlibCrc32(Buffer.concat([first, second])));
    }),
    { numRuns: 300 },
  );
});

crc.run();
