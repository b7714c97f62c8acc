// Checks whether the card at a port is the one that the register describes. Nothing is written, neither to the card nor
// to the register.
//
// The check proves:
//   - by the secure channel: the card has the transport keys that the register records. Its own transport keys are
//     derived from its serial number, so no other card has them. The public test keys prove nothing;
//   - by the proof, on a card that takes any PIN (the server checks it): the card has the token key. The token key of a
//     card that checks its PIN is not proved: the proof takes the PIN, and a wrong one uses up a try.

import { Level } from "../../firmware/wire.js";
import type { CardClient, CardStatus } from "../card/cardclient.js";
import { type Master, wipeKeyset } from "../card/transportkeys.js";
import { ocra } from "../seeds/ocra.js";
import { closeQuietly, openFirst, refuseChanged } from "./channel.js";
import { describeClaims, type ExpectedKeyset, expectedByRegister, keysetsFor } from "./expectedkeys.js";
import { isStored } from "./keyregister.js";
import { randomDigits } from "./personalize.js";
import { refuseOtherMaster } from "./refusals.js";
import { type Card, cardAtPort, progressOf } from "./register/cards.js";
import { RegisterError } from "./register/errors.js";
import { currentKey } from "./register/keys.js";
import type { Register } from "./register/register.js";
import type { CardState } from "./register/schema.js";

/** A difference between card and register. Each text is a line for people. */
export interface Difference {
  readonly what:
    | "card id"
    | "serial number"
    | "life"
    | "suite"
    | "PIN check"
    | "tries"
    | "transport keys"
    | "token key";
  readonly register: string;
  readonly card: string;
  /** The remedy. */
  readonly remedy: string;
}

export interface CardCheck {
  /** The record in the register. */
  readonly registered: Card;
  /** The card's report inside the secure channel. */
  readonly status: CardStatus;
  /** Whose transport keys opened the channel. */
  readonly transportKeys: "own" | "public";
  readonly tokenKey: "proved" | "wrong" | "not checked";
  readonly differences: readonly Difference[];
  /** Facts that are no difference but that the user should know; one line each. */
  readonly warnings: readonly string[];
}

const DIGITS = { pin: 4, challenge: 6 } as const;

const ASIDE = "put it aside: it is another card, or it was wiped later; dsc personalize --reseed gives it new keys";
const OTHERWISE = "another register seeded it; dsc personalize --reseed gives it new keys";
const ADVICE = "it is not the card that the register knows; put it aside";

const PUBLIC_KEYS =
  "the card has the public test keys, which prove nothing, since everybody knows them; dsc personalize --transport gives it its own";
const NO_ID = "the register does not know this card's id: its keys were imported, or are now in another card";
const NOT_FINISHED =
  "the personalization of the card is not finished; run dsc personalize again with the same arguments";
/** Warnings for a card in hand that the register has in one of these states. */
const NOT_IN_USE: Partial<Record<CardState, string>> = {
  lost: "the register has this card as lost; if its owner has it again, dsc card found takes it back",
  returned: "the register has this card as returned: it is refused",
  retired: "the register has this card as retired: it is refused",
};

/**
 * Compares card and register. `master`: the master key of the transport keys. Throws AuthenticationFailed if the card
 * does not have the expected transport keys, and a RegisterError ("unknown") if the register does not know the card.
 */
export async function checkCard(card: CardClient, register: Register, master: Master | undefined): Promise<CardCheck> {
  const { engine } = register;
  const before = await card.readStatus();
  const registered = await engine.read((db) => cardAtPort(db, before, engine.where));
  const progress = progressOf(registered);
  refuseOtherMaster(progress.keyset === undefined ? undefined : master, progress, engine.where);
  const keysets = keysetsFor(expectedByRegister(progress, master, engine.where), before);
  try {
    const opened = await openFirst(keysets, card, Level.FULL, ADVICE);
    const status = await card.readStatus();
    refuseChanged(before, status);
    const tokenKey = await proveTokenKey(card, register, registered, status);
    return {
      registered,
      status,
      transportKeys: opened.isPublic ? "public" : "own",
      tokenKey,
      differences: [...differencesOf(registered, status, opened), ...tokenKeyDifference(tokenKey)],
      warnings: warningsFor(registered, status, opened),
    };
  } finally {
    for (const { keyset } of keysets) wipeKeyset(keyset);
    await closeQuietly(card);
  }
}

