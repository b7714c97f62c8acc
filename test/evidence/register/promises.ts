// The promises that a register and the card at its bench must keep, at every moment and at the end (docs/EVIDENCE.md lists
// them). Checks use a copy of the card, so that they change nothing.

import { createHash } from "node:crypto";
import { Ins, Level } from "../../../firmware/wire.js";
import type { CardStatus } from "../../../host-tools/card/cardclient.js";
import { findCard } from "../../../host-tools/desk/register/cards.js";
import { checkRegister } from "../../../host-tools/desk/register/check.js";
import { claimOf } from "../../../host-tools/desk/register/claims.js";
import { orderOf } from "../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../host-tools/desk/register/register.js";
import type { KeyField } from "../../../host-tools/desk/register/schema.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { exchange, openChannel } from "../../../sim/session/cardcommands.js";
import { askUnlock, enter, failPin, login, unlockCodeOf } from "../../support/cards.js";
import { SUITE } from "../../support/openregister.js";
import { statusOf } from "../../support/seeding.js";
import { copyOf, transportKeysOf } from "../hostside/keysoncard.js";
import { type Flow, MASTERS, PIN } from "./scenes.js";

const CHALLENGE = "271828";
const TRIES = 5;

/** What is wrong, in one line; undefined if nothing is. */
export type Verdict = string | undefined;

/** What a card reports and computes. */
interface CardAnswers extends Pick<CardStatus, "id" | "life" | "testKeys" | "kvn"> {
  readonly serial: string;
  /** The response to CHALLENGE, once the card is personalized; undefined if none of the known keys opens it. */
  readonly response: string | undefined;
  /** Whether an unlock code of this unlock key unlocks the card. */
  opensWith(unlockKey: Buffer): boolean;
}

/** A pair of keys in the register. */
interface KeyPair {
  readonly serial: string;
  readonly cardId: string;
  readonly version: number;
  token?: Buffer;
  unlock?: Buffer;
}

/**
 * The first broken promise of those that hold at every moment. The register must be open with all keys; `flash` is that of
 * the card at the bench; `told` says whether `dsc` had reported the card as done.
 */
export async function brokenPromise(
  register: Register,
  flash: Uint8Array,
  flow: Flow,
  told: boolean,
): Promise<Verdict> {
  const { findings } = await checkRegister(register);
  if (findings.length > 0) return `R6: ${findings[0]}`;
  const pairs = await keyPairs(register);
  return (
    sharedKey(pairs) ?? (await ofCard(register, pairs, flash, flow)) ?? (told ? notDone(register, flow) : undefined)
  );
}

/** The first broken promise of those that hold at the end. */
export async function unfinished(register: Register, flash: Uint8Array, flow: Flow): Promise<Verdict> {
  const broken = await brokenPromise(register, flash, flow, true);
  if (broken) return broken;
  const { life, serial, kvn, testKeys } = await answersOf(flash);
  if (life !== "personalized" || serial !== flow.request.serial) return `R7: the card is ${life}, ${serial}`;
  if (kvn !== flow.kvn || testKeys) return `R7: the card has transport keys of version ${kvn}`;
  const { claim, states } = await register.engine.read(async (db) => ({
    claim: await claimOf(db, serial),
    states: await db.selectFrom("cards").select("state").execute(),
  }));
  if (claim) return "R7: the card is still claimed";
  const pending = states.filter(({ state }) => state === "pending");
  return pending.length > 0 ? "R7: a card is still pending" : undefined;
}

async function keyPairs(register: Register): Promise<KeyPair[]> {
  const rows = await register.engine.read((db) =>
    db.selectFrom("keys").selectAll().where("opener", "=", "site").execute(),
  );
  const pairs = new Map<string, KeyPair>();
  for (const { serial, card_id: cardId, field, version, sealed } of rows) {
    const name = `${serial} ${version}`;
    const pair = pairs.get(name) ?? { serial, cardId, version };
    pairs.set(name, { ...pair, ...opened(register, sealed, { serial, cardId, field, version }) });
  }
  return [...pairs.values()];
}

function opened(
  register: Register,
  sealed: Buffer,
  place: { readonly serial: string; readonly cardId: string; readonly field: KeyField; readonly version: number },
): Partial<KeyPair> {
  const key = register.site.open(sealed, place);
  if (!key) throw new Error("a key that `check` has opened does not open");
  return { [place.field]: key };
}

