// Whatever ends the program, the terminal is restored first.

import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import { exitCodeOf, onSignals } from "../session/signals.js";
import { UserError } from "../session/usererror.js";

/** How often (ms) it is looked whether what started the program is still there. */
const PARENT_TIME = 500;

/**
 * Until the function it returns is called: a signal restores and exits with 128 + its number; an error
 * that nobody caught restores, is printed, and exits with 1 (or its own code); so does a terminal that is gone,
 * or a parent: npm, killed, leaves what it started on the terminal that the shell has again.
 */
export function guardTerminal(restore: () => void): () => void {
  const leave = (code: number, text = "") => {
    attempt(restore);
    if (text) attempt(() => process.stderr.write(`${text}\n`));
    process.exit(code);
  };
  const crash = (error: unknown) => leave(error instanceof UserError ? error.exitCode : 1, describe(error));
  const gone = () => leave(exitCodeOf(constants.signals.SIGHUP));

  const isOrphan = orphanhood();
  const looking = setInterval(() => {
    if (isOrphan()) gone();
  }, PARENT_TIME);
  looking.unref();

  const disarmSignals = onSignals(leave);
  process.on("uncaughtException", crash);
  process.on("unhandledRejection", crash);
  // Before whoever would tell the user of it on that very terminal.
  process.stdout.prependListener("error", gone);
  process.stdin.on("error", gone);
  process.stdin.on("end", gone);
  return () => {
    clearInterval(looking);
    disarmSignals();
    process.off("uncaughtException", crash);
    process.off("unhandledRejection", crash);
    process.stdout.off("error", gone);
    process.stdin.off("error", gone);
    process.stdin.off("end", gone);
  };
}

/** Tells whether what started the program is gone since: its parent, or behind the shell that npm runs scripts by, npm. */
function orphanhood(): () => boolean {
  const parent = process.ppid;
  const npm = process.env.npm_lifecycle_event === undefined ? undefined : parentOf(parent);
  return () => process.ppid !== parent || (npm !== undefined && !isAlive(npm));
}

/** Undefined where that cannot be told, as on Windows. */
function parentOf(pid: number): number | undefined {
  const { stdout, status } = spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" });
  return status === 0 ? Number(stdout) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function describe(error: unknown): string {
  if (error instanceof UserError) return `dsc-sim: ${error.message}`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `dsc-sim: ${text}`;
}

/** The terminal may be gone: what fails here has nobody to be told to. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
