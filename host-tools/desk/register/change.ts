// Whatever changes the register is a change: one writing transaction with one time, which adds its own entries to the
// journal.

import type { Transaction } from "kysely";
import { append, type JournalEvent } from "./journal.js";
import { refuseStranger } from "./operators.js";
import type { Register } from "./register.js";
import { timeOf } from "./registerclock.js";
import type { Tables } from "./schema.js";

/** One writing transaction. */
export interface Change {
  readonly db: Transaction<Tables>;
  /** ms since 1970: never before the latest time that the register has seen. */
  readonly at: number;
  readonly register: Register;
  /** Adds an entry to the journal. */
  note(event: JournalEvent): Promise<void>;
}

/** What `run` returns is committed. It may be called again: it has no effect outside of the transaction. */
export function change<T>(register: Register, run: (change: Change) => Promise<T>): Promise<T> {
  return changeAt(register, timeOf, run);
}

/** The same at the time that the clock says, though the register has seen a later one: for what ends a wrong time. */
export function changeAtAnyTime<T>(register: Register, run: (change: Change) => Promise<T>): Promise<T> {
  return changeAt(register, async (_, now) => now, run);
}

function changeAt<T>(register: Register, time: typeof timeOf, run: (change: Change) => Promise<T>): Promise<T> {
  const { engine, actor } = register;
  return engine.write(async (db) => {
    await register.refuseRekeyed(db);
    // Without the journal key nothing is done that the journal tells of: challenges and responses.
    if (register.has("journal")) await refuseStranger(db, actor);
    const at = await time(db, await engine.now(db));
    const note = async (event: JournalEvent) => void (await append(db, register.journal, { ...event, at, actor }));
    return run({ db, at, register, note });
  });
}
