// Personalization of one card: a plan from what is wanted, what the card says and what the seed file holds; then
// the plan step by step, each one checked on the card.
//
//   channel  a secure channel of level 33; in it the card says once more which one it is, and how far
//   keep     the keys go into the seed file, as pending, and onto the disk
//   store    the record goes into the card, which shows NO KEY from now on
//   prove    the card's response to a random challenge is the one that the key gives
//   rotate   the card gets transport keys of its own
//   finish   the card becomes a personalized one
//   mark     the seed file says that it is done
//
// The keys are on the disk before they leave for the card. While the record is pending nobody has the card in hands,
// so whatever interrupted an attempt, the next one takes the same keys and stores them again.
//
// Which transport keys the card may have, and what may be sent under them, stands in expectedkeys.ts. Where several are
// tried in turn, each has steps of its own.

import { randomFillSync, randomInt } from "node:crypto";
import { EMPTY_BATTERY, LOW_BATTERY } from "../card/battery.js";
import type { CardClient, CardStatus, SuiteSupport } from "../card/cardclient.js";
import type { HashName } from "../card/hashes.js";
import { AuthenticationFailed } from "../card/scp03.js";
import { HIGHEST_KVN, type Keyset, LOWEST_KVN, PUBLIC_KVN, wipeKeyset } from "../card/transportkeys.js";
import { CheckFailed, SeedFileError, WrongCard } from "../files/errors.js";
import { FileError } from "../files/files.js";
import { copyOfSecret, secretBytes } from "../files/secretbytes.js";
import { ocra } from "../seeds/ocra.js";
import type { PutKeyProgress, Rotation, SeedRecord, SeedState } from "../seeds/pskc.js";
import { parseSuite } from "../seeds/suite.js";
import {
  claimsPublic,
  derivedKeys,
  describeClaims,
  type ExpectedKeyset,
  expectedFor,
  keysetsFor,
  refuseOtherClaims,
} from "./expectedkeys.js";

/** What is wanted. Its secrets stay the caller's. */
export interface Request {
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  readonly tries: number;
  /** Four digits; nothing where the server judges the PIN: the card keeps none then. */
  readonly pin?: string | Uint8Array | undefined;
  /** The token key that the site already has; drawn unless given. */
  readonly key?: Uint8Array | undefined;
  /** The master key of the transport keys that the card shall have; the public test keys stay unless given. */
  readonly transport?: Uint8Array | undefined;
  /** The master key of those that it has, where that is another one. */
  readonly transportOld?: Uint8Array | undefined;
  /** A seed file that exists may get one card more. */
  readonly append?: boolean | undefined;
  /** The card may be personalized, or have been another one's. */
  readonly reseed?: boolean | undefined;
  /** The card may be a development image, which anybody at its contacts can read and blank. */
  readonly allowDevelopment?: boolean | undefined;
}

/** The seed file. */
export interface Seeds {
  readonly path: string;
  readonly exists: boolean;
  find(serial: string): SeedRecord | undefined;
  /** On return it is on the disk. */
  add(record: SeedRecord): void;
  setState(serial: string, state: SeedState): void;
  /** The same. */
  setPutKey(serial: string, putKey: PutKeyProgress): void;
}

export type Step = "channel" | WorkStep;
type WorkStep = "keep" | "store" | "prove" | "rotate" | "finish" | "mark";

/** What is done where the card has these transport keys. */
export interface Attempt extends ExpectedKeyset {
  /** The keys of its own that it gets. */
  readonly next: Keyset | undefined;
  /** Once the channel is open. */
  readonly steps: readonly WorkStep[];
}

export interface Plan {
  /** Resume: the file has keys that no finished card has. Nothing: card and file say that it is done. */
  readonly action: "seed" | "resume" | "nothing";
  /** Those of the first attempt, the channel included. */
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
  /** In this order: the first whose transport keys the card has. */
  readonly attempts: readonly Attempt[];
  /** The version of the keys of its own that the card ends with. */
  readonly keyset: number | undefined;
  /** What the card said, with no MAC on it. */
  readonly status: CardStatus;
  /** What the file holds already. */
  readonly record: SeedRecord | undefined;
}

