// Compiles the firmware as a mutant. Sources are edited in memory; compiled modules are kept for the next run
// (kept.ts).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { type Compiled, type Edit, Kept } from "./kept.js";
import { placesOf, type Span } from "./source.js";

/** Statements of the firmware that are replaced by others. */
export interface Change {
  /** In the folder firmware. */
  readonly file: string;
  /** The function in which the statements are, or `TOP_LEVEL`. */
  readonly within: string;
  /** Occurs in the function exactly once; comments and white space do not count. */
  readonly from: string;
  readonly to: string;
}

/** A deliberate fault of the firmware: replaced statements, in one or more places. */
export interface Mutant extends Change {
  /** The rule that it breaks. */
  readonly breaks: string;
  readonly also?: readonly Change[];
}

/** For long runs: less optimization than the released module, which takes long to compile. */
const SOME = ["--optimizeLevel", "1", "--shrinkLevel", "0"];
/** For a few steps of the card: compiles in half that time. */
const NONE = ["--optimizeLevel", "0", "--shrinkLevel", "0"];
const SOURCES = new Map<string, string>();

/** Compiles the firmware without optimization, for a few steps of a card. */
export async function compile(mutant?: Mutant): Promise<WebAssembly.Module> {
  return new WebAssembly.Module((await compileWith(NONE, mutant)).binary);
}

/** Compiles the firmware with some optimization, for cards that run long. */
export async function compileOptimized(mutant?: Mutant): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(await compileBinary(mutant));
}

/** The same, for other runtimes. */
export async function compileBinary(mutant?: Mutant): Promise<Uint8Array<ArrayBuffer>> {
  return (await compileWith(SOME, mutant)).binary;
}

/** Compiles the mutant with the settings of the release. Throws if it does not compile. */
export async function compileReleased(mutant?: Mutant): Promise<Compiled> {
  return compileWith([], mutant);
}

/** Compiles the firmware as the released one, from sources that were edited in memory. */
export async function compileEdited(edit: Edit): Promise<Compiled> {
  return compileSources([], edit);
}

async function compileWith(optimization: readonly string[], mutant?: Mutant): Promise<Compiled> {
  const edit: Edit = (name, text) => (mutant ? mutated(name, text, mutant) : text);
  try {
    const kept = new Kept(optimization, edit);
    const known = kept.read();
    if (known) return known;
    const compiled = await compileSources(optimization, edit);
    kept.write(compiled);
    return compiled;
  } catch (cause) {
    throw new Error(`${mutant?.breaks ?? "the firmware as it is"}: ${(cause as Error).message}`, { cause });
  }
}

async function compileSources(optimization: readonly string[], edit: Edit): Promise<Compiled> {
  const made = new Map<string, string | Uint8Array>();
  const text = optimization.length === 0 ? ["--textFile", "out.wat"] : [];
  const outputs = ["--outFile", "out.wasm", ...text];
  const options = ["--config", "asconfig.json", "--target", "release", ...outputs, ...optimization];
  // The compiler treats an error of `readFile` as a missing file.
  let failed: unknown;
  const read = (name: string) => {
    const text = source(name);
    try {
      return text === null ? null : edit(name, text);
    } catch (error) {
      failed = error;
      return null;
    }
  };
  // The compiler is loaded only if it is needed, because loading takes longer than compiling.
  const { default: asc } = await import("assemblyscript/asc");
  const { error, stderr } = await asc.main(["firmware/index.ts", ...options], {
    readFile: read,
    writeFile: (name, contents) => {
      made.set(name, contents);
    },
    listFiles: () => [],
  });
  if (failed) throw failed;
  const binary = made.get("out.wasm");
  if (error || !binary) throw new Error(`does not compile: ${stderr}`);
  return { binary: Uint8Array.from(binary as Uint8Array), text: String(made.get("out.wat") ?? "") };
}

/** How often the replaced statements occur in their function; `edit` changes the source first. */
export function occurrences({ file, within, from }: Change, edit: Edit = (_, text) => text): number {
  const name = `firmware/${file}`;
  const text = source(name);
  return text === null ? 0 : placesOf(edit(name, text), within, from).length;
}

function mutated(name: string, text: string, mutant: Mutant): string {
  const changes = [mutant, ...(mutant.also ?? [])].filter(({ file }) => name === `firmware/${file}`);
  const places = changes.map((change) => ({ ...placeOf(text, change), to: change.to }));
  places.sort((a, b) => b.start - a.start);
  let [made, rest] = [text, text.length];
  for (const { start, end, to } of places) {
    if (end > rest) throw new Error(`${name}: two changes of one place: ${text.slice(start, end)}`);
    made = made.slice(0, start) + to + made.slice(end);
    rest = start;
  }
  return made;
}

function placeOf(text: string, { file, within, from }: Change): Span {
  const [place, ...others] = placesOf(text, within, from);
  if (!place || others.length > 0) throw new Error(`${file}, ${within}: does not occur once: ${from}`);
  return place;
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
