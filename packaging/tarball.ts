// Makes the package with the same bytes for everybody and in every folder. `npm pack` sorts the files and gives them a
// fixed time, but takes their permissions from the disk.

import { type StdioOptions, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const EXECUTABLE = 0o755;
const PLAIN = 0o644;
const ON_WINDOWS = process.platform === "win32";

/** A program failed, and has printed its error on stderr. */
export class PackingError extends Error {
  override name = "PackingError";
}

/** Packs the project in `root` into the folder `into`, prepack included. Returns the path of the tarball. */
export function makePackage(root: string, into: string): string {
  const work = mkdtempSync(join(tmpdir(), "dsc-package-"));
  try {
    const first = pack(root, work);
    const unpacked = join(work, "package");
    unpack(first, unpacked);
    return packFolder(unpacked, into);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Packs an unpacked package again, with fixed permissions. Returns the path of the tarball. */
export function packFolder(folder: string, into: string): string {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    const isProgram = statSync(path).isDirectory() || name.endsWith(".mjs");
    chmodSync(path, isProgram ? EXECUTABLE : PLAIN);
  }
  return pack(folder, into, "--ignore-scripts");
}

/** Unpacks an npm tarball; its single folder becomes `into`. */
export function unpack(tarball: string, into: string): void {
  mkdirSync(into, { recursive: true });
  run("tar", ["-xzf", tarball, "-C", into, "--strip-components=1"]);
}

/** `npm pack` in `folder`. Returns the path of the tarball. */
function pack(folder: string, into: string, ...options: string[]): string {
  const said = run(ON_WINDOWS ? "npm.cmd" : "npm", ["pack", "--json", "--pack-destination", into, ...options], folder);
  const [{ filename }] = JSON.parse(said) as [{ filename: string }];
  return join(into, filename);
}

function run(command: string, args: readonly string[], cwd = "."): string {
  const stdio: StdioOptions = ["ignore", "pipe", "inherit"];
  const { status, stdout, error } = spawnSync(command, args, { cwd, encoding: "utf8", stdio, shell: ON_WINDOWS });
  if (status !== 0) throw error ?? new PackingError(`${command} ${args[0]} failed`);
  return stdout;
}
