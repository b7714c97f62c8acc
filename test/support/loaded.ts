// What a program has loaded by its end: compiled modules, those in a bundle too, packages, and modules of Node.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../host-tools/files/project.js";
import { scratchFolder } from "./scratch.js";

export interface Loaded {
  /** Their sources, as seen from the top folder: host-tools/cli/main.ts. */
  readonly modules: readonly string[];
  /** Their names. */
  readonly packages: readonly string[];
  /** The files that were read to load them. */
  readonly files: readonly string[];
  /** Public modules of Node, without "node:". Node itself loads some of them before the program. */
  readonly builtins: readonly string[];
}

/** The comment that the bundler writes above the code from each file. */
const FROM = /^\/\/ (build\/js\/.*|node_modules\/.*)$/gm;

/** Runs a script with an empty stdin. Returns what it loaded. */
export function loadedBy(script: string, ...args: string[]): Loaded {
  const folder = scratchFolder();
  const log = join(folder, "loaded");
  writeFileSync(log, "");
  writeFileSync(join(folder, "hooks.mjs"), HOOKS);
  const preload = join(folder, "preload.mjs");
  writeFileSync(preload, PRELOAD);
  const env = { ...process.env, DSC_LOADED: log };
  const command = ["--import", pathToFileURL(preload).href, script, ...args];
  const { status, stderr } = spawnSync(process.execPath, command, { env, input: "", encoding: "utf8" });
  if (status !== 0) throw new Error(`${script} ${args.join(" ")}: ${stderr}`);
  const lines = [...new Set(readFileSync(log, "utf8").split("\n"))];
  const files = lines.filter((path) => path.startsWith(ROOT));
  const within = files.flatMap((path) => [relative(ROOT, path), ...originsOf(path)]);
  return {
    files,
    modules: names(within, /^build\/js\/(.*)\.js$/, (name) => `${name}.ts`),
    packages: names(within, /^node_modules\/((?:@[^/]+\/)?[^/]+)\//),
    builtins: names(lines, /^NativeModule (?!internal\/)(.*)$/),
  };
}

/** The files from which a file of a bundle was made. */
function originsOf(path: string): string[] {
  return [...readFileSync(path, "utf8").matchAll(FROM)].map((match) => match[1] as string);
}

function names(paths: readonly string[], form: RegExp, nameOf = (name: string) => name): string[] {
  const found = paths.flatMap((path) => form.exec(path)?.[1] ?? []);
  return [...new Set(found.map(nameOf))].sort();
}

/** ES modules are recorded as they load; CommonJS and native ones are found in the cache at the end, Node's own in its list. */
const PRELOAD = `
  import { appendFileSync } from "node:fs";
  import { createRequire, register } from "node:module";
  register("./hooks.mjs", import.meta.url);
  const { cache } = createRequire(import.meta.url);
  process.on("exit", () => {
    appendFileSync(process.env.DSC_LOADED, [...Object.keys(cache), ...process.moduleLoadList].join("\\n"));
  });`;
const HOOKS = `
  import { appendFileSync } from "node:fs";
  import { fileURLToPath } from "node:url";
  export function load(url, context, next) {
    if (url.startsWith("file:")) appendFileSync(process.env.DSC_LOADED, fileURLToPath(url) + "\\n");
    return next(url, context);
  }`;
