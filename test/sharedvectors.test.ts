// Vectors beside the checkout are missing in a clone, so a test that reads them without a check must fail even if they
// are there.

import * as assert from "uvu/assert";
import { alsoShared, alsoSharedLater, vectors, withShared } from "./support/sharedvectors.js";
import { suite } from "./support/suite.js";

const test = suite("shared vectors");

const isRefused = () => assert.throws(() => vectors("scp03.json"), /outside of alsoShared/);

test("shared vectors are read only after a check that they exist", async () => {
  isRefused();
  alsoShared("vectors", () => assert.ok(vectors("scp03.json")));
  isRefused();
  await alsoSharedLater("vectors, later", async () => {
    await Promise.resolve();
    assert.ok(vectors("scp03.json"));
  });
  isRefused();
  const fails = () => {
    throw new Error("on purpose");
  };
  assert.throws(() => withShared(fails), /on purpose/);
  isRefused();
});

test.run();
