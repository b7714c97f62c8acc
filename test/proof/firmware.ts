// The released module, with the names of its functions and the places in memory that the proof uses.
//
// The module itself has no names; they come from the compiler's text of it. They only say where to begin and what to
// replace, so a wrong name cannot make a false property provable. Places in memory are read from the code.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BUILD } from "../../host-tools/files/project.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import { ExecutionError } from "./machine.js";
import type { Terms, Value } from "./terms.js";
import { allInstructions, decode, type Instruction, type WasmModule } from "./wasm.js";

/** Where things are in memory, in bytes. */
export interface Layout {
  /** The page in memory. */
  readonly image: number;
  /** The number of the current page. */
  readonly current: number;
  /** The slot of the try that is being made. */
  readonly slot: number;
  /** What is open, and the receipt in it. */
  readonly secrets: number;
  readonly receipt: number;
  /** The digits that were entered. */
  readonly digits: number;
  /** A frame that came, and the APDU in it behind the channel's number. */
  readonly frame: number;
  readonly apdu: number;
  /** The command that is being carried out: nine words, as in firmware/commands.ts. */
  readonly command: number;
  /** Where a text is read at. */
  readonly cursor: number;
  /** Words in which flash is looked through. */
  readonly scratch: readonly number[];
}

export interface Firmware {
  readonly module: WasmModule;
  readonly layout: Layout;
  /** The number of a function, by its file and name: `pin/check`. Throws where the module has none. */
  readonly index: (name: string) => number;
  readonly names: readonly string[];
  /** The bytes of memory that the module brings: of each such word, by its number, four; undefined: not of the module. */
  readonly constants: ReadonlyMap<number, readonly (number | undefined)[]>;
}

/** The proof takes what the module brings for constant, so nothing may write there. */
export function refuseConstant({ constants }: Firmware, index: number): void {
  if (constants.get(index)?.every((byte) => byte !== undefined))
    throw new ExecutionError(`a constant of the module is written, at ${index * 4}`);
}

const FUNCTION = /^ \(func \$(?:firmware\/)?(\S+)/gm;
const IMPORT = /^ \(import "host" "(\w+)"/gm;
/** Bytes of the pieces in which flash is looked through, and of a slot. */
const CHUNK_SIZE = 128;
const SLOT_SIZE = 8;
/** Where the receipt lies in what is open. */
const RECEIPT_AT = 96;
/** An inlined function has no name in the module. */
export class NoSuchFunction extends Error {
  override name = "NoSuchFunction";
}

/** The released module; or another one, such as a mutant, and the compiler's text of it if its functions are others. */
export function loadFirmware(bytes: Uint8Array = readFileSync(FIRMWARE_FILE), text = releasedText()): Firmware {
  const module = decode(bytes);
  const names = namesOf(module, text);
  const index = (name: string): number => {
    const found = names.indexOf(name);
    if (found < 0) throw new NoSuchFunction(`${name}: the module has no such function; was it inlined?`);
    return found;
  };
  return { module, names, index, layout: layoutOf(module, index), constants: constantsOf(module) };
}

function releasedText(): string {
  return readFileSync(join(BUILD, "dsc.wat"), "utf8");
}

/** The names of all functions, imports first. Throws where text and module do not agree. */
function namesOf(module: WasmModule, text: string): string[] {
  const imports = [...text.matchAll(IMPORT)].map(([, name]) => name as string);
  const functions = [...text.matchAll(FUNCTION)].map(([, name]) => name as string);
  const isSame = imports.length === module.imports.length && module.imports.every(({ name }, i) => name === imports[i]);
  if (!isSame || functions.length !== module.functions.length) throw new Error("the text is of another module");
  return [...imports.map((name) => `host/${name}`), ...functions];
}

function layoutOf(module: WasmModule, index: (name: string) => number): Layout {
  const codeOf = (name: string) =>
    allInstructions(module.functions[index(name) - module.imports.length]?.code as readonly Instruction[]);
  const constants = (name: string) => codeOf(name).filter((one) => one.name === "i32.const");
  const first = (name: string): number => constants(name)[0]?.number ?? 0;
  const open = codeOf("onetry/open");
  const store = open.findIndex((one) => one.name === "i32.store");
  const word = first("flash/word");
  const backwards = codeOf("tally/spentBackwards");
  const read = backwards.findIndex((one) => one.name === "call");
  const result = backwards[read - 2]?.number ?? 0;
  const layout = {
    command: first("apdu/secured") - 5 * 4,
    image: first("pages/wrap"),
    current: first("pages/address"),
    slot: open[store - 2]?.number ?? 0,
    secrets: first("vault/wipe"),
    receipt: first("onetry/confirmed"),
    cursor: first("crypto/ocra/atEnd"),
    digits: first("entry/clear"),
    frame: first("frame/next"),
  };
  const scratch = [...words(word, CHUNK_SIZE), ...words(result, SLOT_SIZE)];
  if (layout.receipt !== layout.secrets + RECEIPT_AT) throw new Error("the receipt is not among what is open");
  if (Object.values(layout).some((at) => at <= 0 || at % 4 !== 0)) throw new Error("places in memory are not found");
  return { ...layout, scratch, apdu: layout.frame + 1 };
}

function constantsOf({ data }: WasmModule): Map<number, (number | undefined)[]> {
  const constants = new Map<number, (number | undefined)[]>();
  for (const { at, bytes } of data)
    for (const [i, byte] of bytes.entries()) {
      const index = (at + i) >>> 2;
      const word = constants.get(index) ?? [undefined, undefined, undefined, undefined];
      word[(at + i) & 3] = byte;
      constants.set(index, word);
    }
  return constants;
}

/** A word of memory that the module brings; its other bytes are unknown. */
export function constantWord(terms: Terms, index: number, bytes: readonly (number | undefined)[]): Value {
  return terms.word(bytes.map((byte, i) => byte ?? terms.variable(`memory${index}.${i}`, terms.byteBits)));
}

/** The numbers of the words in so many bytes. */
function words(at: number, length: number): number[] {
  return Array.from({ length: length / 4 }, (_, i) => at / 4 + i);
}
