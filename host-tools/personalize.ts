// Personalization of one card: a plan from what is wanted, what the card says and what the seed file holds; then
// the plan step by step, each one checked on the card.
//
//   channel  a secure channel of level 33
//   keep     the keys go into the seed file, as pending, and onto the disk
//   store    the record goes into the card, which shows NO KEY from now on
//   prove    the card's response to a random challenge is the one that the key gives
//   rotate   the card gets transport keys of its own
//   finish   the card becomes a personalized one
//   mark     the seed file says that it is done
//
// The keys are on the disk before they leave for the card. While the record is pending nobody has the card in hands,
// so whatever interrupted an attempt, the next one takes the same keys and stores them again.

import { randomFillSync, randomInt } from "node:crypto";
import { EMPTY_BATTERY, LOW_BATTERY } from "./battery.js";
import type { CardClient, CardStatus, SuiteSupport } from "./cardclient.js";
import { CheckFailed, WrongCard } from "./errors.js";
import { FileError } from "./files.js";
import { HIGHEST_KVN, type Keyset, LOWEST_KVN, testKeys, wipeKeyset } from "./keyset.js";
import { type HashName, ocra, parseSuite } from "./ocra.js";
import { SeedFileError, type SeedRecord, type SeedState } from "./pskc.js";
import { copyOfSecret, secretBytes } from "./secretbytes.js";
import { derivedKeys, lacksMaster } from "./transportkeys.js";

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
  /** The card may have been another one's. */
  readonly reseed?: boolean | undefined;
}

/** The seed file. */
export interface Seeds {
  readonly path: string;
  readonly exists: boolean;
  find(serial: string): SeedRecord | undefined;
  /** On return it is on the disk. */
  add(record: SeedRecord): void;
  setState(serial: string, state: SeedState): void;
}

export type Step = "channel" | "keep" | "store" | "prove" | "rotate" | "finish" | "mark";

export interface Plan {
  /** Resume: the file has keys that no finished card has. Nothing: card and file say that it is done. */
  readonly action: "seed" | "resume" | "nothing";
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
  /** The transport keys that the card has, and those that it gets. */
  readonly keys: { readonly now: Keyset; readonly next: Keyset | undefined } | undefined;
  /** The version of the keys of its own that the card ends with. */
  readonly keyset: number | undefined;
  /** What the file holds already. */
  readonly record: SeedRecord | undefined;
}

/** The length of a key that is drawn: that of the hash (RFC 4226 §4, R6; RFC 2104 §3). */
const KEY_SIZES: Record<HashName, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };
const UNLOCK_KEY_SIZE = 32;

/** Decides what is to be done. Throws where it must not be; nothing is changed here. */
export function makePlan(request: Request, status: CardStatus, seeds: Seeds): Plan {
  const record = seeds.find(request.serial);
  refuseSuite(request.suite, status.suites);
  refuseOtherCard(request, status);
  if (record) refuseOtherRecord(request, record, seeds.path);
  else if (seeds.exists && !request.append)
    throw new FileError(`${seeds.path}: exists already; add the card to it with --append`, "exists");
  if (record?.state === "done") return planNothing(request, status, record, seeds.path);
  refuseEmptyBattery(status);
  const keyset = record ? record.keyset : keysetFor(request, status);
  const keys = keysFor(request, status, record, keyset);
  return {
    action: record ? "resume" : "seed",
    steps: stepsFor(request, status, record, keys.next),
    warnings: warningsFor(request, status, record),
    keys,
    keyset,
    record,
  };
}

/** A plan as people and scripts may see it. */
export function describePlan(request: Request, plan: Plan, seeds: Seeds): object {
  const { serial, suite, pinCheck, tries } = request;
  const { action, steps, warnings, keyset } = plan;
  return { action, serial, suite, pinCheck, tries, keyset: keyset ?? null, pskc: seeds.path, steps, warnings };
}

/** Zeroes the transport keys of a plan. */
export function wipePlan({ keys }: Plan): void {
  if (keys) wipeKeyset(keys.now);
  if (keys?.next) wipeKeyset(keys.next);
}