/** The length of a key that is drawn: that of the hash (RFC 4226 §4, R6; RFC 2104 §3). */
const KEY_SIZES: Record<HashName, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };
const UNLOCK_KEY_SIZE = 32;

/** Decides what is to be done. Throws where it must not be; nothing is changed here. */
export function makePlan(request: Request, status: CardStatus, seeds: Seeds): Plan {
  const record = seeds.find(request.serial);
  refuseFirmware(request, status);
  refuseSuite(request.suite, status.suites);
  refuseOtherCard(request, status);
  if (record) refuseOtherRecord(request, record, seeds.path);
  else if (seeds.exists && !request.append)
    throw new FileError(`${seeds.path}: exists already; add the card to it with --append`, "exists");
  if (record?.state === "done") return planNothing(request, status, record, seeds.path);
  if (record) refuseAnotherCard(record, status, seeds.path);
  const expected = expectedFor(request, record, seeds.path);
  refuseOtherClaims(expected, status);
  if (!record) refusePersonalized(request, status);
  refuseEmptyBattery(status);
  const keysets = keysetsFor(expected, status);
  const keyset = record ? record.keyset : versionFor(request, status);
  const attempts = keysets.flatMap((each) => attemptsWith(each, request, status, record, keyset));
  if (attempts.length === 0) throw new AuthenticationFailed(`${seeds.path}: ${NOT_STORED}: nothing was sent; ${ANEW}`);
  return {
    action: record ? "resume" : "seed",
    steps: ["channel", ...(attempts[0]?.steps ?? [])],
    warnings: warningsFor(request, status, record),
    attempts,
    keyset,
    status,
    record,
  };
}

const NOT_STORED =
  "the card was sent its transport keys, twice, and did not answer; this one does not say that it has what was stored";
const ANEW = "if it is that card, wipe it and personalize it into another seed file";

/** A plan as people and scripts may see it. */
export function describePlan(request: Request, plan: Plan, seeds: Seeds): object {
  const { serial, suite, pinCheck, tries } = request;
  const { action, steps, warnings, keyset } = plan;
  return { action, serial, suite, pinCheck, tries, keyset: keyset ?? null, pskc: seeds.path, steps, warnings };
}

/** Zeroes the transport keys of a plan. */
export function wipePlan({ attempts }: Plan): void {
  for (const { keyset, next } of attempts) {
    wipeKeyset(keyset);
    if (next) wipeKeyset(next);
  }
}

/** Carries the plan out. `onStep` is told of each step before it is done. Returns what people should know of it. */
export async function carryOut(
  plan: Plan,
  request: Request,
  card: CardClient,
  seeds: Seeds,
  onStep: (step: Step) => void = () => {},
): Promise<string[]> {
  if (plan.action === "nothing") return [];
  let work: Work | undefined;
  try {
    onStep("channel");
    const attempt = await openFirst(plan.attempts, card);
    refuseChanged(plan.status, await card.readStatus());
    work = new Work(request, attempt, plan, card, seeds);
    for (const step of attempt.steps) {
      onStep(step);
      await work.do(step);
    }
    return attempt.steps.includes("store") || request.pin === undefined ? [] : [KEEPS_PIN];
  } finally {
    work?.wipe();
    await closeQuietly(card);
  }
}

const KEEPS_PIN =
  "the card keeps the PIN of the attempt before: the one given now was not sent, since everybody knows the transport " +
  "keys that the card still had";

