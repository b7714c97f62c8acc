// What leaves the card for everybody to read, copied so that no key leaves with it.

/**
 * Copies `length` public bytes, whose address is given twice: only bits that are set at both places are copied. Keys lie
 * beside them, and a fault in one address does not fetch those.
 */
export function copyPublic(to: usize, from: usize, again: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i) & load<u8>(again + i));
}
