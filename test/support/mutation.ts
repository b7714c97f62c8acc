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

/** Compiles the firmware as the released one, but for the mutation and with less optimization, which takes long. Throws where that does not compile. */
export async function compile(mutation?: Mutation): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(await binaryOf(mutation));
}

/** The same, not loaded. */
export async function binaryOf(mutation?: Mutation): Promise<Uint8Array<ArrayBuffer>> {
  let binary: Uint8Array<ArrayBuffer> | undefined;
  const options = ["--config", "asconfig.json", "--target", "release", "--outFile", "out.wasm", ...QUICK];
  const { error, stderr } = await asc.main(["firmware/index.ts", ...options], {
    readFile: (name) => mutated(name, mutation),
    writeFile: (name, contents) => {
      if (name === "out.wasm") binary = Uint8Array.from(contents as Uint8Array);
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`${mutation?.file} does not compile: ${stderr}`);
  return binary;
}

/** How often the text that a mutation replaces occurs in its file. */
export function occurrences({ file, from }: Mutation): number {
  return (source(`firmware/${file}`)?.split(from).length ?? 1) - 1;
}

function mutated(name: string, mutation?: Mutation): string | null {
  const text = source(name);
  return mutation && text !== null && name === `firmware/${mutation.file}`
    ? text.replace(mutation.from, () => mutation.to)
    : text;
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
