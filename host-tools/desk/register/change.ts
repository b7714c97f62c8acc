// Every modification of the register is a change: one writing transaction with one time, which adds its own entries to
// the journal.

import type { Transaction } from "kysely";
import { append, type JournalEvent } from "./journal.js";
import { refuseStranger } from "./operators.js";
import type { Register } from "./register.js";
import { timeOf } from "./registerclock.js";
import type { Tables } from "./schema.js";

/** One writing transaction. */
export interface Change {
  readonly db: Transaction<Tables>;
  /** ms since 1970; never earlier than the latest time that the register has seen. */
  readonly at: number;
  readonly register: Register;
  /** Adds an entry to the journal. */
  note(event: JournalEvent): Promise<void>;
}

/**
 * Runs a change; what `run` returns is committed. `run` may be called again, so it must have no effect outside the
 * transaction.
 */
export function change<T>(register: Register, run: (change: Change) => Promise<T>): Promise<T> {
  return changeAt(register, timeOf, run);
}

/**
 * Runs a change at the clock's time even if the register has seen a later time. Only commands that correct a wrong time
 * use it.
 */
export function changeAtAnyTime<T>(register: Register, run: (change: Change) => Promise<T>): Promise<T> {
  return changeAt(register, async (_, now) => now, run);
}

function changeAt<T>(register: Register, time: typeof timeOf, run: (change: Change) => Promise<T>): Promise<T> {
  const { engine, actor } = register;
  return engine.write(async (db) => {
    await register.refuseRekeyed(db);
    // Without the journal key only challenges and responses are handled, which the journal does not record.
    if (register.has("journal")) await refuseStranger(db, actor);
    const at = await time(db, await engine.now(db));
    const note = async (event: JournalEvent) => void (await append(db, register.journal, { ...event, at, actor }));
    return run({ db, at, register, note });
  });
}