/** Opens the channel with the first keys that the card has. */
async function openFirst(attempts: readonly Attempt[], card: CardClient): Promise<Attempt> {
  let refused: unknown = new Error("there is nothing to try");
  for (const attempt of attempts) {
    try {
      await card.openChannel(0x33, attempt.keyset, attempt);
      return attempt;
    } catch (error) {
      if (!(error instanceof AuthenticationFailed)) throw error;
      refused =
        attempts.length > 1 || !attempt.secretsAfter ? new AuthenticationFailed(`${error.message}; ${ANEW}`) : error;
    }
  }
  throw refused;
}

/** The plan was made with what nobody vouches for: it holds only for a card that says the same under a MAC. */
function refuseChanged(before: CardStatus, now: CardStatus): void {
  const changed = (["id", "serial", "life", "kind"] as const).filter((what) => before[what] !== now[what]);
  if (changed.length === 0) return;
  throw new AuthenticationFailed(
    `in the secure channel the card says something else than before it (${changed.join(", ")}): another card, or a ` +
      "changed line; nothing was stored",
  );
}

/** Best effort: the card closes it by itself, and another error is the one to tell. */
async function closeQuietly(card: CardClient): Promise<void> {
  if (card.level === undefined) return;
  try {
    await card.closeChannel();
  } catch {
    // The card turns off after 30 s.
  }
}

/** The steps of one plan. */
class Work {
  readonly #request: Request;
  readonly #keyset: number | undefined;
  readonly #card: CardClient;
  readonly #seeds: Seeds;
  readonly #attempt: Attempt;
  readonly #drawn: boolean;
  readonly #record: SeedRecord;
  /** The transport keys that the card has by now. */
  #now: Keyset;

  constructor(request: Request, attempt: Attempt, plan: Plan, card: CardClient, seeds: Seeds) {
    this.#request = request;
    this.#keyset = plan.keyset;
    this.#card = card;
    this.#seeds = seeds;
    this.#attempt = attempt;
    this.#now = attempt.keyset;
    this.#drawn = plan.record === undefined;
    this.#record = plan.record ?? draw(request, plan);
  }

  do(step: WorkStep): Promise<void> | void {
    switch (step) {
      case "keep":
        return this.#seeds.add({ ...this.#record, rotation: rotationOf(this.#attempt, this.#keyset) });
      case "store":
        return this.#store();
      case "prove":
        return this.#prove();
      case "rotate":
        return this.#rotate();
      case "finish":
        return this.#finish();
      case "mark":
        return this.#seeds.setState(this.#record.serial, "done");
    }
  }

  /** Zeroes keys that were drawn here; those of the file are the file's. */
  wipe(): void {
    if (!this.#drawn) return;
    this.#record.key.fill(0);
    this.#record.unlockKey?.fill(0);
  }

  async #store(): Promise<void> {
    const { serial, suite, pinCheck, key, unlockKey } = this.#record;
    if (!unlockKey) throw new SeedFileError(`${this.#seeds.path}: has no unlock key for ${serial}`);
    // Where the server judges the PIN the card keeps none, but the record has room for one.
    const { tries, pin = "0000" } = this.#request;
    await this.#card.storeData({ serial, suite, pinCheck, tries, pin, key, unlockKey }, this.#now.dek);
    await this.#expect("seeded");
  }

