// Copies public data into answers, in a way that keeps a fault from copying a key.

/**
 * Copies `length` public bytes. Their address is given twice, and only bits that are set at both places are copied:
 * keys lie beside public data, and a fault in one of the addresses must not fetch them.
 */
export function copyPublic(to: usize, from: usize, again: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i) & load<u8>(again + i));
}
