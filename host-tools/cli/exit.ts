// The exit codes of `dsc`, the kinds of errors, and which error has which kind.

import { CommanderError } from "commander";
import {
  AuthenticationFailed,
  BadAnswer,
  CardRefused,
  LineClosed,
  NoAnswer,
  NoCard,
  OtherProtocol,
  SerialNumberError,
  ValueError,
} from "../card/errors.js";
import { TokenError, TokenPinError } from "../desk/custody/errors.js";
import { PaperError } from "../desk/paper/errors.js";
import { RegisterError, type RegisterReason } from "../desk/register/errors.js";
import { inOneLine } from "../files/commandline.js";
import {
  CardInError,
  CheckFailed,
  FileError,
  FileFaults,
  type FileReason,
  NoBoard,
  PortError,
  SecretError,
  SeedFileError,
  UsageError,
  WrongCard,
} from "../files/errors.js";
import { Interrupted } from "../files/interruption.js";
import { InputError, SuiteError } from "../seeds/errors.js";

export enum Exit {
  DONE = 0,
  /** The check failed. */
  FAILED = 1,
  USAGE = 2,
  /** No such port, port busy, or no answer. */
  PORT = 3,
  AUTHENTICATION = 4,
  /** The card refused. */
  REFUSED = 5,
  FILE = 6,
  /** A bug in the tools (EX_SOFTWARE of sysexits.h), so that exit code 1 of `verify` means only a refused response. */
  BUG = 70,
  INTERRUPTED = 130,
}

/** The kinds of errors, for scripts: more detailed than the exit codes, and never renamed. */
export const KINDS = {
  check: { code: Exit.FAILED, hint: "Do what the message says; if it fails again, put the card or the board aside." },
  usage: { code: Exit.USAGE, hint: "Correct the command line; --help after the command shows its options." },
  port: { code: Exit.PORT, hint: "Check the port's name and that no other program uses it; dsc ports lists them." },
  board: { code: Exit.PORT, hint: "Plug in the one board to flash, or name it with --mount and --port." },
  "no-answer": { code: Exit.PORT, hint: "Check the cable and the card's battery, then run the command again." },
  "bad-answer": { code: Exit.PORT, hint: "Check that a DSC+ card with this version of the firmware is on the port." },
  authentication: { code: Exit.AUTHENTICATION, hint: "Give the master key of the card's own transport keys." },
  "token-pin": {
    code: Exit.AUTHENTICATION,
    hint: "Give the right PIN of the token; it is never retried, and a few wrong PINs lock the token.",
  },
  refused: { code: Exit.REFUSED, hint: "Check the card's state and battery with dsc info." },
  "card-error": { code: Exit.REFUSED, hint: "Turn the card off and on; replace it if the error stays." },
  "wrong-card": { code: Exit.REFUSED, hint: "Check which card is on the port with dsc info." },
  file: { code: Exit.FILE, hint: "Check the file that the message names." },
  register: { code: Exit.FILE, hint: "Check the register that --register or DSC_REGISTER names." },
  "seed-file": { code: Exit.FILE, hint: "Check that the seed file and what opens it belong together." },
  paper: { code: Exit.FILE, hint: "Correct the name, or the setting that the message names; dsc settings lists them." },
  secret: { code: Exit.FILE, hint: "Correct the file that holds the secret; it must be plain text of one line." },
  token: { code: Exit.FILE, hint: "Check the token, its module and its URI; docs/TOKENS.md says how." },
  internal: { code: Exit.BUG, hint: "This is a mistake in dsc; report it with the output on stderr." },
  interrupted: { code: Exit.INTERRUPTED, hint: "Run the command again." },
} as const;
export type Kind = keyof typeof KINDS;

/** An error as scripts get it. */
export interface ErrorReport {
  readonly code: Exit;
  readonly kind: Kind;
  /** The fault, in one line for people. */
  readonly message: string;
  /** The remedy, in one line for people. */
  readonly hint: string;
}

