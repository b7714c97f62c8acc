// A bench at work on a batch, on both engines: simulated cards are plugged in, pulled, exchanged, put in twice, dead or
// already seeded, at ports that disappear and return.

import type { Kysely } from "kysely";
import * as assert from "uvu/assert";
import { Kind } from "../../../../firmware/wire.js";
import { BatchDesk, whoseFault } from "../../../../host-tools/desk/batch/batchdesk.js";
import {
  type Progress,
  type RunListener,
  type RunOptions,
  runBatch,
} from "../../../../host-tools/desk/batch/batchrun.js";
import type { PortNews } from "../../../../host-tools/desk/batch/benchport.js";
import type { ListedCard } from "../../../../host-tools/desk/batch/cardlist.js";
import { type BatchRow, batchOf, openFileBatch, rowsOf } from "../../../../host-tools/desk/register/batches.js";
import { openRowPin } from "../../../../host-tools/desk/register/batchrows.js";
import { changeSetting } from "../../../../host-tools/desk/register/enrolment.js";
import { RegisterError } from "../../../../host-tools/desk/register/errors.js";
import { currentKeys } from "../../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../../host-tools/desk/register/register.js";
import type { Tables } from "../../../../host-tools/desk/register/schema.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import { realTimer, type Timer } from "../../../../host-tools/files/waiting.js";
import { ocra } from "../../../../host-tools/seeds/ocra.js";
import type { Card } from "../../../../sim/core/card.js";
import { Flash } from "../../../../sim/core/flash.js";
import { blankCard, login, unreadableFlash } from "../../../support/cards.js";
import { onEachEngine, putCard, SUITE } from "../../../support/openregister.js";
import { askedBy, withApproval, withTwo } from "../../../support/operators.js";
import { pattern } from "../../../support/pattern.js";
import { Rack, Slot } from "../../../support/rack.js";
import { attempt, statusOf } from "../../../support/seeding.js";
import { suite } from "../../../support/suite.js";

const test = suite("bench");

const TRANSPORT = pattern(16);
const PAUSE = 5;
/** Divides the time-outs: a simulated card answers at once, and waiting for a missing one is not necessary. */
const HASTE = 50;
const timer: Timer = (ms, call) => realTimer(ms / HASTE, call);

/** More events than a test can have; reached only by an endless loop. */
const MOST_NEWS = 2000;

/** Frames from getting a row to the answer of STORE DATA: the card's status twice, a channel, STORE DATA. */
const FRAMES_TO_STORE = 17;

/** Records the events, and lets a test act on them. */
class Listener implements RunListener {
  readonly all: PortNews[] = [];
  readonly waitedFor: string[] = [];
  readonly #act: (news: PortNews) => void;
  readonly #see: (news: PortNews) => void;
  readonly #look: (listener: Listener, progress: Progress) => void;

  constructor(
    act: (news: PortNews) => void,
    see: (news: PortNews) => void,
    look: (listener: Listener, progress: Progress) => void,
  ) {
    this.#act = act;
    this.#see = see;
    this.#look = look;
  }