  async #prove(): Promise<void> {
    const { suite, key } = this.#record;
    const pin = this.#request.pin ?? randomDigits(4);
    const challenge = randomDigits(6);
    const response = await this.#card.prove(pin, challenge);
    if (response !== ocra(suite, key, { challenge, pin }))
      throw new CheckFailed("the card's response is not the one that its key gives; do not use this card");
  }

  async #rotate(): Promise<void> {
    const { next, secrets, secretsAfter } = this.#attempt;
    if (!next) return;
    const { serial } = this.#record;
    this.#seeds.setPutKey(serial, secretsAfter ? "sent" : "resent");
    await this.#card.putKey(next, this.#now.dek);
    this.#now = next;
    const { kvn, testKeys } = await this.#card.readStatus();
    if (kvn !== next.kvn || testKeys) throw new CheckFailed("the card does not say that it has its new transport keys");
    if (secretsAfter) this.#seeds.setPutKey(serial, "done");
    if (!secrets) await this.#card.openChannel(0x33, next, { secrets: secretsAfter });
  }

  async #finish(): Promise<void> {
    if (!(await this.#isFinished())) await this.#card.setPersonalized();
    await this.#expect("personalized");
  }

  /** What was just stored made the card a seeded one; a card that was not stored to may be further. */
  async #isFinished(): Promise<boolean> {
    return !this.#attempt.secretsAfter && (await this.#card.readStatus()).life === "personalized";
  }

  /** Reads back what the card says by now. */
  async #expect(life: CardStatus["life"]): Promise<void> {
    const status = await this.#card.readStatus();
    const wrong: string[] = differences(this.#request, status);
    if (status.life !== life) wrong.push("life");
    if (status.lock !== "none") wrong.push("lock");
    if (this.#request.pinCheck === "card" && status.triesLeft !== this.#request.tries) wrong.push("tries left");
    // The new keyset may still be to come.
    const kvn = life === "personalized" ? (this.#keyset ?? this.#now.kvn) : this.#now.kvn;
    if (status.kvn !== kvn || status.testKeys !== (kvn === PUBLIC_KVN)) wrong.push("keyset");
    if (wrong.length > 0) throw new CheckFailed(`the card does not say what was put on it (${wrong.join(", ")})`);
  }
}

/** What a card says of its settings that is not what was asked for. */
function differences(request: Request, status: CardStatus): string[] {
  return (["serial", "suite", "pinCheck", "tries"] as const).filter((what) => status[what] !== request[what]);
}

function draw(request: Request, { keyset, status }: Plan): SeedRecord {
  const { serial, suite, pinCheck, tries, key } = request;
  return {
    serial,
    suite,
    pinCheck,
    tries,
    key: key ? copyOfSecret(key) : randomFillSync(secretBytes(KEY_SIZES[parseSuite(suite).hash])),
    unlockKey: randomFillSync(secretBytes(UNLOCK_KEY_SIZE)),
    state: "pending",
    keyset,
    cardId: status.id,
  };
}

/** Random decimal digits. */
function randomDigits(count: number): string {
  return String(randomInt(10 ** count)).padStart(count, "0");
}

function refuseSuite(text: string, { hashes, pinHashes, digits, challenge }: SuiteSupport): void {
  const suite = parseSuite(text);
  const sizesFit = suite.digits === digits && suite.format === "N" && suite.challenge === challenge;
  const hashesFit = hashes.includes(suite.hash) && (!suite.pin || pinHashes.includes(suite.pin));
  if (!sizesFit || !hashesFit || suite.counter || suite.session || suite.step)
    throw new WrongCard(`the card does not do ${text}`);
}

/** What a card runs in, and whether it has an id by which another one is told from it. */
function refuseFirmware({ allowDevelopment }: Request, { id, kind }: CardStatus): void {
  if (id === undefined)
    throw new WrongCard(
      "this card has no card id, its firmware is of the first release: it can be read and wiped; put a newer firmware " +
        "on it to personalize it",
    );
  if (kind === "development" && !allowDevelopment)
    throw new WrongCard(
      "this card is a development image: whoever is at its contacts can read and blank it; put a production image on " +
        "it, or insist with --allow-development",
    );
}

/** Else two cards would have one token key, or a record would be marked as done that another card has. */
function refuseAnotherCard({ cardId, serial, state }: SeedRecord, { id }: CardStatus, path: string): void {
  if (cardId === undefined || cardId === id) return;
  throw new FileError(
    `${path}: has ${serial} as ${state}, begun on the card with id ${cardId}, and this is another one, with id ${id}; ` +
      "look which card is on the port (a card that was wiped is a new one: another seed file)",
    "exists",
  );
}

/** A card's own keys are derived from the serial number that it claims: it is not the card's to choose them. */
function refuseOtherCard({ serial, reseed }: Request, status: CardStatus): void {
  const isFree = status.life === "blank" && claimsPublic(status);
  if (status.serial === undefined || status.serial === serial || isFree || reseed) return;
  throw new WrongCard(`this card is ${status.serial}, not ${serial}; to make it that one, insist with --reseed`);
}

/** A card that works is not made anew by mistake. */
function refusePersonalized({ reseed }: Request, { life, serial }: CardStatus): void {
  if (life !== "personalized" || reseed) return;
  throw new WrongCard(
    `${serial} is personalized: its keys and PIN would be replaced; if that is meant, insist with --reseed`,
  );
}

/** Else keys would be kept for a card that cannot take them. */
function refuseEmptyBattery({ battery }: CardStatus): void {
  if (battery < EMPTY_BATTERY)
    throw new WrongCard(`the battery is empty: ${battery} mV, and ${EMPTY_BATTERY} are needed; put in a fresh one`);
}

/** The file's record must be what the same arguments would make. */
function refuseOtherRecord(request: Request, record: SeedRecord, path: string): void {
  const { suite, tries, key, transport } = request;
  const differences = [
    record.suite !== suite && `suite (${record.suite}, not ${suite})`,
    record.tries !== undefined && record.tries !== tries && `tries (${record.tries}, not ${tries})`,
    key !== undefined && !record.key.equals(key) && "key",
    record.state === "pending" && (record.keyset === undefined) !== (transport === undefined) && otherTransport(record),
  ].filter((difference) => difference !== false);
  if (differences.length === 0) return;
  const what = record.state === "done" ? "has that card already" : "has a pending record of that card";
  throw new FileError(
    `${path}: ${what}, with another ${differences.join(" and ")}; give the same, or use another seed file`,
  );
}

function otherTransport({ keyset }: SeedRecord): string {
  return `transport (${keyset === undefined ? "none: leave --transport out" : "its own: give --transport"})`;
}

/** The file says that it is done: so must the card. */
function planNothing(request: Request, status: CardStatus, record: SeedRecord, path: string): Plan {
  const { serial, suite } = request;
  if (status.serial !== serial || status.life !== "personalized" || status.suite !== suite)
    throw new FileError(
      `${path}: has ${serial} as done, but this card is ${describeCard(status)}; look at --serial ` +
        "(to seed this card anew: another seed file)",
      "exists",
    );
  refuseAnotherCard(record, status, path);
  refuseOtherKeyset(request, status, record, path);
  const warnings = status.testKeys ? [KEEPS_TEST_KEYS] : [];
  return { action: "nothing", steps: [], warnings, attempts: [], keyset: record.keyset, status, record };
}

function describeCard({ serial, life, suite }: CardStatus): string {
  return [serial ?? "without a serial number", life, ...(suite ? [suite] : [])].join(", ");
}

/** Where nothing would be done, the card must have the transport keys that the file tells of, and were asked for. */
function refuseOtherKeyset(request: Request, status: CardStatus, record: SeedRecord, path: string): void {
  const { keyset } = record;
  const told = keyset === undefined ? "without transport keys of its own" : `with transport keys of version ${keyset}`;
  const has = `${path}: has ${request.serial} as done ${told}`;
  if (keyset === undefined && request.transport)
    throw new FileError(`${has}; to give it some, personalize it anew into another seed file`, "exists");
  const isTold = keyset === undefined ? claimsPublic(status) : !status.testKeys && status.kvn === keyset;
  if (isTold) return;
  throw new AuthenticationFailed(`${has}, and the card says that it has ${describeClaims(status)}; put it aside`);
}

/** The version that the card's own keyset will have; nothing where it is to have none. */
function versionFor({ serial, transport, transportOld }: Request, status: CardStatus): number | undefined {
  if (!transport) return undefined;
  if (claimsPublic(status)) return LOWEST_KVN;
  // Keys are derived from the serial number, so another one needs other keys.
  const stays = transportOld === undefined && status.serial === serial;
  if (stays) return status.kvn;
  return status.kvn < HIGHEST_KVN ? status.kvn + 1 : LOWEST_KVN;
}

/** What is to be done where the card has the keys that are expected; nothing where that cannot be finished. */
function attemptsWith(
  expected: ExpectedKeyset,
  request: Request,
  status: CardStatus,
  record: SeedRecord | undefined,
  keyset: number | undefined,
): Attempt[] {
  const { serial, transport } = request;
  const wanted = transport && keyset !== undefined ? derivedKeys(transport, serial, keyset) : undefined;
  const next = wanted && !sameKeyset(wanted, expected.keyset) ? wanted : undefined;
  const steps = stepsFor(expected, request, status, record, next);
  // Without secrets the card must have them already.
  const isStored = status.life !== "blank" && differences(request, status).length === 0;
  if (steps.includes("store") || isStored) return [{ ...expected, next, steps }];
  wipeKeyset(expected.keyset);
  if (next) wipeKeyset(next);
  return [];
}

function sameKeyset(a: Keyset, b: Keyset): boolean {
  const same = (["enc", "mac", "dek"] as const).every((key) => Buffer.compare(a[key], b[key]) === 0);
  return same && a.kvn === b.kvn;
}

/** What the record says of the card's transport keys when it is made. */
function rotationOf({ isPublic, next }: Attempt, keyset: number | undefined): Rotation | undefined {
  if (keyset === undefined) return undefined;
  return { before: isPublic ? "public" : "own", putKey: next ? "unsent" : "done" };
}

function stepsFor(
  { secrets, secretsAfter, isPublic }: ExpectedKeyset,
  request: Request,
  status: CardStatus,
  record: SeedRecord | undefined,
  next: Keyset | undefined,
): WorkStep[] {
  const keep: WorkStep[] = record ? [] : ["keep"];
  const rotate: WorkStep[] = next ? ["rotate"] : [];
  if (!secretsAfter) return [...rotate, "finish", "mark"];
  // A card's own keys are derived from the serial number that it tells. Before that becomes another one they must be
  // those of the new one: or else, interrupted in between, nobody would know what they are derived from.
  const first = !secrets || (!isPublic && status.serial !== request.serial);
  const seed: WorkStep[] = first ? [...rotate, "store", "prove"] : ["store", "prove", ...rotate];
  return [...keep, ...seed, "finish", "mark"];
}

const KEEPS_TEST_KEYS =
  "the card keeps the public GlobalPlatform test keys: anyone at its contacts can wipe or reseed it (--transport)";

const SEEDED_UNDER_PUBLIC =
  "the card says that it still has the public test keys: who listens on the line learns all keys; if it should have " +
  "keys of its own, give their master key with --transport-old";

function warningsFor(request: Request, status: CardStatus, record: SeedRecord | undefined): string[] {
  const { serial, life, battery } = status;
  const warnings: string[] = [];
  const used = !record && life !== "blank" && claimsPublic(status);
  if (used && request.transport) warnings.push(SEEDED_UNDER_PUBLIC);
  if (!request.transport) warnings.push(KEEPS_TEST_KEYS);
  // What was interrupted may have come this far.
  const mayHaveThem = record !== undefined && serial === request.serial;
  const keys = mayHaveThem ? "the keys in the seed file are stored (again)" : "its keys are replaced";
  if (life === "personalized") warnings.push(`${serial} was personalized already; ${keys}`);
  if (serial !== undefined && serial !== request.serial) warnings.push(`the card was ${serial} before`);
  if (battery < LOW_BATTERY) warnings.push(`the battery is low: ${battery} mV`);
  return warnings;
}
