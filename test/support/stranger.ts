// `dsc` as a user whom the permissions of files bind: another user if the test runs as root, otherwise the same one.

import { spawnSync } from "node:child_process";
import { DSC, type DscOptions, dsc, type Ended } from "./simprocess.js";
import { ON_WINDOWS } from "./skipping.js";

/** uid and gid of nobody on Debian. */
const NOBODY = 65534;
const IS_ROOT = process.getuid?.() === 0;

/** A reason to skip tests of it. */
export const NO_STRANGER = ON_WINDOWS ?? (IS_ROOT && !isRunning() ? "nobody cannot read this folder" : undefined);

function isRunning(): boolean {
  return spawnSync(process.execPath, [DSC, "--version"], { cwd: "/", uid: NOBODY, gid: NOBODY }).status === 0;
}

/** Set the modes of files as if for everybody: the owner's bits bind a user who is not root. */
export function dscAsStranger(args: readonly string[], options: DscOptions = {}): Promise<Ended> {
  return dsc(args, { cwd: "/", ...options, ...(IS_ROOT && { uid: NOBODY }) });
}
