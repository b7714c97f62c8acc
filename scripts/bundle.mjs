// Bundles the compiled modules of `dsc` and `dsc-sim`, and packages in plain JavaScript, into few files. Finding and loading
// hundreds of small files would take longer than most commands.
//
// Modules that a command loads by `import()` stay in separate files, so a command still loads only the code that it
// needs. Other packages stay in node_modules.

import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const JS = join(ROOT, "build", "js");

/**
 * The module with `main` of each bundle. A bundle lies as deep in the folders as its module, since project.ts derives the
 * top folder from its own path.
 */
const PROGRAMS = {
  "host-tools/bundle/dsc.js": "host-tools/cli/main.js",
  "sim/bundle/dsc-sim.js": "sim/cli/main.js",
};
/** Packages in plain JavaScript that many commands load. */
const BUNDLED = ["@noble/hashes", "commander", "csv-parse", "kysely", "typebox"];
/** Bundled CommonJS packages call `require`. */
const REQUIRE =
  'import { createRequire as requireFrom } from "node:module";\nconst require = requireFrom(import.meta.url);';
/**
 * Commander loads node:child_process at its start, for subcommands that are programs of their own. `dsc` and `dsc-sim`
 * have none, and that module takes longer to load than commander.
 */
const NO_SUBPROGRAMS = {
  name: "no subprograms",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes("/commander/") ? { path: "child_process", namespace: "left-out" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "", loader: "js" }));
  },
};

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
    plugins: [NO_SUBPROGRAMS, withMain(join(JS, main))],
    banner: { js: REQUIRE },
    charset: "utf8",
    metafile: true,
    absWorkingDir: ROOT,
    logLevel: "warning",
  });
  const written = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
  for (const name of readdirSync(folder)) if (!written.has(name)) rmSync(join(folder, name));
}

/**
 * Makes one file of all modules that `main` needs at its start. The bundler splits modules by the entries that need
 * them, so those would be in a file for each set of commands that shares them. With an import of `main` in each module,
 * every command needs them all.
 */
function withMain(main) {
  return {
    name: "with main",
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, ({ path }) => {
        if (!path.startsWith(JS)) return;
        return { contents: `${readFileSync(path, "utf8")}\nimport ${JSON.stringify(main)};\n`, loader: "js" };
      });
    },
  };
}

/** The packages that stay in node_modules. */
function otherPackages() {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return Object.keys({ ...dependencies, ...peerDependencies }).filter((name) => !BUNDLED.includes(name));
}
