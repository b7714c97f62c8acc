// The desk's campaign in its short form: 60 cards on each engine (evidence/desk.ts has the whole).

import * as assert from "uvu/assert";
import { PLACES } from "../support/registers.js";
import { scratchFolder } from "../support/scratch.js";
import { ON_WINDOWS, packageTest, suiteUnless } from "../support/skipping.js";
import { NO_POPPLER } from "../support/tools.js";
import { runDesk } from "./desk/campaign.js";

const test = suiteUnless(ON_WINDOWS, "desk");

const CARDS = 60;

for (const place of PLACES)
  packageTest(
    test,
    place.missing ?? NO_POPPLER,
    `60 cards are seeded while cards are pulled and exchanged, ports lost and the tool killed (${place.kind})`,
    async () => {
      const { disturbances, wrong } = await runDesk({
        ...{ where: await place.fresh(), folder: scratchFolder(), cards: CARDS, seed: 7 },
      });
      assert.equal(wrong, [], JSON.stringify(disturbances));
      const { pulls, exchanges, kills } = disturbances;
      assert.ok(pulls + exchanges > 0 && kills > 0, "nothing was disturbed");
    },
  );

test.run();