/** Only a card that takes any PIN can prove its token key without the right one. */
async function proveTokenKey(
  card: CardClient,
  register: Register,
  registered: Card,
  status: CardStatus,
): Promise<CardCheck["tokenKey"]> {
  const isAble = status.pinCheck === "server" && status.life === "personalized" && registered.state !== "pending";
  if (!isAble || registered.pin_check !== "server" || status.suite !== registered.suite) return "not checked";
  const key = await tokenKeyOf(register, registered);
  if (!key) return "not checked";
  try {
    const [pin, challenge] = [randomDigits(DIGITS.pin), randomDigits(DIGITS.challenge)];
    const response = await card.prove(pin, challenge);
    return response === ocra(registered.suite, key, { challenge, pin }) ? "proved" : "wrong";
  } finally {
    key.fill(0);
  }
}

/** The token key; undefined if no key that opens it was given. */
async function tokenKeyOf(register: Register, { serial }: Card): Promise<Buffer | undefined> {
  try {
    return await register.engine.read((db) => currentKey(db, register, serial, "token"));
  } catch (error) {
    if (error instanceof RegisterError && error.reason === "no-key") return undefined;
    throw error;
  }
}

function tokenKeyDifference(tokenKey: CardCheck["tokenKey"]): Difference[] {
  if (tokenKey !== "wrong") return [];
  return [{ what: "token key", register: "its own", card: "another one", remedy: OTHERWISE }];
}

function differencesOf(registered: Card, status: CardStatus, { keyset, isPublic }: ExpectedKeyset): Difference[] {
  const differing = (what: Difference["what"], has: string | null, says: string | undefined, remedy: string) =>
    has === says ? [] : [{ what, register: has ?? "none", card: says ?? "none", remedy }];
  const found = registered.card_id === null ? [] : differing("card id", registered.card_id, status.id, ASIDE);
  // For a card that has not stored its keys yet, the register knows nothing to compare.
  const isSettled = registered.state !== "pending" || isStored(progressOf(registered), status);
  if (!isSettled) return found;
  const says = describeClaims(status);
  const has = describeClaims({ serial: status.serial, kvn: keyset.kvn, testKeys: isPublic });
  return [
    ...found,
    ...differing("serial number", registered.serial, status.serial, ASIDE),
    ...(registered.state === "pending" ? [] : differing("life", "personalized", status.life, ASIDE)),
    ...differing("suite", registered.suite, status.suite, OTHERWISE),
    ...differing("PIN check", registered.pin_check, status.pinCheck, OTHERWISE),
    ...differing("tries", String(registered.tries), String(status.tries), OTHERWISE),
    ...differing("transport keys", has, says, OTHERWISE),
  ];
}

function warningsFor({ card_id, state }: Card, { lock, kind }: CardStatus, { isPublic }: ExpectedKeyset): string[] {
  const inUse = NOT_IN_USE[state];
  return [
    ...(isPublic ? [PUBLIC_KEYS] : []),
    ...(card_id === null ? [NO_ID] : []),
    ...(state === "pending" ? [NOT_FINISHED] : []),
    ...(inUse === undefined ? [] : [inUse]),
    ...(lock === "none"
      ? []
      : [`the card is ${lock}: help its owner with dsc unlock, or give it new keys with dsc personalize --reseed`]),
    ...(kind === "development"
      ? ["the card is a development image: anybody at its contacts can read it; use a production image"]
      : []),
  ];
}
