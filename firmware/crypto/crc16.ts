// CRC-16/IBM-3740 (polynomial 1021, register FFFF, nothing reflected): detects noise on the serial line.

/** The check value of `length` bytes at `data`; "123456789" gives 29b1. */
export function crc16(data: usize, length: u32): u32 {
  let crc: u32 = 0xffff;
  for (let i: u32 = 0; i < length; i++) {
    // Eight steps of the register at once.
    let x = (crc >> 8) ^ load<u8>(data + i);
    x ^= x >> 4;
    crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xffff;
  }
  return crc;
}