/** Carries the plan out. `onStep` is told of each step before it is done. */
export async function carryOut(
  plan: Plan,
  request: Request,
  card: CardClient,
  seeds: Seeds,
  onStep: (step: Step) => void = () => {},
): Promise<void> {
  if (!plan.keys) return;
  const work = new Work(request, plan.keys, plan, card, seeds);
  try {
    for (const step of plan.steps) {
      onStep(step);
      await work.do(step);
    }
  } finally {
    work.wipe();
    await closeQuietly(card);
  }
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
  readonly #next: Keyset | undefined;
  readonly #drawn: boolean;
  readonly #record: SeedRecord;
  /** The transport keys that the card has by now. */
  #now: Keyset;

  constructor(request: Request, keys: NonNullable<Plan["keys"]>, plan: Plan, card: CardClient, seeds: Seeds) {
    this.#request = request;
    this.#keyset = plan.keyset;
    this.#card = card;
    this.#seeds = seeds;
    this.#now = keys.now;
    this.#next = keys.next;
    this.#drawn = plan.record === undefined;
    this.#record = plan.record ?? draw(request, plan.keyset);
  }

  do(step: Step): Promise<void> | void {
    switch (step) {
      case "channel":
        return this.#card.openChannel(0x33, this.#now);
      case "keep":
        return this.#seeds.add(this.#record);
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
    if (!this.#next) return;
    await this.#card.putKey(this.#next, this.#now.dek);
    this.#now = this.#next;
    const { kvn } = await this.#card.readStatus();
    if (kvn !== this.#now.kvn) throw new CheckFailed("the card does not say that it has its new transport keys");
  }

  async #finish(): Promise<void> {
    await this.#card.setPersonalized();
    await this.#expect("personalized");
  }

  /** Reads back what the card says by now. */
  async #expect(life: CardStatus["life"]): Promise<void> {
    const status = await this.#card.readStatus();
    const wanted = { ...this.#request, life, lock: "none" } as const;
    const wrong = (["serial", "suite", "pinCheck", "tries", "life", "lock"] as const).filter(
      (what) => status[what] !== wanted[what],
    );
    // The new keyset may still be to come.
    const kvn = life === "personalized" ? (this.#keyset ?? this.#now.kvn) : this.#now.kvn;
    if (wrong.length > 0 || status.kvn !== kvn)
      throw new CheckFailed(`the card does not say what was put on it (${wrong.join(", ") || "keyset"})`);
  }
}

function draw(request: Request, keyset: number | undefined): SeedRecord {
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

function refuseOtherCard({ serial, reseed }: Request, status: CardStatus): void {
  if (status.serial === undefined || status.serial === serial || status.life === "blank" || reseed) return;
  throw new WrongCard(`this card is ${status.serial}, not ${serial}; to make it that one, insist with --reseed`);
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
  refuseOtherKeyset(request, status, record, path);
  const warnings = status.testKeys ? [KEEPS_TEST_KEYS] : [];
  return { action: "nothing", steps: [], warnings, keys: undefined, keyset: record.keyset, record };
}

function describeCard({ serial, life, suite }: CardStatus): string {
  return [serial ?? "without a serial number", life, ...(suite ? [suite] : [])].join(", ");
}

/** Where nothing would be done, the card must have the transport keys that were asked for, or that the file tells of. */
function refuseOtherKeyset(request: Request, status: CardStatus, record: SeedRecord, path: string): void {
  const { keyset } = record;
  if ((keyset === undefined && !request.transport) || (!status.testKeys && status.kvn === keyset)) return;
  const told = keyset === undefined ? "without transport keys of its own" : `with transport keys of version ${keyset}`;
  const has = status.testKeys ? "the public test keys" : `transport keys of version ${status.kvn}`;
  throw new FileError(
    `${path}: has ${request.serial} as done ${told}, and the card has ${has}; to give it others, ` +
      "personalize it anew into another seed file",
    "exists",
  );
}

/** The version that the card's own keyset will have; nothing where it is to have none. */
function keysetFor({ serial, transport, transportOld }: Request, status: CardStatus): number | undefined {
  if (!transport) return undefined;
  if (status.testKeys) return LOWEST_KVN;
  // Keys are derived from the serial number, so another one needs other keys.
  const stays = transportOld === undefined && status.serial === serial;
  if (stays) return status.kvn;
  return status.kvn < HIGHEST_KVN ? status.kvn + 1 : LOWEST_KVN;
}

function keysFor(
  request: Request,
  status: CardStatus,
  record: SeedRecord | undefined,
  keyset: number | undefined,
): NonNullable<Plan["keys"]> {
  const { serial, transport } = request;
  const wanted = transport && keyset !== undefined ? derivedKeys(transport, serial, keyset) : undefined;
  if (status.testKeys) return { now: testKeys(), next: wanted };
  if (!transport || !wanted) throw lacksMaster();
  // An attempt that was interrupted came this far, or they are not to change.
  const has = wanted.kvn === status.kvn && (record !== undefined || request.transportOld === undefined);
  if (has) return { now: wanted, next: undefined };
  return { now: derivedKeys(request.transportOld ?? transport, status.serial ?? serial, status.kvn), next: wanted };
}

function stepsFor(
  request: Request,
  status: CardStatus,
  record: SeedRecord | undefined,
  next: Keyset | undefined,
): Step[] {
  const keep: Step[] = record ? [] : ["keep"];
  const rotate: Step[] = next ? ["rotate"] : [];
  // A card's own keys are derived from the serial number that it tells. Before that becomes another one they must be
  // those of the new one: or else, interrupted in between, nobody would know what they are derived from.
  const first = !status.testKeys && status.serial !== request.serial;
  const seed: Step[] = first ? [...rotate, "store", "prove"] : ["store", "prove", ...rotate];
  return ["channel", ...keep, ...seed, "finish", "mark"];
}

const KEEPS_TEST_KEYS =
  "the card keeps the public GlobalPlatform test keys: anyone at its contacts can wipe or reseed it (--transport)";

function warningsFor(request: Request, status: CardStatus, record: SeedRecord | undefined): string[] {
  const { serial, life, battery } = status;
  const warnings: string[] = [];
  if (!request.transport) warnings.push(KEEPS_TEST_KEYS);
  // What was interrupted may have come this far.
  const mayHaveThem = record !== undefined && serial === request.serial;
  const keys = mayHaveThem ? "the keys in the seed file are stored (again)" : "its keys are replaced";
  if (life === "personalized") warnings.push(`${serial} was personalized already; ${keys}`);
  if (serial !== undefined && serial !== request.serial) warnings.push(`the card was ${serial} before`);
  if (battery < LOW_BATTERY) warnings.push(`the battery is low: ${battery} mV`);
  return warnings;
}
