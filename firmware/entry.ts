// The digits being typed.

const DIGITS_SIZE: u32 = 8;
/** ASCII digits, as many as `length` says. */
export const DIGITS: usize = memory.data(8);
/** A PIN kept while it is needed again: the first of two new ones, or the one the response takes. */
export const KEPT: usize = memory.data(4);

@unmanaged
class Entry {
  length: u32;
}
const entry = changetype<Entry>(memory.data(offsetof<Entry>()));

/** How many digits there are. */
export function length(): u32 {
  return entry.length;
}

/** Adds a digit; one too many for `most` is ignored. */
export function add(digit: u32, most: u32): void {
  if (entry.length >= most) return;
  store<u8>(DIGITS + entry.length, (0x30 + digit) as u8);
  entry.length++;
}

/** Keeps the first four digits aside. */
export function keep(): void {
  memory.copy(KEPT, DIGITS, 4);
}

/** Whether the first four digits are those kept. */
export function matchesKept(): bool {
  return load<u32>(DIGITS) === load<u32>(KEPT);
}

/** Clears the digits, not what is kept. */
export function clear(): void {
  memory.fill(DIGITS, 0, DIGITS_SIZE);
  entry.length = 0;
}

/** Clears the digits and what is kept. */
export function wipe(): void {
  clear();
  memory.fill(KEPT, 0, 4);
}
