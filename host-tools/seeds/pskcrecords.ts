// The records of a seed file, as the first release wrote it. Current exports (pskcexport.ts) have neither unlock keys
// under the serial numbers of their cards, nor the progress of personalization.
//
//   KeyContainer
//     EncryptionKey   a name, or DerivedKey: how the key comes from a passphrase (§6.2)
//     MACMethod       the key of the MACs, encrypted
//     KeyPackage      one key each (§4.1), so two for a card, with the same DeviceInfo:
//       Key Id=SERIAL         KeyUsage CR: what answers challenges; and Extensions: how far its card is
//     KeyPackage
//       Key Id=SERIAL-unlock  KeyUsage Unlock: the inverse challenge-response of a locked card (§5)
//
// A MAC protects each value but not the card it belongs to (§6.1.1), so everybody who can write the file must be
// trusted.

import type { Element } from "@xmldom/xmldom";
import { SeedFileError } from "../files/errors.js";
import { aboutCard, readTokenCard, serialOf, type TokenCard } from "./pskcpackages.js";
import { children, integer, quoted } from "./pskcxml.js";

/** The progress of a card: its keys were drawn, or they are in the card. */
export type SeedState = "pending" | "done";

/** The site's record of a card. */
export interface SeedRecord extends TokenCard {
  /** 16 to 64 bytes. */
  readonly key: Buffer;
  /** undefined: the file has none for this card. */
  readonly unlockKey: Buffer | undefined;
  readonly state: SeedState;
  /** The version of the card's own transport keys, once they were rotated; undefined: not given. */
  readonly keyset: number | undefined;
  /** How the card gets its own transport keys; undefined: it gets none, or it is not given. */
  readonly rotation?: Rotation | undefined;
  /** The id of the card that the record was begun for, in hexadecimal; undefined: not given. */
  readonly cardId?: string | undefined;
}

export interface Rotation {
  /** The transport keys that the card had when its record was made: the public test keys, or its own. */
  readonly before: "public" | "own";
  readonly putKey: PutKeyProgress;
}

const PUT_KEY_PROGRESS = ["unsent", "sent", "resent", "done"] as const;
/**
 * Whether the card has its new keys. sent: unknown. resent: unknown, and they were sent a second time under the public
 * test keys. done: the card answered, or had them before.
 */
export type PutKeyProgress = (typeof PUT_KEY_PROGRESS)[number];

/** Everything in a record but its keys. */
export function readOutline(keyPackage: Element): Omit<SeedRecord, "key" | "unlockKey"> {
  const serial = serialOf(keyPackage);
  return aboutCard(serial, () => ({ ...readTokenCard(keyPackage, serial), ...readProgress(keyPackage) }));
}

function readProgress(keyPackage: Element): Pick<SeedRecord, "state" | "keyset" | "rotation" | "cardId"> {
  const mark = findMark(keyPackage);
  const keyset = mark?.getAttribute("KeysetVersion");
  const rotation = readRotation(mark);
  if (rotation && !keyset) throw new SeedFileError("has transport keys without a version");
  return {
    // Files of other tools do not say; their cards are in use.
    state: readState(mark?.getAttribute("State") ?? "done"),
    keyset: keyset ? integer(keyset, 1, 127, "KeysetVersion") : undefined,
    ...(rotation && { rotation }),
    ...readCardId(mark),
  };
}

function readRotation(mark: Element | undefined): Rotation | undefined {
  const before = mark?.getAttribute("KeysBefore");
  if (!before) return undefined;
  const putKey = mark?.getAttribute("PutKey") ?? "";
  const known = (before === "public" || before === "own") && isPutKeyProgress(putKey);
  if (!known) throw new SeedFileError(`has unknown transport keys: ${quoted(`${before}, ${putKey}`)}`);
  return { before, putKey };
}

function readCardId(mark: Element | undefined): Pick<SeedRecord, "cardId"> {
  const cardId = mark?.getAttribute("CardId");
  if (!cardId) return {};
  if (!/^[0-9a-f]{16}$/.test(cardId)) throw new SeedFileError(`has a malformed card id: ${quoted(cardId)}`);
  return { cardId };
}

function isPutKeyProgress(text: string): text is PutKeyProgress {
  return PUT_KEY_PROGRESS.some((known) => known === text);
}

function readState(state: string): SeedState {
  if (state !== "pending" && state !== "done") throw new SeedFileError(`is in state ${quoted(state)}`);
  return state;
}

/**
 * The element that gives the progress of a package's card: in one of its Extensions, since other tools may add their
 * own.
 */
function findMark(keyPackage: Element): Element | undefined {
  const extensions = children(keyPackage, "pskc:Extensions");
  return extensions.flatMap((any) => children(any, "dsc:Personalization"))[0];
}
