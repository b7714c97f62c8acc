// Compiles the firmware with a mistake in it, in memory: nothing is written.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { ROOT } from "../../host-tools/files/project.js";

/** A text of the firmware that is replaced by another one. */
export interface Change {
  /** In the folder firmware. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** A mistake: a text that is replaced, and where one place is not enough, others with it. */
export interface Mutation extends Change {
  /** The rule that it breaks. */
  readonly breaks: string;
  readonly also?: readonly Change[];
}

/** For what runs long: with less than the released module, since that takes long to compile. */
const SOME = ["--optimizeLevel", "1", "--shrinkLevel", "0"];
/** For a few steps of the card: it compiles in half that time. */
const NONE = ["--optimizeLevel", "0", "--shrinkLevel", "0"];
const SOURCES = new Map<string, string>();

/** Compiles the firmware without optimization, for a few steps of a card. */
export async function compile(mutation?: Mutation): Promise<WebAssembly.Module> {
  return new WebAssembly.Module((await compileWith(NONE, mutation)).binary);
}

/** Compiles the firmware with some optimization, for cards that run long. */
export async function compileOptimized(mutation?: Mutation): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(await compileBinary(mutation));
}

/** The same, for other runtimes. */
export async function compileBinary(mutation?: Mutation): Promise<Uint8Array<ArrayBuffer>> {
  return (await compileWith(SOME, mutation)).binary;
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

/** How often the text that a change replaces occurs in its file. */
export function occurrences({ file, from }: Change): number {
  return (source(`firmware/${file}`)?.split(from).length ?? 1) - 1;
}

function mutated(name: string, mutation?: Mutation): string | null {
  let text = source(name);
  for (const change of mutation ? [mutation, ...(mutation.also ?? [])] : []) {
    if (text === null || name !== `firmware/${change.file}`) continue;
    if (occurrences(change) !== 1) throw new Error(`${change.file}: does not occur once: ${change.from}`);
    text = text.replace(change.from, () => change.to);
  }
  return text;
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
