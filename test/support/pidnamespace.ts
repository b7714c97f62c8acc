// Processes in PID namespaces of their own, in which others have the same numbers.

import { spawnSync } from "node:child_process";

/** The words before a command that runs in one; undefined where this computer has none for us. */
export const UNSHARE: readonly string[] | undefined = [
  ["unshare", "--pid", "--fork", "--kill-child"],
  ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"],
].find(([program = "", ...args]) => spawnSync(program, [...args, "true"]).status === 0);
