// The sizes of an image's parts (the module, its host, the compiler's libraries, the stack), and the addresses of
// symbols.

import type { Limits } from "../ports/port.js";
import { BuildError, inspect } from "./tools.js";

/** Bytes of an image, by part. */
export interface Sizes {
  readonly flash: number;
  readonly ram: number;
  readonly stack: number;
  readonly parts: readonly { readonly name: string; readonly flash: number; readonly ram: number }[];
}

/** The size of an ELF image by part. "other" has no symbol: padding, anonymous constants. */
export function sizesOf(image: string): Sizes {
  const sections = inspect("objdump", ["-h"], image);
  const size = (section: string) =>
    Number.parseInt(new RegExp(`\\s\\${section}\\s+([0-9a-f]{8})`).exec(sections)?.[1] ?? "0", 16);
  const flash = size(".text") + size(".data");
  const stack = size(".stack");
  const ram = stack + size(".data") + size(".bss");
  const parts = partsOf(image, stack);
  const rest = (total: number, of: "flash" | "ram") => parts.reduce((left, part) => left - part[of], total);
  const other = { name: "other", flash: rest(flash, "flash"), ram: rest(ram, "ram") };
  return { flash, ram, stack, parts: [...parts, other] };
}

/** Symbols by their origin: the module, our C, or the compiler's libraries. */
function partsOf(image: string, stack: number): Sizes["parts"] {
  const listing = inspect("nm", ["--size-sort", "--print-size", "--line-numbers"], image);
  const parts = { firmware: { flash: 0, ram: 0 }, host: { flash: 0, ram: 0 }, libraries: { flash: 0, ram: 0 } };
  for (const line of listing.split("\n")) {
    const [, address, hex, kind, symbol, file] = /^(\S+) (\S+) (\S) (\S+)(?:\t(.*))?$/.exec(line) ?? [];
    if (!address || !hex || !kind || !symbol || isUicr(address) || isCard(symbol)) continue;
    const bytes = Number.parseInt(hex, 16);
    const part = parts[partOf(symbol, file)];
    if (/[bBdD]/.test(kind)) part.ram += bytes;
    if (/[tTrRdD]/.test(kind)) part.flash += bytes;
  }
  const named = Object.entries(parts).map(([part, { flash, ram }]) => ({ name: part, flash, ram }));
  return [...named, { name: "stack", flash: 0, ram: stack }];
}

/** Configuration registers (0x10001000) are not part of an image's size. */
function isUicr(address: string): boolean {
  return address.startsWith("10001");
}

/** Nor is the stand-in for the card's flash. */
function isCard(symbol: string): boolean {
  return symbol === "standin_flash";
}

function partOf(symbol: string, file: string | undefined): "firmware" | "host" | "libraries" {
  if (/^(w2c_|Z_dsc|data_segment|instance$|wasm_rt_memory$)/.test(symbol) || file?.includes("build/board/c/"))
    return "firmware";
  return file?.includes("/board/") ? "host" : "libraries";
}

/** Prints the table; `limits` are those of the port, if it states any. */
export function printSizes(sizes: Sizes, limits?: Limits): void {
  const row = (name: string, flash: number | string, ram: number | string) =>
    console.log(`${name.padEnd(12)} ${String(flash).padStart(8)} ${String(ram).padStart(8)}`);
  row("bytes", "flash", "RAM");
  for (const { name, flash, ram } of sizes.parts) row(name, flash, ram);
  row("image", sizes.flash, sizes.ram);
  if (limits) row("limit", limits.flash, limits.ram);
}

/** Throws BuildError if an image is larger than its limits. */
export function refuseLarge(name: string, sizes: Sizes, limits: Limits): void {
  const over = (
    [
      ["flash", "flash"],
      ["ram", "RAM"],
    ] as const
  )
    .filter(([of]) => sizes[of] > limits[of])
    .map(([of, memory]) => `${sizes[of]} bytes of ${memory}, of ${limits[of]} allowed`);
  if (over.length > 0) throw new BuildError(`the ${name} is larger than its limits: ${over.join("; ")}`);
}

/** The address of a symbol in an image. */
export function addressOf(image: string, symbol: string): number {
  const hex = new RegExp(`^([0-9a-f]{8}) \\S ${symbol}$`, "m").exec(inspect("nm", [], image))?.[1];
  if (!hex) throw new Error(`${image}: no "${symbol}" in it`);
  return Number.parseInt(hex, 16);
}
