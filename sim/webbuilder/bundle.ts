// Builds the card for the browser: static files that contain the module, so that a loaded page fetches nothing.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { encodeRecord } from "../../host-tools/card/cardclient.js";
import { testKeys } from "../../host-tools/card/transportkeys.js";
import { BUILD, ROOT, version } from "../../host-tools/files/project.js";
import { DEMO } from "../session/demo.js";
import { FIRMWARE_FILE } from "../session/firmware.js";

const SOURCES = join(ROOT, "sim", "web");
const STATIC = join(SOURCES, "static");
/** Browsers that support everything that the pages use. */
const TARGET = ["chrome101", "firefox101", "safari16.4"];

/** The files of the page, by name. */
export type Site = ReadonlyMap<string, Uint8Array>;

/** Builds the pages in memory. */
export async function bundle(): Promise<Site> {
  const files = new Map<string, Uint8Array>();
  for (const name of readdirSync(STATIC).sort()) files.set(name, readFileSync(join(STATIC, name)));
  files.set("card.js", await script("main.ts", { DSC_SIMULATOR: version() }));
  files.set("element.js", await script("element.ts"));
  files.set("embed.js", await script("embed.ts"));
  // Last, since it contains the names of the others.
  files.set("sw.js", await script("sw.ts", { DSC_FILES: [...files.keys()], DSC_VERSION: hashOf(files) }));
  return files;
}

/** Writes the pages into `folder` (default: build/web) and returns them. */
export async function writeSite(folder = join(BUILD, "web")): Promise<Site> {
  const site = await bundle();
  mkdirSync(folder, { recursive: true });
  for (const [name, bytes] of site) writeFileSync(join(folder, name), bytes);
  return site;
}

/** A name for the bytes of all files together. */
function hashOf(files: Site): string {
  const hash = createHash("sha256");
  for (const [name, bytes] of files) hash.update(`${name} ${bytes.length} `).update(bytes);
  return hash.digest("hex").slice(0, 16);
}

/** A script with all its imports, and with `defined` inserted. */
async function script(entry: string, defined: Record<string, unknown> = {}): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(SOURCES, entry)],
    bundle: true,
    write: false,
    // Not a module: a page opened from a file may not load one.
    format: "iife",
    minify: true,
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    loader: { ".css": "text" },
    define: Object.fromEntries(Object.entries(defined).map(([name, value]) => [name, JSON.stringify(value)])),
    plugins: [madeHere()],
  });
  return (outputFiles[0] as { contents: Uint8Array }).contents;
}

/** Loads files of bytes as modules: the firmware, and the record of the demo card. */
function madeHere(): Plugin {
  const made: Record<string, () => Uint8Array> = {
    "dsc:firmware": () => readFileSync(FIRMWARE_FILE),
    "dsc:demorecord": () => encodeRecord(DEMO, testKeys().dek),
  };
  return {
    name: "made here",
    setup(it) {
      it.onResolve({ filter: /^dsc:/ }, ({ path }) => ({ path, namespace: "dsc" }));
      it.onLoad({ filter: /./, namespace: "dsc" }, ({ path }) => ({
        contents: (made[path] as () => Uint8Array)(),
        loader: "binary",
      }));
    },
  };
}
