// Processes in separate PID namespaces, in which others have the same numbers.

import { spawnSync } from "node:child_process";

/** The words before a command that runs in one; undefined if this computer cannot. */
export const UNSHARE: readonly string[] | undefined = [
  ["unshare", "--pid", "--fork", "--kill-child"],
  ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
].find(([program = "", ...args]) => spawnSync(program, [...args, "true"]).status === 0);
