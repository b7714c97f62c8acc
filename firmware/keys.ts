// Twelve contacts become keys: bounce is ignored, one key counts at a time, a hold acts once.
//
// A contact closed or open for less than BOUNCE is no change. A key is tapped when it is let go
// before HOLD, held when it is still down then. While one is down the others do nothing.

/** What the keys, or the time, tell the card. */
export enum Event {
  NONE = 0,
  /** A key went down. */
  DOWN = 1,
  /** It was let go before HOLD. */
  TAP = 2,
  /** It is still down at HOLD. */
  HOLD = 3,
  /** It was let go after that. */
  RELEASE = 4,
  /** The time that the screen gives is over. */
  TIMEOUT = 5,
}

export const KEYS: u32 = 12;
/** Milliseconds. */
const BOUNCE: u32 = 20;
const HOLD: u32 = 800;
/** Milliseconds until something happens, where nothing will. */
export const NEVER: u32 = 0x7fffffff;
const NO_KEY: u32 = 0xff;

@unmanaged
class Contacts {
  /** Bit n: contact n is closed. */
  closed: u32;
  /** Bit n: key n went down since somebody asked. */
  seen: u32;
  /** Bit n: it is, not yet for BOUNCE. */
  pending: u32;
  /** The key that is down, or NO_KEY. */
  active: u32;
  /** The key of the last event. */
  last: u32;
  /** When the active key went down, and when its contact opened if it is open. */
  downAt: u32;
  openAt: u32;
  open: bool;
  held: bool;
}
const contacts = changetype<Contacts>(memory.data(32));
/** When each pending contact closed; zero for the others, so that they do not tell what was typed. */
const CLOSED_AT: usize = memory.data(48);

/** The key of the event that `next` returned last. */
export function key(): u32 {
  return contacts.last;
}

/** Forgets all contacts. */
export function reset(): void {
  contacts.closed = 0;
  contacts.pending = 0;
  contacts.active = NO_KEY;
}

/** The keys that went down since `watch`, bit n for key n, and watches on. */
export function takeSeen(): u32 {
  const seen = contacts.seen;
  contacts.seen = 0;
  return seen;
}

/** Forgets which keys there were; one that is down stays down. */
export function forget(): void {
  contacts.seen = 0;
  contacts.last = NO_KEY;
}

/** Contact `key` closed at `now` (ms). */
export function close(key: u32, now: u32): void {
  const bit: u32 = 1 << key;
  if (contacts.closed & bit) return;
  contacts.closed |= bit;
  if (key === contacts.active) {
    contacts.open = false;
    return;
  }
  contacts.pending |= bit;
  store<u32>(CLOSED_AT + (key << 2), now);
}

/** Contact `key` opened at `now` (ms). */
export function open(key: u32, now: u32): void {
  const bit: u32 = 1 << key;
  if (!(contacts.closed & bit)) return;
  contacts.closed &= ~bit;
  take(key);
  if (key !== contacts.active) return;
  contacts.open = true;
  contacts.openAt = now;
}

/** Milliseconds from `now` until `next` has something, or NEVER. */
export function due(now: u32): u32 {
  let soonest = NEVER;
  for (let key: u32 = 0; contacts.pending >> key; key++) {
    if (contacts.pending & (1 << key)) soonest = min(soonest, left(now, closedAt(key) + BOUNCE));
  }
  if (contacts.active === NO_KEY) return soonest;
  if (contacts.open) return min(soonest, left(now, contacts.openAt + BOUNCE));
  return contacts.held ? soonest : min(soonest, left(now, contacts.downAt + HOLD));
}

/** What is due at `now`, one event at a time; call again until it is NONE. */
export function next(now: u32): Event {
  if (contacts.active !== NO_KEY) {
    if (contacts.open && left(now, contacts.openAt + BOUNCE) === 0) {
      contacts.active = NO_KEY;
      return contacts.held ? Event.RELEASE : Event.TAP;
    }
    if (!contacts.open && !contacts.held && left(now, contacts.downAt + HOLD) === 0) {
      contacts.held = true;
      return Event.HOLD;
    }
  }
  for (let key: u32 = 0; contacts.pending >> key; key++) {
    if (contacts.pending & (1 << key) && left(now, closedAt(key) + BOUNCE) === 0) {
      const at = take(key);
      if (contacts.active === NO_KEY) {
        press(key, at);
        return Event.DOWN;
      }
    }
  }
  return Event.NONE;
}

/** The contact waits no longer. Returns when it closed. */
function take(key: u32): u32 {
  const at = closedAt(key);
  contacts.pending &= ~(1 << key);
  store<u32>(CLOSED_AT + (key << 2), 0);
  return at;
}

function press(key: u32, at: u32): void {
  contacts.active = key;
  contacts.last = key;
  contacts.seen |= 1 << key;
  contacts.downAt = at;
  contacts.open = false;
  contacts.held = false;
}

function closedAt(key: u32): u32 {
  return load<u32>(CLOSED_AT + (key << 2));
}

/** Milliseconds until `at`; 0 if it has come. Right across the clock's wrap at 2^32. */
function left(now: u32, at: u32): u32 {
  const span = (at - now) as i32;
  return span > 0 ? span : 0;
}
