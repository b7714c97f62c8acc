// The exit codes of `dsc`, and which error leads to which.

import { CommanderError } from "commander";
import { BadAnswer, CardRefused } from "./apdu.js";
import { ValueError } from "./cardclient.js";
import { FileError } from "./files.js";
import { LineClosed, NoAnswer, OtherProtocol } from "./link.js";
import { InputError, SuiteError } from "./ocra.js";
import { SeedFileError } from "./pskc.js";
import { AuthenticationFailed } from "./scp03.js";
import { SecretError } from "./secretfile.js";
import { SerialNumberError } from "./serialnumber.js";

export enum Exit {
  DONE = 0,
  /** The check itself says no. */
  FAILED = 1,
  USAGE = 2,
  /** No such port, or busy, or no answer. */
  PORT = 3,
  AUTHENTICATION = 4,
  /** The card refused. */
  REFUSED = 5,
  FILE = 6,
  /** A bug in the tools (EX_SOFTWARE of sysexits.h), so that `verify` says 1 for a refused response only. */
  BUG = 70,
  INTERRUPTED = 130,
}

/** The command line, or what was typed, cannot be used as it is. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A port that cannot be opened. */
export class PortError extends Error {
  override name = "PortError";
}

/** There is no board to flash, or none that this image is for. Nothing was written. */
export class NoBoard extends Error {
  override name = "NoBoard";
}

/** The card, or what the file says of it, is not as this command needs it. Nothing was changed. */
export class WrongCard extends Error {
  override name = "WrongCard";
}

/** What was done does not stand up to its check. */
export class CheckFailed extends Error {
  override name = "CheckFailed";
}

let leftBehind: string | undefined;

/** Whoever interrupts from now on is told what that leaves behind. */
export function leaves(what: string | undefined): void {
  leftBehind = what;
}

/** Runs `work`. Whoever interrupts it, before its end or after it failed, is told what that leaves behind. */
export async function leaving<T>(what: string, work: () => Promise<T>): Promise<T> {
  leaves(what);
  const result = await work();
  leaves(undefined);
  return result;
}

/** Someone pressed Ctrl-C. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor() {
    super(leftBehind === undefined ? "interrupted" : `interrupted: ${leftBehind}`);
  }
}

type ErrorClass = abstract new (...args: never[]) => Error;

const CODES: readonly [Exit, readonly ErrorClass[]][] = [
  [Exit.FAILED, [CheckFailed]],
  [Exit.USAGE, [UsageError, SuiteError, InputError, SerialNumberError, ValueError]],
  [Exit.PORT, [PortError, NoBoard, NoAnswer, LineClosed, OtherProtocol, BadAnswer]],
  [Exit.AUTHENTICATION, [AuthenticationFailed]],
  [Exit.REFUSED, [CardRefused, WrongCard]],
  [Exit.FILE, [FileError, SeedFileError, SecretError]],
  [Exit.INTERRUPTED, [Interrupted]],
];

/** The exit code for an error that has a line for people; nothing for any other: that is a bug. */
export function exitCodeOf(error: unknown): Exit | undefined {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.DONE : Exit.USAGE;
  return CODES.find(([, classes]) => classes.some((known) => error instanceof known))?.[0];
}
