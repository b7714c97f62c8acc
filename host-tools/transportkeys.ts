// Which transport keys a card has: the public test keys, or its own, derived from a master key.

import type { CardStatus } from "./cardclient.js";
import { WrongCard } from "./errors.js";
import { diversificationData, diversify, type Keyset, testKeys } from "./keyset.js";
import { AuthenticationFailed } from "./scp03.js";

/** The keys of the card with that serial number. */
export function derivedKeys(master: Uint8Array, serial: string, kvn: number): Keyset {
  return diversify(master, diversificationData(serial), kvn);
}

/** The transport keys that the card has now. Throws where they cannot be known. Wipe them after use. */
export function keysOf(status: CardStatus, master: Uint8Array | undefined): Keyset {
  if (status.testKeys) return testKeys();
  if (!master) throw lacksMaster();
  if (status.serial === undefined)
    throw new WrongCard("the card has transport keys of its own but no serial number to derive them from");
  return derivedKeys(master, status.serial, status.kvn);
}

export function lacksMaster(): AuthenticationFailed {
  return new AuthenticationFailed("the card has transport keys of its own; give their master key with --transport");
}
