// The exit codes of `dsc`, and which error leads to which.

import { CommanderError } from "commander";
import { BadAnswer, CardRefused } from "./apdu.js";
import { CheckFailed, NoBoard, PortError, UsageError, WrongCard } from "./errors.js";
import { FileError } from "./files.js";
import { Interrupted } from "./interruption.js";
import { LineClosed, NoAnswer, OtherProtocol } from "./link.js";
import { InputError, SuiteError } from "./ocra.js";
import { SeedFileError } from "./pskc.js";
import { AuthenticationFailed } from "./scp03.js";
import { SecretError } from "./secretfile.js";
import { SerialNumberError } from "./serialnumber.js";
import { ValueError } from "./storedata.js";

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