/** R3, checked with the keys themselves, since fingerprints are the register's own statement about them. */
function sharedKey(pairs: readonly KeyPair[]): Verdict {
  const cards = new Map<string, string>();
  for (const { token, cardId, serial } of pairs) {
    if (!token) continue;
    const name = token.toString("hex");
    const card = cards.get(name) ?? cardId;
    if (card !== cardId) return `R3: the token key of ${serial} is another card's, too`;
    cards.set(name, cardId);
  }
  return undefined;
}

/** R1, R2 and R4. */
async function ofCard(register: Register, pairs: readonly KeyPair[], flash: Uint8Array, flow: Flow): Promise<Verdict> {
  const card = await answersOf(flash);
  if (card.life === "blank" && card.testKeys) return undefined;
  const row = await register.engine.read((db) => findCard(db, card.serial));
  // Until PUT KEY, a card that is reseeded has transport keys of an earlier version.
  if (!card.testKeys && card.kvn === flow.kvn && row?.put_key === "unsent")
    return "R4: the card has transport keys that were never noted as sent";
  if (card.life === "blank") return undefined;
  if (card.response === undefined) return `R1: the card is ${card.life}, and nobody can ask it for a response`;
  const own = pairs.filter(({ cardId, serial }) => cardId === card.id && serial === card.serial);
  const pair = own.find(({ token }) => token && ocra(SUITE, token, { challenge: CHALLENGE }) === card.response);
  if (!pair) return `R1: the card is ${card.life} with a token key that the register lacks`;
  if (!pair.unlock || !card.opensWith(pair.unlock)) return "R2: the register lacks the unlock key of the card";
  const isNewest = own.every(({ version }) => version <= pair.version);
  return isNewest && row?.store_data === "unsent" ? "R4: the card has keys that were never noted as sent" : undefined;
}

/** R5. */
async function notDone(register: Register, { request, order }: Flow): Promise<Verdict> {
  const { serial } = request;
  return register.engine.read(async (db) => {
    const card = await findCard(db, serial);
    if (card?.state !== "seeded") return `R5: somebody was told that ${serial} is done, and it is ${card?.state}`;
    if (order === undefined) return undefined;
    const { state, pin } = await orderOf(db, order);
    return state === "seeded" && pin === null
      ? undefined
      : `R5: the order is ${state}, its PIN ${pin ? "kept" : "gone"}`;
  });
}

const answers = new Map<string, Promise<CardAnswers>>();

/** A card's answers depend only on its flash, so each flash is asked once. */
function answersOf(flash: Uint8Array): Promise<CardAnswers> {
  const name = createHash("sha256").update(flash).digest("hex");
  const known = answers.get(name) ?? ask(flash);
  answers.set(name, known);
  return known;
}

async function ask(flash: Uint8Array): Promise<CardAnswers> {
  const { id, serial = "", life, testKeys, kvn } = await statusOf(copyOf(flash));
  const finished = life === "blank" ? undefined : finishedCopy(flash);
  const opens = new Map<string, boolean>();
  return {
    ...{ id, serial, life, testKeys, kvn },
    response: finished && login(copyOf(finished), PIN, CHALLENGE),
    opensWith: (key) => {
      const name = key.toString("hex");
      const known = opens.get(name) ?? unlocks(finished as Uint8Array, key);
      opens.set(name, known);
      return known;
    },
  };
}

/** The flash of a copy of the card whose personalization was finished; undefined if none of MASTERS fits. */
function finishedCopy(flash: Uint8Array): Uint8Array | undefined {
  const card = copyOf(flash);
  const keys = transportKeysOf(flash, MASTERS);
  if (!keys) return undefined;
  const channel = openChannel(card, Level.FULL, keys);
  exchange(card, channel.wrap({ cla: 0x84, ins: Ins.SET_STATUS, p1: 0x80, p2: 0x0f }));
  return Uint8Array.from(card.flash.bytes);
}

function unlocks(flash: Uint8Array, unlockKey: Buffer): boolean {
  const card = copyOf(flash);
  failPin(card, TRIES);
  return enter(card, unlockCodeOf(askUnlock(card), unlockKey)) === "NEW>";
}
