// The digits being typed.

const DIGITS_SIZE: u32 = 8;
/** `length` ASCII digits. */
export const DIGITS: usize = memory.data(8);
/** A PIN that is needed again: the first entry of a new PIN, or the PIN that goes into the response. */
export const KEPT: usize = memory.data(4);

@unmanaged
class Entry {
  length: u32;
}
const entry = changetype<Entry>(memory.data(offsetof<Entry>()));

/** The number of digits typed. */
export function length(): u32 {
  return entry.length;
}

/** Adds a digit, unless there are `most` already. */
export function add(digit: u32, most: u32): void {
  if (entry.length >= most) return;
  store<u8>(DIGITS + entry.length, (0x30 + digit) as u8);
  entry.length++;
}

/** Copies the first four digits to KEPT. */
export function keep(): void {
  memory.copy(KEPT, DIGITS, 4);
}

/** Whether the first four digits equal KEPT. */
export function matchesKept(): bool {
  return load<u32>(DIGITS) === load<u32>(KEPT);
}

/** Clears the digits, but not KEPT. */
export function clear(): void {
  memory.fill(DIGITS, 0, DIGITS_SIZE);
  entry.length = 0;
}

/** Clears the digits and KEPT. */
export function wipe(): void {
  clear();
  memory.fill(KEPT, 0, 4);
}
