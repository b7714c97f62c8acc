// Vectors beside the checkout, which a clone does not have: a test that relies on them fails where they are, too.

import * as assert from "uvu/assert";
import { alsoShared, vectors, withShared } from "./support/sharedvectors.js";
import { suite } from "./support/suite.js";

const test = suite("shared vectors");

const isRefused = () => assert.throws(() => vectors("scp03.json"), /outside of alsoShared/);

test("they are read only by what has looked whether they are there", async () => {
  isRefused();
  alsoShared("vectors", () => assert.ok(vectors("scp03.json")));
  isRefused();
  await alsoShared("vectors, later", async () => {
    await undefined;
    assert.ok(vectors("scp03.json"));
  });
  isRefused();
  assert.throws(() => withShared(() => assert.unreachable()));
  isRefused();
});

test.run();
