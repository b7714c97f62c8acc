// Debouncing and holding of the twelve contacts (docs/CARD.md, Keys): the model's own implementation of the rule, in
// milliseconds.
//
//   a contact that stays for less than BOUNCE is no change     a key acts when it is released before HOLD
//   a key that is still down at HOLD is held, once             while one key is down the others are ignored

export const BOUNCE = 20;
export const HOLD = 800;
const KEYS = 12;

/** The acts of a key. `go` is the release of a key after its hold. */
export type Act = "down" | "tap" | "hold" | "go";

/** The state of the contacts. Times are of the model's clock. */
export interface Contacts {
  /** Bit n: contact n is closed. */
  closed: number;
  /** Bit n: key n is down, after debouncing. */
  down: number;
  /** When each contact that differs from its key moved. */
  moved: readonly (number | undefined)[];
  /** The key that is down and active. */
  active: { key: number; since: number; held: boolean } | undefined;
}

export function noContacts(): Contacts {
  return { closed: 0, down: 0, moved: new Array(KEYS).fill(undefined), active: undefined };
}

/** A contact closed or opened. If it moves back before BOUNCE, nothing has changed. */
export function move(keys: Contacts, key: number, closed: boolean, now: number): void {
  if (hasBit(keys.closed, key) === closed) return;
  keys.closed ^= 1 << key;
  const moved = keys.moved[key] === undefined ? now : undefined;
  keys.moved = keys.moved.map((at, n) => (n === key ? moved : at));
}

/** The time of the next event; Infinity if there is none. */
export function dueOf(keys: Contacts): number {
  let due = holdAt(keys);
  for (const at of keys.moved) if (at !== undefined && at + BOUNCE < due) due = at + BOUNCE;
  return due;
}

/**
 * The next act that is due at `now`, or undefined. Of contacts that settle at the same time, the lowest number comes
 * first.
 */
export function nextAct(keys: Contacts, now: number): { act: Act; key: number } | undefined {
  if (keys.active && holdAt(keys) <= now) {
    keys.active = { ...keys.active, held: true };
    return { act: "hold", key: keys.active.key };
  }
  for (let key = 0; key < KEYS; key++) {
    const at = keys.moved[key];
    if (at === undefined || at + BOUNCE > now) continue;
    const act = settle(keys, key, at);
    if (act) return { act, key };
  }
  return undefined;
}

function settle(keys: Contacts, key: number, at: number): Act | undefined {
  keys.moved = keys.moved.map((time, n) => (n === key ? undefined : time));
  keys.down ^= 1 << key;
  if (hasBit(keys.down, key)) {
    if (keys.active) return undefined;
    keys.active = { key, since: at, held: false };
    return "down";
  }
  if (keys.active?.key !== key) return undefined;
  const { held } = keys.active;
  keys.active = undefined;
  return held ? "go" : "tap";
}

/** A hold waits while the contact is open for a moment, since the key may have been released. */
function holdAt({ active, moved }: Contacts): number {
  if (!active || active.held || moved[active.key] !== undefined) return Number.POSITIVE_INFINITY;
  return active.since + HOLD;
}

function hasBit(bits: number, bit: number): boolean {
  return (bits & (1 << bit)) !== 0;
}
