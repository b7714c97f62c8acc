// Registers with keys, on either engine, with a clock that a test sets.

import { randomBytes } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
import { change } from "../../host-tools/desk/register/change.js";
import type { Engine } from "../../host-tools/desk/register/engine.js";
import { initRegister } from "../../host-tools/desk/register/initialize.js";
import { type OpenOptions, openEngine } from "../../host-tools/desk/register/open.js";
import type { Actor } from "../../host-tools/desk/register/operators.js";
import { type CustodyKeys, Register } from "../../host-tools/desk/register/register.js";
import type { CardState, Tables } from "../../host-tools/desk/register/schema.js";
import { pattern } from "./pattern.js";
import { PLACES, type Place } from "./registers.js";
import { packageTest } from "./skipping.js";
import type { Test } from "./suite.js";

export const KEYS = { site: pattern(32, 101), desk: pattern(32, 102), journal: pattern(32, 103) } as const;
export const ACTOR = "anna";
export const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";

/** An engine whose time is the test's. */
class ClockedEngine implements Engine {
  readonly #inner: Engine;
  readonly #clock: Clock;

  constructor(inner: Engine, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  get kind() {
    return this.#inner.kind;
  }

  get where() {
    return this.#inner.where;
  }

  read<T>(run: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return this.#inner.read(run);
  }

  write<T>(run: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#inner.write(run);
  }

  async now(): Promise<number> {
    return this.#clock.now;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** ms since 1970. */
export interface Clock {
  now: number;
}

/** 2026-11-28T12:00:00Z. */
export const NOON = 1_795_867_200_000;

/** A register of a test. */
export interface Rig {
  readonly where: string;
  readonly register: Register;
  readonly clock: Clock;
  /** The same register with other keys, by another connection, or with another actor. Closed with the test. */
  again(keys?: CustodyKeys, actor?: Actor): Promise<Register>;
  /** Puts a card there by hand. */
  card(
    serial: string,
    state: CardState,
    more?: { readonly user_name?: string; readonly card_id?: string },
  ): Promise<void>;
}

export interface RigOptions {
  /** The keys of the register; default: all of them. */
  readonly keys?: CustodyKeys;
  readonly open?: OpenOptions;
  /** The initial time; default: NOON. */
  readonly now?: number;
}

/** A test of a new register, on each engine. */
export function onEachEngine(
  test: Test,
  name: string,
  body: (rig: Rig) => Promise<void>,
  options: RigOptions = {},
): void {
  for (const place of PLACES)
    packageTest(test, place.missing, `${name} (${place.kind})`, () => withRegister(place, body, options));
}

async function withRegister(place: Place, body: (rig: Rig) => Promise<void>, options: RigOptions): Promise<void> {
  const { keys = { ...KEYS }, open = {}, now = NOON } = options;
  const where = await place.fresh();
  const clock = { now };
  const opened: Register[] = [];
  const again = async (given: CustodyKeys = keys, actor: Actor = ACTOR) => {
    const engine = new ClockedEngine(await openEngine(where, open), clock);
    const register = await Register.open(engine, given, actor);
    opened.push(register);
    return register;
  };
  await make(where, keys, clock, open);
  const register = await again();
  const card: Rig["card"] = (serial, state, more = {}) => putCard(register, serial, state, more);
  try {
    await body({ where, register, clock, again, card });
  } finally {
    for (const each of opened) await each.close();
  }
}

async function make(where: string, keys: CustodyKeys, clock: Clock, open: OpenOptions): Promise<void> {
  const engine = new ClockedEngine(await openEngine(where, { ...open, create: true }), clock);
  await initRegister(engine, keys, ACTOR);
  await engine.close();
}

/** A new register at a path, open, with all keys and the real clock. Close it after use. */
export async function newRegister(where: string): Promise<Register> {
  const engine = await openEngine(where, { create: true });
  await initRegister(engine, { ...KEYS }, ACTOR);
  return Register.open(engine, { ...KEYS }, ACTOR);
}

/** Puts a card there by hand. */
export function putCard(register: Register, serial: string, state: CardState, more: object = {}): Promise<void> {
  return change(register, async ({ db, at }) => {
    const settings = { suite: SUITE, pin_check: "card", tries: 5, store_data: "unsent", put_key: "unsent" } as const;
    await db
      .insertInto("cards")
      .values({ serial, state, ...settings, created: at, changed: at, ...more })
      .execute();
  });
}

/** Keys for a card, the token key a given one or drawn. */
export function keysFor(given?: Uint8Array) {
  const origin = given ? ("given" as const) : ("drawn" as const);
  return { key: given ?? randomBytes(32), unlockKey: randomBytes(32), origin };
}

/** The reason of the RegisterError that ends `work`, and its message. */
export async function refusalOf(
  work: Promise<unknown>,
): Promise<{ readonly reason: string; readonly message: string }> {
  try {
    await work;
  } catch (error) {
    const { reason = String(error), message } = error as { reason?: string; message: string };
    return { reason, message };
  }
  return { reason: "none", message: "it was done" };
}
