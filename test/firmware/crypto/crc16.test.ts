// CRC-16/IBM-3740, the check value of frames (docs/PROTOCOL.md).

import fc from "fast-check";
import * as assert from "uvu/assert";
import { crc16 } from "../../support/crypto.js";
import { suite } from "../../support/suite.js";

const crc = suite("crc16");

/** The same, bit by bit. */
function slow(data: Uint8Array): number {
  let register = 0xffff;
  for (const byte of data) {
    register ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) register = register & 0x8000 ? (register << 1) ^ 0x1021 : register << 1;
    register &= 0xffff;
  }
  return register;
}

crc('"123456789" gives 29b1', () => {
  assert.is(crc16(Buffer.from("123456789")), 0x29b1);
});

crc("the CRC of any bytes is that of the polynomial, computed bit by bit", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (data) => assert.is(crc16(data), slow(data))));
});

crc.run();
