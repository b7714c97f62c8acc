// The timing campaign in its short form, and mutants that it must notice.

import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import { buildImages, buildVariant } from "../../board/builder/images.js";
import { compileBinary } from "../mutants/apply.js";
import { TIMING_MUTANTS } from "../mutants/timing.js";
import { boardTest } from "../support/board.js";
import { suite } from "../support/suite.js";
import { tried } from "../support/triedmutants.js";
import { measureCrypto } from "./timing/crypto.js";
import { oddities, odditiesOf, TIMING } from "./timing.js";

const test = suite("timing");

boardTest(
  test,
  ["meter"],
  "all digits, wrong PINs, unlock codes, cryptograms and MACs take the same number of instructions",
  async () => {
    assert.equal(await oddities(buildImages("meter")), []);
  },
);

boardTest(
  test,
  ["cryptometer"],
  "AES, CMAC, HMAC and SIV take the same number of instructions for any key and message",
  async () => {
    assert.equal((await measureCrypto(buildImages("cryptometer"), 100)).failures, []);
  },
);

boardTest(test, ["meter"], "an unknown id is refused", async () => {
  const { failures } = await TIMING.run({ long: false, only: "nonsense/1", log: () => {} });
  assert.equal(failures, [{ id: "nonsense/1", what: "no case has this id" }]);
});

for (const mutant of tried(TIMING_MUTANTS)) {
  boardTest(test, ["meter"], `noticed if it does not hold: ${mutant.breaks}`, async () => {
    const module = await compileBinary(mutant);
    const folder = `mutants/${createHash("sha256").update(mutant.to).digest("hex").slice(0, 8)}`;
    // -Og compiles faster, and the fault is in the source, whatever the optimization.
    const image = buildVariant("meter", module, folder, "-Og");
    const found = await oddities(image, [mutant.measurement]);
    const telling = found.find(({ what }) => mutant.says.test(what));
    assert.ok(telling, JSON.stringify(found));
    assert.equal(await odditiesOf(image, telling.id), [telling]);
  });
}

test.run();
