// The compiler's own library, which reads and writes modules: a dependency of the compiler, not of this project.

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../host-tools/files/project.js";

/** As much of binaryen's interface as is used here. */
export interface Binaryen {
  /** Bits, by the names of features. */
  readonly Features: Record<
    "MVP" | "SignExt" | "MutableGlobals" | "NontrappingFPToInt" | "BulkMemory" | "BulkMemoryOpt" | "All",
    number
  >;
  readonly i32: number;
  readBinary(bytes: Uint8Array): BinaryenModule;
  parseText(text: string): BinaryenModule;
  getFunctionInfo(func: number): { name: string; params: number; results: number };
  expandType(type: number): number[];
}

export interface BinaryenModule {
  setFeatures(features: number): void;
  validate(): number;
  emitText(): string;
  emitBinary(): Uint8Array<ArrayBuffer>;
  getNumFunctions(): number;
  getFunctionByIndex(index: number): number;
  dispose(): void;
}

export async function loadBinaryen(): Promise<Binaryen> {
  const fromHere = createRequire(join(ROOT, "package.json"));
  const fromCompiler = createRequire(join(dirname(fromHere.resolve("assemblyscript/package.json")), "package.json"));
  const loaded = await import(pathToFileURL(fromCompiler.resolve("binaryen")).href);
  return loaded.default as Binaryen;
}
