// The initial state of the register campaign's cases: a register with other cards and an order, a simulated card, and the
// arguments of `dsc personalize`. Each flow exists on both engines.

import { mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { change } from "../../../host-tools/desk/register/change.js";
import type { EngineKind } from "../../../host-tools/desk/register/engine.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { addOrder } from "../../../host-tools/desk/register/orders.js";
import { Register } from "../../../host-tools/desk/register/register.js";
import { SeedingDesk } from "../../../host-tools/desk/register/seedingdesk.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { MODULE } from "../../support/cards.js";
import { ACTOR, KEYS, keysFor, newRegister, putCard, SUITE } from "../../support/openregister.js";
import { postgres } from "../../support/registers.js";
import { scratchFolder } from "../../support/scratch.js";
import { attempt } from "../../support/seeding.js";
import type { Orders } from "../hostside/orders.js";
import { type Files, type Launcher, type Outcome, SimulatedBench } from "../hostside/simulatedbench.js";

export const PIN = "8352";
export const SERIAL = "IB3000123";
/** The serial number of the order's card: the next after those of OTHERS. */
const NEXT_SERIAL = "IB3000202";
const OTHERS = ["IB3000200", "IB3000201"];
export const ORDER = 1;
export const MASTER = Buffer.from("00112233445566778899aabbccddeeff", "hex");
const OLD_MASTER = Buffer.from("ffeeddccbbaa99887766554433221100", "hex");
export const MASTERS = [MASTER, OLD_MASTER];
const BLANK = new Uint8Array(4096).fill(0xff);
/** The register's file, in the folder of a bench. */
const FILE = "desk.db";

const SECRETS: Files = {
  pin: Buffer.from(`${PIN}\n`),
  "transport.key": Buffer.from(MASTER.toString("hex")),
  "old.key": Buffer.from(OLD_MASTER.toString("hex")),
  ...Object.fromEntries(Object.entries(KEYS).map(([kind, key]) => [`${kind}.key`, Buffer.from(key.toString("hex"))])),
};

const REQUEST: Request = {
  ...{ serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5, pin: PIN, transport: MASTER },
};

/** A card that is off. Its seed is fixed, so a blank card gets the same id in every case. */
export function cardWith(flash: Uint8Array): Card {
  return new Card(MODULE, { flash: new Flash(flash), seed: 7 });
}

/** One way to personalize a card. */
export interface Flow {
  readonly name: string;
  /** The same as `options`, for a rerun in this process. */
  readonly request: Request;
  readonly order: number | undefined;
  readonly options: readonly string[];
  /** Whether the register has seeded the card before, under other transport keys. */
  readonly isUsed: boolean;
  /** The version of the card's transport keys at the end. */
  readonly kvn: number;
}

const NEW_KEYS = ["--transport", "@transport.key"];
const GIVEN = ["--serial", SERIAL, "--pin-file", "@pin", ...NEW_KEYS];

export const FLOWS: readonly Flow[] = [
  { name: "fresh", request: REQUEST, order: undefined, options: GIVEN, isUsed: false, kvn: 1 },
  {
    ...{ name: "order", order: ORDER, options: ["--order", String(ORDER), ...NEW_KEYS], isUsed: false, kvn: 1 },
    request: { ...REQUEST, serial: NEXT_SERIAL },
  },
  {
    ...{ name: "reseed", order: undefined, isUsed: true, kvn: 2 },
    request: { ...REQUEST, transportOld: OLD_MASTER, reseed: true },
    options: [...GIVEN, "--transport-old", "@old.key", "--reseed"],
  },
];

/** The initial state of a flow on an engine. */
export interface Scene {
  readonly flow: Flow;
  readonly kind: EngineKind;
  readonly flash: Uint8Array;
  /** The register's file; undefined on PostgreSQL. */
  readonly file: Buffer | undefined;
  /** The database from which each case gets a copy; undefined for a file. */
  readonly template: string | undefined;
}

const scenes = new Map<string, Promise<Scene>>();

export function sceneOf(flow: Flow, kind: EngineKind): Promise<Scene> {
  const name = `${flow.name} ${kind}`;
  const made = scenes.get(name) ?? makeScene(flow, kind);
  scenes.set(name, made);
  return made;
}

async function makeScene(flow: Flow, kind: EngineKind): Promise<Scene> {
  const template = kind === "postgres" ? await (await postgres()).database() : undefined;
  const where = template ?? join(scratchFolder(), FILE);
  const register = await newRegister(where);
  const card = cardWith(BLANK);
  try {
    for (const serial of OTHERS) await addCard(register, serial);
    const order = { userName: "jane", suite: SUITE, pinCheck: "card", tries: 5, pin: Buffer.from(PIN) } as const;
    await change(register, (one) => addOrder(one, order));
    if (flow.isUsed)
      await seedHere(register, card, { ...flow, request: { ...REQUEST, transport: OLD_MASTER } }, "bench");
  } finally {
    await register.close();
  }
  const file = template === undefined ? readFileSync(where) : undefined;
  return { flow, kind, flash: Uint8Array.from(card.flash.bytes), file, template };
}

async function addCard(register: Register, serial: string): Promise<void> {
  const cardId = serial.slice(2).padStart(16, "0");
  await putCard(register, serial, "seeded", { card_id: cardId, store_data: "answered" });
  await change(register, (one) => bindKeys(one, { serial, cardId, ...keysFor() }));
}

/** Does what `dsc personalize` does, in this process, at the bench of that name. */
export async function seedHere(register: Register, card: Card, flow: Flow, bench: string): Promise<void> {
  const desk = new SeedingDesk(register, bench);
  try {
    const { request, order } = flow;
    if (order !== undefined) await desk.order(order);
    const serial = order === undefined ? request.serial : await desk.serialOfOrder(order);
    await desk.holding(serial, () => attempt(card, { ...request, serial }, desk));
  } finally {
    desk.wipe();
  }
}

let copies = 0;

/** A bench with a scene's card and register. */
export class Desk {
  readonly scene: Scene;
  readonly bench: SimulatedBench;
  /** The file or the URL of its register. */
  readonly where: string;

  private constructor(scene: Scene, bench: SimulatedBench, where: string) {
    this.scene = scene;
    this.bench = bench;
    this.where = where;
  }

  static async at(scene: Scene, launcher?: Launcher): Promise<Desk> {
    const bench = new SimulatedBench(scene.flash, SECRETS, launcher);
    if (scene.file) {
      mkdirSync(bench.at("register"));
      return new Desk(scene, bench, bench.put(join("register", FILE), scene.file));
    }
    return new Desk(scene, bench, await copyOf(scene.template as string));
  }

  /** The arguments of `dsc personalize`. `where` may name the register by another URL, such as a proxy's. */
  args(where = this.where): string[] {
    const keys = Object.keys(KEYS).flatMap((kind) => [`--${kind}-key`, `@${kind}.key`]);
    return ["personalize", "--port", "PORT", "--register", where, ...keys, ...this.scene.flow.options];
  }

  run(orders: Orders = {}, env: NodeJS.ProcessEnv = {}, where = this.where): Promise<Outcome> {
    return this.bench.run(this.args(where), orders, "", env);
  }

  /** The folder of the register's files. */
  get folder(): string {
    return dirname(this.where);
  }

  /** The name that `dsc` gives this bench. */
  get name(): string {
    return `${hostname()}, port ${this.bench.port}`;
  }

  async close(): Promise<void> {
    this.bench.close();
    if (this.scene.template !== undefined)
      await (await postgres()).run(`DROP DATABASE ${nameOf(this.where)} WITH (FORCE)`);
  }
}

async function copyOf(template: string): Promise<string> {
  const server = await postgres();
  const name = `desk${++copies}`;
  await server.run(`CREATE DATABASE ${name} TEMPLATE ${nameOf(template)}`);
  return server.url(name);
}

/** The name of the database in a test's URL. */
function nameOf(url: string): string {
  return new URL(url.replace("@/", "@host/")).pathname.slice(1);
}

/** Opens a register, runs `use` on it, and closes it. */
export async function withOpen<T>(where: string, use: (register: Register) => Promise<T>): Promise<T> {
  const engine = await openEngine(where);
  try {
    const register = await Register.open(engine, { ...KEYS }, ACTOR);
    try {
      return await use(register);
    } finally {
      await register.close();
    }
  } finally {
    await engine.close();
  }
}
