// Restores the terminal, whatever ends the program.

import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import { exitCodeOf, onSignals } from "../session/signals.js";
import { UserError } from "../session/usererror.js";

/** How often (ms) the parent is checked. */
const PARENT_TIME = 500;

/**
 * Active until the returned function is called. A signal restores the terminal and exits with 128 + its number. An
 * uncaught error restores it, is printed, and exits with 1 (or its own code). So does the loss of the terminal or of a
 * parent: a killed npm leaves its child on a terminal that the shell already uses.
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
  // Registered before any listener that would tell the user about it on that very terminal.
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

/**
 * Returns a function that tells whether the starting process has ended: the parent, or npm behind the shell in which it
 * runs scripts.
 */
function orphanhood(): () => boolean {
  const parent = process.ppid;
  const npm = process.env.npm_lifecycle_event === undefined ? undefined : parentOf(parent);
  return () => process.ppid !== parent || (npm !== undefined && !isAlive(npm));
}

/** undefined if that is not known, as on Windows. */
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

/** The terminal may be gone, so a failure here cannot be reported. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}