  news(news: PortNews): void {
    this.all.push(news);
    this.#see(news);
    // The operator acts a moment later.
    setImmediate(() => this.#act(news));
  }

  step(): void {}
  warning(): void {}

  progress(progress: Progress): void {
    this.#look(this, progress);
  }

  waiting(what: string): void {
    this.waitedFor.push(what);
  }

  /** What happened at a port, as events. */
  events(port = "a"): string[] {
    return this.all.filter((news) => news.port === port).map(({ event }) => event);
  }

  why(event: string): string | undefined {
    return this.all.find((news) => news.event === event && news.why !== undefined)?.why;
  }
}

const rowsFor = (count: number): ListedCard[] =>
  Array.from({ length: count }, (_, at) => ({ line: at + 2, suite: SUITE, pinCheck: "card", tries: 5 }));

async function openList(register: Register, cards: readonly ListedCard[]): Promise<number> {
  const contents = Buffer.from(JSON.stringify(cards.map(({ line }) => line)));
  return (await openFileBatch(register, { path: "cards.csv", contents, cards, again: false })).number;
}

/** `sharing`: another bench works on the same list. */
type WorkOptions = Partial<RunOptions> & { readonly sharing?: boolean };

async function work(
  register: Register,
  rack: Rack,
  cards: readonly ListedCard[],
  act: (news: PortNews) => void,
  { sharing = false, signal, ...options }: WorkOptions = {},
  see: (news: PortNews) => void = () => {},
) {
  const batch = await openList(register, cards);
  const desk = new BatchDesk(register, { batch, cards, request: { transport: TRANSPORT }, host: "bench" });
  const giveUp = new AbortController();
  const isStuck = stuckness(rack);
  const listener = new Listener(act, see, (all, progress) => {
    if (!sharing && isStuck(all, progress)) giveUp.abort();
  });
  const ports = [...rack.slots.keys()];
  const signals = signal ? [signal, giveUp.signal] : [giveUp.signal];
  const end = await runBatch(
    desk,
    { ports, open: rack.open, timer, pause: PAUSE, askAgain: PAUSE, ...options, signal: AbortSignal.any(signals) },
    listener,
  );
  const last = JSON.stringify(listener.all.slice(-5));
  assert.not.ok(giveUp.signal.aborted, `${end.pending} rows are pending, and no card is left for them: ${last}`);
  return { batch, end, listener };
}

/**
 * Returns, at each poll of a bench, whether it cannot finish: all ports are empty and the operator holds no card, now and at
 * the poll before; or events never end. The operator acts before the next poll.
 */
function stuckness(rack: Rack): (listener: Listener, progress: Progress) => boolean {
  let before = -1;
  return ({ all }, { pending }) => {
    const stateOf = (path: string) => all.filter(({ port }) => port === path).at(-1)?.state;
    const isEmpty = ([path, slot]: [string, Slot]) => !slot.card && stateOf(path) === "empty";
    const isIdle = rack.slots.size > 0 && [...rack.slots].every(isEmpty) && all.length === before;
    before = all.length;
    return pending > 0 && (isIdle || all.length > MOST_NEWS);
  };
}

/** Asserts that each finished row has exactly one card with its key and PIN. */
async function assertSeeded(register: Register, batch: number, cards: readonly Card[]): Promise<void> {
  const rows = await register.engine.read((db) => rowsOf(db, batch));
  for (const card of cards) {
    const { id, serial } = await statusOf(card);
    const own = rows.filter((row) => row.card_id === id);
    assert.is(own.length, 1);
    const [row] = own;
    if (!row) continue;
    assert.equal([row.serial, row.state], [serial, "done"]);
    const keys = await register.engine.read((db) => currentKeys(db, register, row.serial as string));
    const pin = openRowPin(register, row).toString();
    assert.is(login(card, pin, "271828"), ocra(SUITE, keys?.token as Buffer, { challenge: "271828" }));
  }
}

/** An operator who takes out finished cards and puts in the next ones. */
function operator(rack: Rack, stack: Card[]): (news: PortNews) => void {
  return ({ port, state }) => {
    const slot = rack.slots.get(port);
    if (!slot) return;
    if (state === "done" || state === "refused") slot.pull();
    if (state !== "empty" || slot.card) return;
    const next = stack.shift();
    if (next) slot.put(next);
  };
}

onEachEngine(
  test,
  "with a list at two ports each card is seeded and taken out, and the run ends by itself",
  async ({ register }) => {
    const rack = new Rack("a", "b");
    const cards = Array.from({ length: 5 }, (_, at) => blankCard({ seed: 100 + at }));
    const { end, batch, listener } = await work(register, rack, rowsFor(5), operator(rack, [...cards]));
    assert.equal({ ...end, here: 0 }, { done: 5, failed: 0, pending: 0, here: 0, faultyCards: 0, stopped: [] });
    assert.is(end.here, 5);
    await assertSeeded(register, batch, cards);
    assert.ok(listener.events("a").includes("seeded") && listener.events("b").includes("seeded"));
  },
);

onEachEngine(
  test,
  "a card that is connected twice, or was seeded before, is reported and not touched",
  async ({ register }) => {
    const rack = new Rack("a");
    const [first, second] = [blankCard({ seed: 200 }), blankCard({ seed: 201 })];
    const { listener, batch } = await work(register, rack, rowsFor(2), operator(rack, [first, first, second]));
    assert.is(listener.events().filter((event) => event === "known").length, 1);
    await assertSeeded(register, batch, [first, second]);
    rack.slot("a").pull();
    const third = blankCard({ seed: 202 });
    const other = await work(
      register,
      rack,
      rowsFor(1).map((card) => ({ ...card, line: 9 })),
      operator(rack, [first, third]),
    );
    assert.match(other.listener.why("foreign") ?? "", /is IB3000001, which is seeded already/);
    await assertSeeded(register, other.batch, [third]);
  },
);

/** Does something to the slot with the n-th frame that comes to it. */
function atFrame(slot: Slot, frame: number, act: (slot: Slot) => void): void {
  slot.onFrame = (each) => {
    if (each.frames === frame) act(each);
  };
}

onEachEngine(
  test,
  "a card exchanged in the middle is noticed by its id, and nothing is written to the other card",
  async ({ register }) => {
    let exchanged = 0;
    for (let frame = 10; frame < 34; frame += 2) {
      const rack = new Rack("a");
      const [first, second] = [blankCard({ seed: frame * 2 }), blankCard({ seed: frame * 2 + 1 })];
      // The first frame starts a new card, and that writes its flash.
      await statusOf(second);
      const before = Buffer.from(second.flash.bytes);
      const stack = [second, first];
      const slot = rack.slot("a");
      slot.put(first);
      const told: string[] = [];
      let begun = false;
      atFrame(slot, frame, () => {
        begun = told.includes("row") && !told.includes("seeded");
        slot.pull();
        slot.put(second);
      });
      let untouched: boolean | undefined;
      const list = rowsFor(2).map((card) => ({ ...card, line: card.line + 10 * frame }));
      const { batch } = await work(register, rack, list, operator(rack, stack), {}, ({ event }) => {
        told.push(event);
        if (event === "swapped") untouched ??= before.equals(Buffer.from(second.flash.bytes));
      });
      if (begun) {
        exchanged++;
        assert.ok(told.includes("swapped"), `frame ${frame}: ${told}`);
        assert.is(untouched, true, `frame ${frame}`);
      }
      await assertSeeded(register, batch, [first, second]);
    }
    assert.ok(exchanged >= 5, `${exchanged} exchanges`);
  },
);

onEachEngine(
  test,
  "a card pulled in the middle continues at another port, with the same serial number",
  async (rig) => {
    const { register } = rig;
    const rack = new Rack("a", "b");
    const [card, other] = [blankCard({ seed: 300 }), blankCard({ seed: 301 })];
    const slot = rack.slot("a");
    const stack: Card[] = [];
    slot.put(card);
    let serial: string | undefined;
    const lose = (news: PortNews) => {
      if (news.event !== "row" || serial !== undefined) return;
      serial = news.serial;
      // The port disappears with its card while the keys are being sent.
      const at = slot.frames;
      slot.onFrame = ({ frames }) => {
        if (frames === at + FRAMES_TO_STORE) rack.lose("a");
      };
    };
    const act = (news: PortNews) => {
      const pulled = news.event === "lost" ? slot.pull() : undefined;
      if (pulled) {
        rack.slot("b").put(pulled);
        stack.push(other);
      }
      operator(rack, stack)(news);
    };
    const { listener, batch, end } = await work(register, rack, rowsFor(2), act, {}, lose);
    assert.is(end.done, 2, JSON.stringify(listener.all));
    assert.not.ok(listener.events("a").includes("seeded"));
    await assertSeeded(register, batch, [card, other]);
    assert.is((await statusOf(card)).serial, serial);
  },
);

onEachEngine(test, "three dead cards in a row stop the port, with a line that says so", async ({ register }) => {
  const rack = new Rack("a");
  const dead = () => blankCard({ flash: new Flash(unreadableFlash()) });
  const { end, listener } = await work(register, rack, rowsFor(1), operator(rack, [dead(), dead(), dead()]));
  assert.equal([end.stopped, end.pending], [["a"], 1]);
  assert.match(listener.all.at(-1)?.why ?? "", /ERROR 02/);
  assert.is(listener.all.at(-1)?.state, "stopped");
});

onEachEngine(test, "a development image is refused, and its row goes to the next card", async ({ register }) => {
  const rack = new Rack("a");
  const good = blankCard({ seed: 400 });
  const { end, listener, batch } = await work(
    register,
    rack,
    rowsFor(1),
    operator(rack, [blankCard({ seed: 401, kind: Kind.DEVELOPMENT }), good]),
  );
  assert.is(end.done, 1);
  assert.match(listener.why("failed") ?? "", /development image/);
  await assertSeeded(register, batch, [good]);
});

onEachEngine(
  test,
  "a batch never replaces keys in use: the row fails, no approval is asked for, and the other rows are done",
  async (rig) => {
    const { anna, boris } = await withTwo(rig);
    await changeSetting(anna, "approval.reseed", "yes");
    const rack = new Rack("a");
    const list = rowsFor(2).map((card, at) => (at === 0 ? { ...card, serial: "IB3000123" } : card));
    await openList(anna, list);
    await putCard(anna, "IB3000123", "active", { card_id: "0123456789abcdef" });
    const [first, second] = [blankCard({ seed: 450 }), blankCard({ seed: 451 })];
    const { end, batch } = await work(anna, rack, list, operator(rack, [first, second]));
    assert.equal([end.done, end.failed, end.pending, end.stopped], [1, 1, 0, []]);
    const [taken] = await anna.engine.read((db) => rowsOf(db, batch));
    assert.match(taken?.why ?? "", /^IB3000123 is active in the register by now, with another card; .* --reseed$/);
    assert.is((await statusOf(second)).life, "blank");
    await assertSeeded(anna, batch, [first]);
    // A card in use is refused at a port of the batch; personalized singly, it needs the approval.
    rack.slot("a").pull();
    const next = rowsFor(1).map((card) => ({ ...card, line: 9 }));
    const more = await work(anna, rack, next, operator(rack, [first, second]));
    assert.match(more.listener.why("foreign") ?? "", /which is seeded already/);
    const requests = (db: Kysely<Tables>) => db.selectFrom("approvals").selectAll().execute();
    assert.equal(await anna.engine.read(requests), []);
    const { serial = "" } = await statusOf(first);
    const reseed = () =>
      attempt(
        first,
        { serial, suite: SUITE, pinCheck: "card", tries: 5, pin: "8352", transport: TRANSPORT, reseed: true },
        new SeedingDesk(anna, "bench"),
      );
    const [row] = (await anna.engine.read((db) => rowsOf(db, batch))).filter(({ state }) => state === "done");
    assert.is(login(first, openRowPin(anna, row as BatchRow).toString(), "271828") === undefined, false);
    await withApproval(boris, reseed);
    assert.ok(login(first, "8352", "271828"));
    await askedBy(reseed());
  },
);

/** Exchanges the card for a blank one with the same id, as if it had lost what it was given. */
function relapse(slot: Slot): void {
  const card = slot.pull();
  if (card) slot.put(blankCard({ flash: new Flash(Buffer.from(card.flash.bytes)) }));
}

onEachEngine(
  test,
  "a row that fails because of its card counts as such, and other failed rows do not",
  async ({ register }) => {
    const rack = new Rack("a");
    const slot = rack.slot("a");
    const list = rowsFor(2).map((card, at) => (at === 1 ? { ...card, serial: "IB3000123" } : card));
    await openList(register, list);
    await putCard(register, "IB3000123", "active", { card_id: "0123456789abcdef" });
    const spoil = ({ event }: PortNews) => {
      if (event === "row") atFrame(slot, slot.frames + FRAMES_TO_STORE + 2, relapse);
    };
    const { end } = await work(
      register,
      rack,
      list,
      operator(rack, [blankCard({ seed: 460 }), blankCard({ seed: 461 })]),
      {},
      spoil,
    );
    assert.equal([end.done, end.failed, end.faultyCards], [0, 2, 1]);
  },
);

test("a missing approval fails its row, and the other ports continue", () => {
  assert.is(
    whoseFault(new RegisterError("dsc personalize needs the approval of a second operator", "approval")),
    "row",
  );
  const stops = new RegisterError("the server is away", "unreachable");
  assert.throws(
    () => whoseFault(stops),
    (error: unknown) => error === stops,
  );
});

onEachEngine(test, "two benches share one list", async (rig) => {
  const { register } = rig;
  const [here, there] = [new Rack("a"), new Rack("b")];
  const cards = Array.from({ length: 6 }, (_, at) => blankCard({ seed: 500 + at }));
  const list = rowsFor(6);
  const [one, other] = await Promise.all([
    work(register, here, list, operator(here, cards.slice(0, 3)), { sharing: true }),
    work(await rig.again(), there, list, operator(there, cards.slice(3)), { sharing: true }),
  ]);
  assert.is(one.batch, other.batch);
  assert.equal([one.end.done, other.end.done, one.end.here + other.end.here], [6, 6, 6]);
  await assertSeeded(register, one.batch, cards);
});

onEachEngine(
  test,
  "a run ended early finishes the current card and begins no other, and the next run continues",
  async ({ register }) => {
    const rack = new Rack("a");
    const slot = rack.slot("a");
    const [first, second] = [blankCard({ seed: 600 }), blankCard({ seed: 601 })];
    const abort = new AbortController();
    const list = rowsFor(2);
    // While the keys are being sent.
    const endIt = ({ event }: PortNews) => {
      const at = slot.frames + FRAMES_TO_STORE;
      if (event === "row") atFrame(slot, at, () => abort.abort());
    };
    const stack = [first, second];
    const one = await work(register, rack, list, operator(rack, stack), { signal: abort.signal }, endIt);
    assert.equal([one.end.done, one.end.pending, stack.length], [1, 1, 1]);
    assert.is((await statusOf(first)).life, "personalized");
    assert.is(one.listener.all.at(-1)?.state, "ended");
    assert.match(one.listener.waitedFor.join(), /being seeded; Ctrl-C once more/);
    slot.pull();
    const two = await work(register, rack, list, operator(rack, stack));
    assert.is(two.end.done, 2);
    await assertSeeded(register, two.batch, [first, second]);
  },
);

onEachEngine(test, "without named ports all ports are used, also those that appear later", async ({ register }) => {
  const rack = new Rack();
  const cards = [blankCard({ seed: 650 }), blankCard({ seed: 651 })];
  const later = ["a", "b"];
  const morePorts = async () => {
    const found = [...rack.slots.keys()];
    const next = later.shift();
    if (next) rack.slots.set(next, new Slot());
    return found;
  };
  const [first, second] = cards as [Card, Card];
  const ofPort: Record<string, (news: PortNews) => void> = {
    a: operator(rack, [first]),
    b: operator(rack, [second]),
  };
  const act = (news: PortNews) => ofPort[news.port]?.(news);
  const { end, listener, batch } = await work(register, rack, rowsFor(2), act, { ports: [], morePorts });
  assert.equal([end.done, end.stopped], [2, []]);
  assert.equal(listener.waitedFor, ["a serial port; plug one in"], "said once, while there was none");
  for (const port of ["a", "b"]) assert.ok(listener.events(port).includes("opened"), port);
  await assertSeeded(register, batch, cards);
});

onEachEngine(test, "a register that fails ends the bench with its error", async ({ register, again }) => {
  const rack = new Rack("a");
  rack.slot("a").put(blankCard({ seed: 700 }));
  const other = await again();
  const failing = work(other, rack, rowsFor(1), (news) => {
    if (news.event === "card") void other.engine.close();
  });
  assert.match(String(await failing.catch((error: unknown) => error)), /closed/);
  const [batch] = await register.engine.read((db) => db.selectFrom("batches").select("number").execute());
  assert.is((await register.engine.read((db) => batchOf(db, batch?.number as number))).state, "open");
});

test.run();
