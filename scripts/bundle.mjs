// Puts the compiled modules of `dsc` and of `dsc-sim`, and of packages that are plain JavaScript, into few files: to find and
// load hundreds of small ones takes longer than most commands do.
//
// A command still loads what it needs when it needs it: what `import()` loads has files of its own. Other packages are found
// in node_modules as before.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const JS = join(ROOT, "build", "js");

/** By the file to start: the module with `main`. Folders are as deep as the modules': project.ts finds the top folder so. */
const PROGRAMS = {
  "host-tools/bundle/dsc.js": "host-tools/cli/main.js",
  "sim/bundle/dsc-sim.js": "sim/cli/main.js",
};
/** Plain JavaScript, loaded with many commands. */
const BUNDLED = ["@noble/hashes", "commander", "csv-parse", "kysely", "typebox"];
/** CommonJS packages call it. */
const REQUIRE =
  'import { createRequire as requireFrom } from "node:module";\nconst require = requireFrom(import.meta.url);';

for (const [file, main] of Object.entries(PROGRAMS)) await bundle(file, main);

async function bundle(file, main) {
  const folder = join(JS, dirname(file));
  const { metafile } = await build({
    entryPoints: [{ in: join(JS, main), out: basename(file, ".js") }],
    outdir: folder,
    bundle: true,
    splitting: true,
    chunkNames: "[hash]",
    format: "esm",
    platform: "node",
    target: "node20",
    external: otherPackages(),
    banner: { js: REQUIRE },
    charset: "utf8",
    metafile: true,
    absWorkingDir: ROOT,
    logLevel: "warning",
  });
  const written = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
  for (const name of readdirSync(folder)) if (!written.has(name)) rmSync(join(folder, name));
}

/** Those that stay in node_modules. */
function otherPackages() {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !BUNDLED.includes(name));
}
