// What both engines promise, by the same tests: values, transactions, versions.

import * as assert from "uvu/assert";
import type { Engine } from "../../../../host-tools/desk/register/engine.js";
import { openEngine } from "../../../../host-tools/desk/register/open.js";
import { PLACES } from "../../../support/registers.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";

for (const place of PLACES) {
  const suiteOf = suite(`engine ${place.kind}`);
  const test = (name: string, body: (engine: Engine) => Promise<void>) =>
    packageTest(suiteOf, place.missing, name, async () => {
      const engine = await openEngine(await place.fresh(), { create: true });
      try {
        await body(engine);
      } finally {
        await engine.close();
      }
    });

  test("what was written is read by another connection", async (engine) => {
    const value = Buffer.from([0, 1, 255]);
    await engine.write((db) => db.insertInto("meta").values({ name: "x", value }).execute());
    const again = await openEngine(engine.where);
    const row = await again.read((db) => db.selectFrom("meta").selectAll().where("name", "=", "x").executeTakeFirst());
    await again.close();
    assert.ok(Buffer.isBuffer(row?.value));
    assert.equal(row, { name: "x", value });
  });

  suiteOf.run();
}
