// A batch in the register of a test.

import { openFileBatch } from "../../host-tools/desk/register/batches.js";
import { pairCard } from "../../host-tools/desk/register/batchrows.js";
import type { Register } from "../../host-tools/desk/register/register.js";
import { SUITE } from "./openregister.js";

/** Opens a batch of as many cards as there are ids, which have their serial numbers and PINs and no keys yet. Returns its number. */
export async function openBatch(register: Register, cardIds: readonly string[]): Promise<number> {
  const wanted = { suite: SUITE, pinCheck: "card", tries: 5 } as const;
  const file = { path: "cards.csv", contents: Buffer.from("cards"), again: false };
  const cards = cardIds.map((_, at) => ({ line: at + 2, ...wanted }));
  const { number: batch } = await openFileBatch(register, { ...file, cards });
  const options = { batch, claimant: { bench: "a bench", process: "1" }, pinOf: () => Buffer.from("8352") };
  for (const id of cardIds) await pairCard(register, { id, serial: undefined, life: "blank", testKeys: true }, options);
  return batch;
}
