// Creates a register: its id, the tags of its keys, and the first entry of its journal, in one transaction.

import type { Engine } from "./engine.js";
import { append } from "./journal.js";
import { FIRST_ACTION, JournalKey } from "./journalchain.js";
import { type CustodyKeys, writeIdentity } from "./register.js";
import { timeOf } from "./registerclock.js";

/**
 * Makes a register with an engine that was opened with `create`, for these keys: a journal key, a desk key, and a site
 * key if the register serves a site. Returns the public key that checks heads of its journal: 32 bytes.
 */
export function initRegister(engine: Engine, keys: CustodyKeys, actor: string): Promise<Buffer> {
  const { site, desk, journal } = keys;
  if (!desk || !journal) throw new RangeError("a register has a desk key and a journal key");
  return engine.write(async (db) => {
    const id = await writeIdentity(db, keys);
    const key = new JournalKey(journal, id);
    try {
      const at = await timeOf(db, await engine.now(db));
      const detail = { register: id.toString("hex"), site: site !== undefined };
      await append(db, key, { at, actor, action: FIRST_ACTION, detail });
      return key.publicKey;
    } finally {
      key.wipe();
    }
  });
}
