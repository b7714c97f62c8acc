// Compiled mutants, kept in build/mutants for the next run, because the same text always compiles to the same module.
//
// Only modules of the current firmware are kept. Those of any other firmware are deleted when a new module is written.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";

/** The text of a source as it is compiled, made of its name in the project and the text of its file. */
export type Edit = (name: string, text: string) => string;

/** A module, and the text that the compiler writes beside the released one. */
export interface Compiled {
  readonly binary: Uint8Array<ArrayBuffer>;
  readonly text: string;
}

const FOLDER = join(ROOT, "build", "mutants");
/** The inputs of a compilation besides the sources: the compiler's settings and version. */
const SETTINGS = ["asconfig.json", "package-lock.json"];
const NAME = 32;

/** Every source of the firmware, and what it is called in the project. */
const SOURCES = readdirSync(join(ROOT, "firmware"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .sort()
  .map((name) => [`firmware/${name.replaceAll("\\", "/")}`, textOf(join("firmware", name))] as const);
const FIRMWARE = nameOf(...SETTINGS.map(textOf), ...SOURCES.flat());

/** The place of one module. */
export class Kept {
  /** Without the ends of its two files. */
  readonly path: string;

  /** Of the firmware compiled with these options from sources that are edited so. Throws what `edit` throws. */
  constructor(options: readonly string[], edit: Edit) {
    const edited = SOURCES.map(([name, text]) => edit(name, text));
    this.path = join(FOLDER, FIRMWARE, nameOf(...options, "", ...edited));
  }

  /** What was kept; undefined if nothing was. */
  read(): Compiled | undefined {
    try {
      return {
        binary: Uint8Array.from(readFileSync(`${this.path}.wasm`)),
        text: readFileSync(`${this.path}.wat`, "utf8"),
      };
    } catch {
      return undefined;
    }
  }

  write({ binary, text }: Compiled): void {
    mkdirSync(join(FOLDER, FIRMWARE), { recursive: true });
    for (const name of readdirSync(FOLDER))
      if (name !== FIRMWARE) rmSync(join(FOLDER, name), { recursive: true, force: true });
    // Write the module last, so that a reader that finds it also finds its text.
    put(`${this.path}.wat`, text);
    put(`${this.path}.wasm`, binary);
  }
}

/** Another process may read the file, or write the same. */
function put(path: string, contents: string | Uint8Array): void {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, contents);
  renameSync(own, path);
}

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** A name for texts; other texts get other names. */
function nameOf(...texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("hex").slice(0, NAME);
}
