// The programs that npm runs refuse a wrong command line alike: one line that begins with their name, and exit code 2.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../host-tools/files/project.js";
import { suite } from "./support/suite.js";

const test = suite("programs that npm runs");

/** By the name of the npm script; each with command lines that it refuses. */
const PROGRAMS: Record<string, { readonly file: string; readonly wrong: readonly (readonly string[])[] }> = {
  board: {
    file: "board/cli/board.js",
    wrong: [["--frob"], ["frob"], ["--target"], ["--target", "bogus"], ["--target", "microbit", "--production"]],
  },
  "board:qemu": { file: "board/cli/qemu.js", wrong: [["--frob"], ["frob"], ["--gdb", "x"], ["--gdb"]] },
  conformance: { file: "test/conformance/main.js", wrong: [["--frob"], ["frob"], ["--target", "bogus"], ["--target"]] },
  evidence: { file: "test/evidence/main.js", wrong: [["--frob"], ["frob"]] },
  web: { file: "sim/webbuilder/main.js", wrong: [["--frob"], ["frob"], ["--port", "x"]] },
};

for (const [name, { file, wrong }] of Object.entries(PROGRAMS))
  test(`${name}: a wrong command line`, () => {
    for (const args of wrong) {
      const run = spawnSync(process.execPath, [join(ROOT, "build", "js", file), ...args], { encoding: "utf8" });
      assert.equal([run.status, run.stdout], [2, ""], `${args.join(" ")}: ${run.stderr}`);
      assert.match(run.stderr, new RegExp(`^${name}: [^\\n]+\\n$`), args.join(" "));
      assert.not.match(run.stderr, /: error: /);
    }
  });

test.run();
