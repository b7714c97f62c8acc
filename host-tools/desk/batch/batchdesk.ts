// A batch for the ports of one bench: the register, the contents of the list, and the keys that all its cards get.

import type { CardClient } from "../../card/cardclient.js";
import { LineClosed, NoAnswer } from "../../card/errors.js";
import { PortError, WrongCard } from "../../files/errors.js";
import { carryOut } from "../personalize.js";
import { makePlan, type Plan, type Step, wipePlan } from "../plan.js";
import {
  type Attempt,
  type Failure,
  failCard,
  failRow,
  finishRow,
  type PairedRow,
  type Pairing,
  type PresentCard,
  pairCard,
} from "../register/batchrows.js";
import { change } from "../register/change.js";
import { type Claimant, claimantAt } from "../register/claims.js";
import { RegisterError, type RegisterReason } from "../register/errors.js";
import type { Register } from "../register/register.js";
import { SeedingDesk } from "../register/seedingdesk.js";
import type { Request } from "../request.js";
import type { ListedCard } from "./cardlist.js";

/** The data that all cards of a batch share. The caller wipes the keys. */
export type BatchRequest = Pick<Request, "transport" | "transportOld" | "allowDevelopment">;

export interface BatchDeskOptions {
  readonly batch: number;
  /** The cards of the file; empty for a batch of orders. The caller wipes them. */
  readonly cards: readonly ListedCard[];
  readonly request: BatchRequest;
  /** The name of this computer, shown to benches that wait. */
  readonly host: string;
}

/** Reasons for which the row is at fault and not the register. */
const OF_ROW: readonly RegisterReason[] = ["duplicate", "damaged", "unknown", "state", "approval"];

export class BatchDesk {
  readonly batch: number;
  readonly register: Register;
  readonly #options: BatchDeskOptions;
  readonly #byLine: ReadonlyMap<number, ListedCard>;
  /** Rows that failed here because of their card, by number. */
  readonly #faulty = new Set<number>();

  constructor(register: Register, options: BatchDeskOptions) {
    this.register = register;
    this.batch = options.batch;
    this.#options = options;
    this.#byLine = new Map(options.cards.map((card) => [card.line, card]));
  }

  /** The number of rows that failed here because of their card. */
  get faultyCards(): number {
    return this.#faulty.size;
  }

  /** Looks up what the register has for the card at a port. */
  async pair(port: string, card: PresentCard): Promise<Pairing> {
    const pinOf = (line: number) => this.#byLine.get(line)?.pin;
    try {
      return await pairCard(this.register, card, { batch: this.batch, claimant: this.#claimant(port), pinOf });
    } catch (error) {
      // Another bench works on that serial number: it releases its claim, or the claim expires.
      if (error instanceof RegisterError && error.reason === "busy") return { kind: "none" };
      throw error;
    }
  }

  /** Seeds the card for its row. Returns warnings. */
  async seed(
    port: string,
    client: CardClient,
    row: PairedRow,
    onStep: (step: Step) => void,
  ): Promise<readonly string[]> {
    const claimant = this.#claimant(port);
    const done = (one: Parameters<typeof finishRow>[0]) => finishRow(one, row, claimant);
    const desk = new SeedingDesk(this.register, claimant.bench, { ...row, done });
    let plan: Plan | undefined;
    try {
      const request = this.#requestOf(row);
      const status = await client.readStatus();
      // From here on the MACs of the channel prove that it is this card; before, it may have been exchanged.
      if (status.id !== row.cardId) throw new WrongCard("this is not the card that the row was given to");
      plan = await makePlan(request, status, desk);
      // The card was already seeded by a single personalization, for this row.
      if (plan.action === "nothing") await change(this.register, done);
      else await carryOut(plan, request, client, desk, onStep);
      this.#faulty.delete(row.number);
      return plan.warnings;
    } finally {
      if (plan) wipePlan(plan);
      desk.wipe();
    }
  }

  /** Records that seeding failed. */
  async fail(port: string, row: PairedRow, failure: Failure): Promise<void> {
    const isFailed = await failRow(this.register, row, this.#claimant(port), failure);
    if (isFailed && failure.whose === "card") this.#faulty.add(row.number);
  }

  /** Records a card that cannot be used. */
  async refuse(port: string, cardId: string | undefined, why: string): Promise<void> {
    const began = await this.register.engine.now();
    const attempt: Attempt = { batch: this.batch, claimant: this.#claimant(port), cardId, began };
    await failCard(this.register, attempt, why);
  }

  #requestOf(row: PairedRow): Request {
    const { serial, suite, pinCheck, tries, pin, line, order, replaces } = row;
    const key = order ? undefined : this.#byLine.get(line)?.key;
    return { ...this.#options.request, serial, suite, pinCheck, tries, pin, key, reseed: replaces };
  }

  #claimant(port: string): Claimant {
    return claimantAt(this.#options.host, port);
  }
}

/**
 * Whether the card or its row caused an error, or the card is away. Any other error is thrown again and stops the whole
 * run.
 */
export function whoseFault(error: unknown): Failure["whose"] {
  if (error instanceof LineClosed || error instanceof NoAnswer || error instanceof PortError) return "away";
  if (error instanceof RegisterError) {
    if (error.reason === "busy") return "away";
    if (OF_ROW.includes(error.reason)) return "row";
    throw error;
  }
  if (isMistake(error)) throw error;
  return "card";
}

/** Whether the error is a mistake in this program. Errors that users see have classes of their own. */
export function isMistake(error: unknown): boolean {
  return (
    !(error instanceof Error) ||
    [Error, TypeError, RangeError, ReferenceError].some((known) => error.constructor === known)
  );
}