/** Further lines about the same error; empty for most. */
export function furtherLinesOf(error: unknown): readonly string[] {
  return error instanceof FileFaults ? error.others : [];
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** The first class that matches counts. */
const CLASSES: readonly [Kind, readonly ErrorClass[]][] = [
  ["check", [CheckFailed]],
  ["usage", [UsageError, SuiteError, InputError, SerialNumberError, ValueError, CommanderError]],
  ["no-answer", [NoCard, NoAnswer, LineClosed]],
  ["bad-answer", [OtherProtocol, BadAnswer]],
  ["board", [NoBoard]],
  ["port", [PortError]],
  ["authentication", [AuthenticationFailed]],
  ["refused", [CardRefused]],
  ["card-error", [CardInError]],
  ["wrong-card", [WrongCard]],
  ["file", [FileError]],
  ["register", [RegisterError]],
  ["paper", [PaperError]],
  ["seed-file", [SeedFileError]],
  ["secret", [SecretError]],
  ["token-pin", [TokenPinError]],
  ["token", [TokenError]],
  ["interrupted", [Interrupted]],
];

const FILE_HINTS: Partial<Record<FileReason, string>> = {
  exists: "Give the name of a file that does not exist yet.",
  missing: "Check the path.",
  denied: "Check who owns the file and its folder, and their modes.",
  full: "Make room, or use another file.",
};

const REGISTER_HINTS: Partial<Record<RegisterReason, string>> = {
  missing: "Check --register or DSC_REGISTER; dsc register init makes a register.",
  exists: "Use the register that is there, or name another place.",
  "not-a-register": "Name a register, or an empty database; dsc register init makes one.",
  newer: "Use the version of dsc that the other benches use.",
  older: "Make a backup, end the other benches, and run dsc register migrate.",
  busy: "Wait until the other processes are done, then run the command again.",
  full: "Make room on the disk, then run the command again.",
  unreachable: "Check that the server runs and that its address is right, then run the command again.",
  uncertain: "Check whether the register has the change; if not, run the command again.",
  denied: "Check the user's rights, or the owners and modes of the files.",
  "read-only": "Name a server or file that can be written.",
  "network-file-system": "Keep the file on a local disk, or use PostgreSQL.",
  encoding: "Make a database in UTF-8.",
  "wrong-key": "Give the key that belongs to this register.",
  "no-key": "Name the key's file by its option or in the environment.",
  damaged: "Run dsc register check, and restore a backup if needed.",
  unknown: "Check the number; dsc card list and dsc order list show what the register has.",
  state: "Check its state and its history with dsc card show and dsc card history.",
  operator: "Act as an operator of this register; dsc operator list shows them.",
  approval: "Let a second operator run dsc approve, then run the command again.",
  duplicate: "Use another key, or leave it out so that one is drawn.",
  clock: "Correct the computer's clock; dsc register clock --accept corrects a wrong date in the register.",
};

/** The exit code for an error with a line for people; undefined for any other, which is a bug. */
export function exitCodeOf(error: unknown): Exit | undefined {
  const kind = kindOf(error);
  return kind && KINDS[kind].code;
}

/** The report of an error for scripts; an error without a line for people is a bug. */
export function reportOf(error: unknown): ErrorReport {
  const kind = kindOf(error);
  const { code, hint } = KINDS[kind ?? "internal"];
  if (kind === undefined) return { code, kind: "internal", message: `a mistake in dsc: ${error}`, hint };
  return { code, kind, message: messageOf(error as Error), hint: hintOf(error) ?? hint };
}

/** The hint that an error carries, or the one for its reason. */
function hintOf(error: unknown): string | undefined {
  if (error instanceof FileError) return error.hint ?? FILE_HINTS[error.reason];
  if (error instanceof RegisterError) return error.hint ?? REGISTER_HINTS[error.reason];
  return error instanceof CheckFailed || error instanceof PortError ? error.hint : undefined;
}

function kindOf(error: unknown): Kind | undefined {
  return CLASSES.find(([, classes]) => classes.some((known) => error instanceof known))?.[0];
}

/** Commander's message may have two lines, and may repeat the value of an unknown option, which may be a secret. */
function messageOf(error: Error): string {
  if (!(error instanceof CommanderError)) return error.message;
  if (error.code === "commander.help") return "no command is given; dsc --help lists them";
  return inOneLine(error.message.replace(/(unknown option '[^=']*)=.*'/s, "$1'"));
}
