// Short form of the campaign faults-thumb; and it notices a check that one skip defeats.

import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import { buildImages, buildVariant } from "../../board/builder/images.js";
import { compileBinary } from "../mutants/apply.js";
import { NOT_READ_BACK } from "../mutants/single.js";
import { boardTest } from "../support/board.js";
import { suite } from "../support/suite.js";
import { Faults } from "./faultsthumb.js";

const test = suite("faults on the chip's code");

const SAMPLE = 20;
const options = { log: () => {} };

const UNTRIED = /: no try is spent, and the right PIN opens$/;

boardTest(test, ["meter"], "a skipped instruction opens nothing and gains no try", async () => {
  const { failures, figures } = await new Faults(buildImages("meter"), { all: false, sample: SAMPLE }, options).run();
  assert.equal(failures, []);
  const figure = (wanted: string) => figures.find(({ name }) => name === wanted)?.value ?? 0;
  assert.is(figure("thumb_skips"), 2 * SAMPLE);
  assert.ok(figure("thumb_lockups") <= SAMPLE / 4, "most attempts can be judged");
});

boardTest(test, ["meter"], `noticed: ${NOT_READ_BACK.breaks}`, async () => {
  const module = await compileBinary(NOT_READ_BACK);
  const folder = `mutants/${createHash("sha256").update(NOT_READ_BACK.to).digest("hex").slice(0, 8)}`;
  const image = buildVariant("meter", module, folder);
  const scale = { all: false, around: "port_flash_program", scenario: "first" };
  const { failures } = await new Faults(image, scale, options).run();
  const telling = failures.find(({ what }) => UNTRIED.test(what));
  assert.ok(telling, JSON.stringify(failures));
  const again = await new Faults(image, scale, { ...options, only: telling.id }).run();
  assert.equal(again.failures, [telling]);
});

test.run();
