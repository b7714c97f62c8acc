// Twelve contacts become keys: bounce is ignored, one key counts at a time, a hold acts once.
//
// A contact that changes for less than BOUNCE is ignored. A key is tapped if it is released before HOLD, and held if it
// is still down then. While one key is down, the others do nothing.

import { Event } from "./event";
import { NEVER } from "./wire";

export const KEYS: u32 = 12;
/** Milliseconds. */
const BOUNCE: u32 = 20;
const HOLD: u32 = 800;
const NO_KEY: u32 = 0xff;

@unmanaged
class Contacts {
  /** Bit n: contact n is closed. */
  closed: u32;
  /** Bit n: key n is down, after debouncing. */
  down: u32;
  /** Bit n: contact n and key n differ, but not yet for BOUNCE. */
  pending: u32;
  /** The key that counts, or NO_KEY. */
  active: u32;
  /** When the active key went down, and whether it has been held. */
  downAt: u32;
  held: bool;
  /** The key of the last event. */
  last: u32;
}
const contacts = changetype<Contacts>(memory.data(offsetof<Contacts>()));
/** When each pending contact moved. The others are zero, since old times would reveal what was typed. */
const MOVED_AT: usize = memory.data(48);

/** The key of the event that `next` returned last. */
export function key(): u32 {
  return contacts.last;
}

/** Forgets all contacts. */
export function reset(): void {
  memory.fill(changetype<usize>(contacts), 0, offsetof<Contacts>());
  memory.fill(MOVED_AT, 0, 48);
  contacts.active = NO_KEY;
}

/** Forgets the key of the last event. A key that is down stays down. */
export function forget(): void {
  contacts.last = NO_KEY;
}

/** Contact `key` closed or opened at `now` (ms). */
export function move(key: u32, closed: bool, now: u32): void {
  const bit: u32 = 1 << key;
  const was = (contacts.closed & bit) !== 0;
  if (closed === was) return;
  contacts.closed ^= bit;
  contacts.pending ^= bit;
  store<u32>(MOVED_AT + (key << 2), contacts.pending & bit ? now : 0);
}

/** Milliseconds from `now` until `next` returns an event, or NEVER. */
export function due(now: u32): u32 {
  let soonest: u32 = NEVER;
  for (let key: u32 = 0; key < KEYS; key++) {
    if (contacts.pending & (1 << key)) soonest = min(soonest, left(now, movedAt(key) + BOUNCE));
  }
  return isHolding() ? min(soonest, left(now, contacts.downAt + HOLD)) : soonest;
}

/** The next event that is due at `now`. Call it until it returns NONE. */
export function next(now: u32): Event {
  // The released key has been handled. Forget it: it may be the last digit of a PIN.
  if (contacts.active === NO_KEY) forget();
  if (isHolding() && left(now, contacts.downAt + HOLD) === 0) {
    contacts.held = true;
    return Event.HOLD;
  }
  for (let key = settled(now); key !== NO_KEY; key = settled(now)) {
    const event = settle(key);
    if (event !== Event.NONE) return event;
  }
  return Event.NONE;
}

/** The first key whose contact has differed for BOUNCE, or NO_KEY. Takes the same time for every key. */
function settled(now: u32): u32 {
  let first = NO_KEY;
  for (let key = KEYS; key-- > 0; ) {
    if (contacts.pending & (1 << key) && left(now, movedAt(key) + BOUNCE) === 0) first = key;
  }
  return first;
}

/** Whether the active key can become a hold: it is down and its contact is closed. */
function isHolding(): bool {
  return contacts.active !== NO_KEY && !contacts.held && !(contacts.pending & (1 << contacts.active));
}

/** Lets the key follow its contact. Returns NONE if the key does not count because another is down. */
function settle(key: u32): Event {
  const at = movedAt(key);
  const bit: u32 = 1 << key;
  contacts.pending &= ~bit;
  contacts.down ^= bit;
  store<u32>(MOVED_AT + (key << 2), 0);
  if (contacts.down & bit) return contacts.active === NO_KEY ? press(key, at) : Event.NONE;
  if (key !== contacts.active) return Event.NONE;
  contacts.active = NO_KEY;
  return contacts.held ? Event.RELEASE : Event.TAP;
}

function press(key: u32, at: u32): Event {
  contacts.active = key;
  contacts.last = key;
  contacts.downAt = at;
  contacts.held = false;
  return Event.DOWN;
}

function movedAt(key: u32): u32 {
  return load<u32>(MOVED_AT + (key << 2));
}

/** Milliseconds until `at`, or 0 if it has passed. Correct across the clock's wrap at 2^32. */
function left(now: u32, at: u32): u32 {
  const span = (at - now) as i32;
  return span > 0 ? span : 0;
}
