// The package as `npm install -g` leaves it, packed once and installed without a network: its dependencies are copied from the
// checkout. Its tools run as a user who may not write there, without other programs in PATH and, if possible, without a
// network.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { unpack } from "../../packaging/tarball.js";
import { productionPackages } from "./production.js";
import { scratchFolder } from "./scratch.js";

/** What `npm pack --json` says of the package. */
export interface Packed {
  readonly tarball: string;
  /** The files, by their paths in it. */
  readonly files: readonly string[];
}

/** uid and gid of nobody on Debian. */
const NOBODY = "65534";
const IS_ROOT = process.getuid?.() === 0;

const HOME = scratchFolder();
chmodSync(HOME, 0o755);
/** Where the package is. */
export const INSTALLED = join(HOME, "lib", "node_modules", "dsc-card");

/** `npm pack`, from the sources as they are. */
export function pack(): Packed {
  const args = ["pack", "--json", "--pack-destination", HOME];
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm pack: ${stderr}`);
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { tarball: join(HOME, filename), files: files.map(({ path }) => path).sort() };
}

/** Unpacks it beside its dependencies. Root could still write there, so it does not run as root. */
export function install({ tarball }: Packed): void {
  unpack(tarball, INSTALLED);
  // A package inside another one's folder is copied with it.
  const folders = productionPackages().map(({ folder }) => folder);
  copyAll(folders.filter((folder) => folder.lastIndexOf("node_modules") === 0));
  setWritable(false);
}

/** Lets its owner remove it again. */
export function uninstall(): void {
  setWritable(true);
}

function setWritable(writable: boolean): void {
  const mode = (path: string) => (writable ? statSync(path).mode | 0o200 : statSync(path).mode & 0o555);
  for (const path of [INSTALLED, ...inside(INSTALLED)]) chmodSync(path, mode(path));
}

/** By hard links if both are on the same disk: there are thousands of files. */
function copyAll(folders: readonly string[]): void {
  if (spawnSync("cp", ["-al", "--parents", ...folders, INSTALLED], { cwd: ROOT, stdio: "ignore" }).status === 0) return;
  for (const folder of folders) cpSync(join(ROOT, folder), join(INSTALLED, folder), { recursive: true, force: true });
}

/** The files of the package itself, with their modification times: a run must not change them. */
export function state(): string[] {
  return inside(INSTALLED).map((path) => `${path} ${statSync(path).mtimeMs}`);
}

function inside(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name !== "node_modules");
  return names.flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? [path, ...inside(path)] : [path];
  });
}

/** A folder for the files that a tool writes, writable for everybody. */
export function workFolder(name: string): string {
  const folder = join(HOME, name);
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  return folder;
}

/** The command prefix that runs a program without a network, and as nobody. */
const BEFORE = (
  IS_ROOT
    ? [
        ["unshare", "--net"],
        ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--inh-caps=-all"],
      ]
    : [["unshare", "--user", "--net"]]
).filter(([program = "", ...args]) => spawnSync(program, [...args, "true"]).status === 0);
/** Why the tools cannot be run here as a user without write permission for the package; undefined if they can. */
export const UNBOUND =
  IS_ROOT && BEFORE.every(([program]) => program !== "setpriv") ? "apt-get install util-linux" : undefined;

/** Starts a script with a version of Node, and no other program in PATH. */
export function start(node: string, script: string, args: readonly string[], cwd: string) {
  const [program = "", ...rest] = [...BEFORE.flat(), "env", "-i", "PATH=/nowhere", `HOME=${cwd}`, within(node), script];
  return spawn(program, [...rest, ...args], { cwd });
}

/** A path at which nobody can run the program: a copy if it lies in a folder that is root's alone. */
function within(node: string): string {
  const [program = "", ...args] = [...BEFORE.flat(), "env", node, "--version"];
  if (spawnSync(program, args).status === 0) return node;
  const copy = join(HOME, createHash("sha256").update(node).digest("hex").slice(0, 8));
  if (!existsSync(copy)) copyFileSync(node, copy);
  return copy;
}
