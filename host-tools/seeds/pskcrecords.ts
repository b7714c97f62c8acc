// The records of a seed file: a card's key packages read and written, and how far it is. What a file is made of stands in pskc.ts.

import type { Document, Element } from "@xmldom/xmldom";
import { SeedFileError } from "../files/errors.js";
import { copyOfSecret } from "../files/secretbytes.js";
import type { Keys } from "./pskckeys.js";
import {
  aboutCard,
  appendPackages,
  cardSerialOf,
  checkWritable,
  isUnlock,
  ocraPackages,
  readSecret,
  readTokenCard,
  serialOf,
  type TokenCard,
  tokenPackage,
  unlockPackage,
} from "./pskcpackages.js";
import { children, integer, maker, quoted } from "./pskcxml.js";

export { UNLOCK_SUITE } from "./pskcpackages.js";

/** How far a card is: its keys are drawn and kept here (then it is resumed), or they are in the card. */
export type SeedState = "pending" | "done";

/** What the site knows about a card. */
export interface SeedRecord extends TokenCard {
  /** 16 to 64 bytes. */
  readonly key: Buffer;
  /** Undefined: the file has none for this card. */
  readonly unlockKey: Buffer | undefined;
  readonly state: SeedState;
  /** The version of the card's own transport keys, once they are rotated; undefined: not said. */
  readonly keyset: number | undefined;
  /** How the card comes to transport keys of its own; undefined: it gets none, or it is not said. */
  readonly rotation?: Rotation | undefined;
  /** The id of the card that the record was begun on, in hexadecimal; undefined: not said. */
  readonly cardId?: string | undefined;
}

export interface Rotation {
  /** Which transport keys the card had when its record was made: the public test keys, or its own. */
  readonly before: "public" | "own";
  readonly putKey: PutKeyProgress;
}

const PUT_KEY_PROGRESS = ["unsent", "sent", "resent", "done"] as const;
/**
 * Whether the card has its new keys. Sent: that is not known. Resent: nor is it, and they were sent a second time under
 * the public test keys. Done: it answered, or had them before.
 */
export type PutKeyProgress = (typeof PUT_KEY_PROGRESS)[number];

// Reading records

/** Puts every OCRA key of the file into `records`; keys of other algorithms are no cards of ours and are left alone. */
export function readRecords(
  container: Element,
  keys: Keys,
  records: SeedRecord[],
  unlockKeys: Map<string, Buffer>,
): void {
  const packages = ocraPackages(container);
  for (const keyPackage of packages.filter(isUnlock)) {
    const serial = cardSerialOf(serialOf(keyPackage));
    if (unlockKeys.has(serial)) throw new SeedFileError(`has two unlock keys of ${quoted(serial)}`);
    const unlockKey = aboutCard(serial, () => readSecret(keyPackage, keys));
    unlockKeys.set(serial, unlockKey);
  }
  const serials = new Set<string>();
  for (const keyPackage of packages.filter((any) => !isUnlock(any))) {
    const record = readRecord(keyPackage, keys, unlockKeys);
    records.push(record);
    if (serials.has(record.serial)) throw new SeedFileError(`has two cards ${quoted(record.serial)}`);
    serials.add(record.serial);
  }
}

function readRecord(keyPackage: Element, keys: Keys, unlockKeys: Map<string, Buffer>): SeedRecord {
  const outline = readOutline(keyPackage);
  const key = aboutCard(outline.serial, () => readSecret(keyPackage, keys));
  return { ...outline, key, unlockKey: unlockKeys.get(outline.serial) };
}

/** All of a record but its keys. */
export function readOutline(keyPackage: Element): Omit<SeedRecord, "key" | "unlockKey"> {
  const serial = serialOf(keyPackage);
  return aboutCard(serial, () => ({ ...readTokenCard(keyPackage, serial), ...readProgress(keyPackage) }));
}

function readProgress(keyPackage: Element): Pick<SeedRecord, "state" | "keyset" | "rotation" | "cardId"> {
  const mark = findMark(keyPackage);
  const keyset = mark?.getAttribute("KeysetVersion");
  const rotation = readRotation(mark);
  if (rotation && !keyset) throw new SeedFileError("has transport keys of no version");
  return {
    // Another tool's file says nothing of it: its cards are in use.
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
  if (!/^[0-9a-f]{16}$/.test(cardId)) throw new SeedFileError(`has an id that is none: ${quoted(cardId)}`);
  return { cardId };
}

function isPutKeyProgress(text: string): text is PutKeyProgress {
  return PUT_KEY_PROGRESS.some((known) => known === text);
}

function readState(state: string): SeedState {
  if (state !== "pending" && state !== "done") throw new SeedFileError(`is in state ${quoted(state)}`);
  return state;
}

// Writing records

/** Adds the packages of a card after the last one of the container. */
export function appendRecord(document: Document, container: Element, record: SeedRecord, keys: Keys): Element[] {
  const { serial, key, unlockKey } = record;
  checkWritable(record, key, unlockKey);
  const packages = [tokenPackage(document, record, key, keys, progress(document, record))];
  if (unlockKey) packages.push(unlockPackage(document, { serial, id: `${serial}-unlock` }, unlockKey, keys));
  appendPackages(document, container, packages);
  return packages;
}

function progress(document: Document, { state, keyset, rotation, cardId }: SeedRecord): Element {
  const make = maker(document);
  const mark = make("dsc:Personalization", {
    State: state,
    KeysetVersion: keyset,
    KeysBefore: rotation?.before,
    PutKey: rotation?.putKey,
    CardId: cardId,
  });
  return make("pskc:Extensions", {}, mark);
}

/** Where a package says how far its card is: in one of its Extensions, of which another tool may have some. */
function findMark(keyPackage: Element): Element | undefined {
  const extensions = children(keyPackage, "pskc:Extensions");
  return extensions.flatMap((any) => children(any, "dsc:Personalization"))[0];
}

/** The same; made where it is not. */
export function markOf(document: Document, keyPackage: Element): Element {
  const found = findMark(keyPackage);
  if (found) return found;
  const make = maker(document);
  const mark = make("dsc:Personalization", {});
  keyPackage.appendChild(make("pskc:Extensions", {}, mark));
  return mark;
}

/** Wipe its keys after use. */
export function copyOf(record: SeedRecord): SeedRecord {
  return { ...record, key: copyOfSecret(record.key), unlockKey: record.unlockKey && copyOfSecret(record.unlockKey) };
}
