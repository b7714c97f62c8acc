// Progress bars: on a narrow terminal the text is not cut.

import * as assert from "uvu/assert";
import { layout } from "../../../host-tools/cli/progress.js";
import { suite } from "../../support/suite.js";

const test = suite("progress");

test("bar and text fit into the terminal; if they do not, only the text is shown", () => {
  for (const columns of [10, 30, 34, 35, 60, 80, 200]) {
    const { format, barsize } = layout("{step}", 26, columns);
    if (columns >= 26) assert.ok(format.replace("{bar}", "=".repeat(barsize)).length - 6 + 26 <= columns, `${columns}`);
    assert.is(format.includes("{bar}"), columns >= 34);
    assert.ok(barsize <= 40);
  }
});

test.run();
