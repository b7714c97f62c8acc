// The tools that build and run the board: checks that they are installed, and runs them.

import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

/** The Debian packages of each tool. */
export const TOOLS = {
  wasm2c: "wabt",
  "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
  "qemu-system-arm": "qemu-system-arm",
  "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
  "qemu-system-riscv32": "qemu-system-misc",
  cc: "gcc",
  clang: "clang libclang-rt-14-dev",
} as const;
export type Tool = keyof typeof TOOLS;

/** The GNU tools for an ELF file, by its machine (e_machine). */
const BINUTILS: ReadonlyMap<number, string> = new Map([
  [40, "arm-none-eabi"],
  [243, "riscv64-unknown-elf"],
]);
const E_MACHINE = 18;

/** A build failed or is impossible. The message is for people. */
export class BuildError extends Error {
  override name = "BuildError";
}

export function isInstalled(tool: Tool): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.some((folder) => existsSync(join(folder, tool))) && (tool !== "clang" || hasFuzzer());
}

/** Whether clang has its libraries: in Debian, libFuzzer is a separate package. */
function hasFuzzer(): boolean {
  const folder = run("clang", ["-print-runtime-dir"]).trim();
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith("libclang_rt.fuzzer"));
}

/** Runs a tool in `folder`. Returns its output; throws BuildError if it fails. */
export function run(command: string, args: readonly string[], folder = process.cwd()): string {
  // A compiler trusts PWD, which may be another name of the folder. Its messages are parsed, so they must be in
  // English.
  const env = { ...process.env, PWD: folder, LC_ALL: "C" };
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd: folder, env });
  if (error) throw error;
  if (status !== 0) throw new BuildError(`${command} failed:\n${stderr || stdout}`);
  return stdout;
}

/** The output of objdump or nm for an image of any core. */
export function inspect(tool: "objdump" | "nm", args: readonly string[], image: string): string {
  return run(`${prefixOf(image)}-${tool}`, [...args, image]);
}

/** The prefix of the names of the tools for an image. */
export function prefixOf(image: string): string {
  const header = Buffer.alloc(E_MACHINE + 2);
  const file = openSync(image, "r");
  readSync(file, header);
  closeSync(file);
  const machine = header.readUInt16LE(E_MACHINE);
  const prefix = BINUTILS.get(machine);
  if (!prefix) throw new BuildError(`${image}: no tools are known for its core (e_machine ${machine})`);
  return prefix;
}
