// Four benches that seed at once in a register that has 2,000 cards, on both engines: all wait for each other and finish.

import * as assert from "uvu/assert";
import { checkRegister } from "../../../../host-tools/desk/register/check.js";
import { SeedingDesk } from "../../../../host-tools/desk/register/seedingdesk.js";
import type { Request } from "../../../../host-tools/desk/request.js";
import { blankCard } from "../../../support/cards.js";
import { NOON, onEachEngine, SUITE } from "../../../support/openregister.js";
import { pattern } from "../../../support/pattern.js";
import { attempt, statusOf } from "../../../support/seeding.js";
import { suite } from "../../../support/suite.js";

const test = suite("benches");

const BENCHES = 4;
const CARDS = 2000;
/** Rows in one statement. */
const PIECE = 500;
const REQUEST: Omit<Request, "serial"> = {
  ...{ suite: SUITE, pinCheck: "card", tries: 5, pin: "8352", transport: pattern(16) },
};

onEachEngine(test, `${BENCHES} benches seed at once in a register of ${CARDS} cards, and all finish`, async (rig) => {
  const { register, again } = rig;
  const settings = { suite: SUITE, pin_check: "card", tries: 5, store_data: "answered", put_key: "done" } as const;
  const row = (at: number) => ({
    ...{ serial: `IB300${String(at).padStart(4, "0")}`, state: "seeded" as const },
    ...{ ...settings, created: NOON, changed: NOON },
  });
  for (let from = 1; from <= CARDS; from += PIECE)
    await register.engine.write((db) =>
      db
        .insertInto("cards")
        .values(Array.from({ length: PIECE }, (_, at) => row(from + at)))
        .execute(),
    );
  const registers = await Promise.all(Array.from({ length: BENCHES }, () => again()));
  const seeded = await Promise.all(
    registers.map(async (each, bench) => {
      const desk = new SeedingDesk(each, `bench ${bench}`);
      const card = blankCard({ seed: 30 + bench });
      const serial = await desk.serialFor((await statusOf(card)).id);
      await desk.holding(serial, () => attempt(card, { ...REQUEST, serial }, desk));
      return serial;
    }),
  );
  assert.equal(seeded.sort(), ["IB3002001", "IB3002002", "IB3002003", "IB3002004"]);
  const report = await checkRegister(register);
  assert.equal([report.findings, report.cards], [[], CARDS + BENCHES]);
  assert.equal(await register.engine.read((db) => db.selectFrom("claims").selectAll().execute()), []);
});

test.run();
