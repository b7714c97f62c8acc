// The tools that build and run the board: whether they are there, what they say.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** What each tool comes with, on Debian. */
export const TOOLS = {
  wasm2c: "wabt",
  "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
  "qemu-system-arm": "qemu-system-arm",
  cc: "gcc",
  clang: "clang libclang-rt-14-dev",
} as const;
export type Tool = keyof typeof TOOLS;

/** A build that cannot be; the message is for people. */
export class BuildError extends Error {
  override name = "BuildError";
}

export function isInstalled(tool: Tool): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.some((folder) => existsSync(join(folder, tool))) && (tool !== "clang" || hasFuzzer());
}

/** Whether clang has its libraries: Debian packs libFuzzer by itself. */
function hasFuzzer(): boolean {
  const folder = run("clang", ["-print-runtime-dir"]).trim();
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith("libclang_rt.fuzzer"));
}

/** What a tool says, run in `folder`; where it fails, nothing is built. */
export function run(command: string, args: readonly string[], folder = process.cwd()): string {
  // A compiler believes PWD, which may be another name of the folder; and what it says is read, in English.
  const env = { ...process.env, PWD: folder, LC_ALL: "C" };
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd: folder, env });
  if (error) throw error;
  if (status !== 0) throw new BuildError(`${command} failed:\n${stderr || stdout}`);
  return stdout;
}
