// Compiles the firmware with a mistake in it, in memory: nothing is written.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { ROOT } from "./root.js";

/** A text of the firmware that is replaced by another one. */
export interface Mutation {
  /** The rule that it breaks. */
  readonly breaks: string;
  /** In the folder firmware. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

const QUICK = ["--optimizeLevel", "1", "--shrinkLevel", "0"];
const SOURCES = new Map<string, string>();

/** Compiles the firmware as `compileBinary` does. */
export async function compile(mutation?: Mutation): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(await compileBinary(mutation));
}

/** Compiles the firmware as `compileReleased` does, but with less optimization, which takes long. */
export async function compileBinary(mutation?: Mutation): Promise<Uint8Array<ArrayBuffer>> {
  return (await compileWith(QUICK, mutation)).binary;
}

/** A module, and the text that the compiler writes beside it. */
export interface Compiled {
  readonly binary: Uint8Array<ArrayBuffer>;
  readonly text: string;
}

/** Compiles the firmware as the released one, but for the mutation. Throws where that does not compile. */
export async function compileReleased(mutation?: Mutation): Promise<Compiled> {
  return compileWith([], mutation);
}

async function compileWith(optimization: readonly string[], mutation?: Mutation): Promise<Compiled> {
  const made = new Map<string, string | Uint8Array>();
  const outputs = ["--outFile", "out.wasm", "--textFile", "out.wat"];
  const options = ["--config", "asconfig.json", "--target", "release", ...outputs, ...optimization];
  const { error, stderr } = await asc.main(["firmware/index.ts", ...options], {
    readFile: (name) => mutated(name, mutation),
    writeFile: (name, contents) => {
      made.set(name, contents);
    },
    listFiles: () => [],
  });
  const binary = made.get("out.wasm");
  if (error || !binary) throw new Error(`${mutation?.file} does not compile: ${stderr}`);
  return { binary: Uint8Array.from(binary as Uint8Array), text: String(made.get("out.wat")) };
}

/** How often the text that a mutation replaces occurs in its file. */
export function occurrences({ file, from }: Mutation): number {
  return (source(`firmware/${file}`)?.split(from).length ?? 1) - 1;
}

function mutated(name: string, mutation?: Mutation): string | null {
  const text = source(name);
  if (!mutation || text === null || name !== `firmware/${mutation.file}`) return text;
  if (occurrences(mutation) !== 1) throw new Error(`${mutation.file}: does not occur once: ${mutation.from}`);
  return text.replace(mutation.from, () => mutation.to);
}

/** A file of the project, read once, or null. */
function source(name: string): string | null {
  const known = SOURCES.get(name);
  if (known !== undefined) return known;
  try {
    const text = readFileSync(join(ROOT, name), "utf8");
    SOURCES.set(name, text);
    return text;
  } catch {
    return null;
  }
}
