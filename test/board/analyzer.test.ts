// Our own C under gcc's analyzer, which follows the paths through each function: no leak, no null pointer dereference,
// no read before a write. A planted leak and a planted null pointer are found.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildImages, IMAGES, STRICT, sourcesOf } from "../../board/builder/images.js";
import { BUILD, ROOT } from "../../host-tools/files/project.js";
import { boardTest } from "../support/board.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";

const test = suite("board: analyzer");

const FOLDER = scratchFolder();
const BOARD = join(ROOT, "board");
const INCLUDE = [BOARD, join(BOARD, "runtime"), join(BUILD, "board", "c")].map((path) => `-I${path}`);
/**
No optimization, because it may remove a leak first; no sanitizers, because the analyzer would follow their checks.
*/
const FLAGS = [...STRICT, "-fanalyzer", "-DNDEBUG", ...INCLUDE];

/** Runs the analyzer on these files. */
function analyze(compiler: string, ...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(compiler, [...FLAGS, ...args, "-O0", "-c"], { cwd: FOLDER, encoding: "utf8" });
}

boardTest(test, ["posix"], "the posix port and the host are free of warnings", () => {
  buildImages("posix");
  for (const development of [0, 1]) {
    const sources = sourcesOf(IMAGES.posix).filter((path) => development || !path.includes("development"));
    const { status, stderr } = analyze("cc", `-DDEVELOPMENT=${development}`, ...sources);
    assert.is(status, 0, stderr);
  }
});

boardTest(test, ["development", "production"], "the ports to a Cortex-M and the host are free of warnings", () => {
  buildImages("production");
  for (const { compiler, flags, ...image } of [IMAGES.development, IMAGES.production, IMAGES.template]) {
    const { status, stderr } = analyze(compiler, ...flags, ...sourcesOf({ compiler, flags, ...image }));
    assert.is(status, 0, stderr);
  }
});

boardTest(test, ["posix"], "a leak and a null pointer are found", () => {
  buildImages("posix");
  const planted = {
    "-Wanalyzer-malloc-leak": "void planted(void);\nvoid planted(void) { char *p = malloc(4); if (p) p[0] = 1; }",
    "-Wanalyzer-null-dereference": "int planted(void);\nint planted(void) { const int *p = NULL; return *p; }",
  };
  const card = readFileSync(join(BOARD, "card.c"), "utf8");
  for (const [warning, code] of Object.entries(planted)) {
    const source = join(FOLDER, "planted.c");
    writeFileSync(source, `#include <stdlib.h>\n${card}\n${code}\n`);
    const { status, stderr } = analyze("cc", "-DDEVELOPMENT=1", source);
    assert.is(status, 1, "nothing is found");
    assert.match(stderr, warning.replace("-W", "-Werror="));
  }
});

test.run();
