// The tools that build and run the board: checks that they are installed, and runs them.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The Debian packages of each tool. */
export const TOOLS = {
  wasm2c: "wabt",
  "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
  "qemu-system-arm": "qemu-system-arm",
  cc: "gcc",
  clang: "clang libclang-rt-14-dev",
} as const;
export type Tool = keyof typeof TOOLS;

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
