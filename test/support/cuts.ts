// Power cuts at every flash operation of an action.

import * as assert from "uvu/assert";
import type { Card } from "../../sim/core/card.js";
import type { CutMode } from "../../sim/core/flash.js";

/** The cut: at the `at`-th flash operation, counted from 1. */
export interface Cut {
  readonly at: number;
  readonly mode: CutMode;
}

const BOTH: readonly CutMode[] = ["clean", "torn"];

/** The number of flash operations that `act` causes. Fails if it is 0. */
export function operationsIn(card: Card, act: () => void): number {
  const before = card.flash.operations;
  act();
  return changes(card.flash.operations - before);
}

/** Like `operationsIn`, for an asynchronous action. */
export async function operationsInAsync(card: Card, act: () => Promise<unknown>): Promise<number> {
  const before = card.flash.operations;
  await act();
  return changes(card.flash.operations - before);
}

function changes(operations: number): number {
  assert.ok(operations > 0, "it changes the flash");
  return operations;
}

/**
 * Cuts the power at each flash operation of `act`: a card from `fresh`, `act`, the cut, a new battery, power on, then
 * `check`. Returns the number of operations. Fails if there are none, or if a cut does not happen.
 */
export function everyCut(
  fresh: (cut: Cut) => Card,
  act: (card: Card) => void,
  check: (card: Card, cut: Cut) => void,
  modes: (at: number) => readonly CutMode[] = () => BOTH,
): number {
  const whole = fresh({ at: 0, mode: "clean" });
  const operations = operationsIn(whole, () => act(whole));
  for (let at = 1; at <= operations; at++) {
    for (const mode of modes(at)) {
      const card = fresh({ at, mode });
      card.cutAt(at, mode);
      act(card);
      assert.ok(card.takeCut(), `the ${mode} cut at operation ${at} of ${operations} falls`);
      assert.not(card.on);
      card.setBattery(3000);
      card.hold("press");
      check(card, { at, mode });
    }
  }
  return operations;
}
