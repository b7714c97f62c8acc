// Errors that several parts of `dsc` throw, each with one line for people. It imports nothing, so that using an error
// loads no other code. exit.ts maps them to exit codes.

/** The command line, or a typed answer, cannot be used as it is. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What to do about an error, if the hint of its kind does not fit: one line for people. */
export interface Advice extends ErrorOptions {
  readonly hint?: string | undefined;
}

/** An error that may have a hint of its own. */
abstract class Advised extends Error {
  readonly hint: string | undefined;

  constructor(message: string, { hint, ...options }: Advice = {}) {
    super(message, options);
    this.hint = hint;
  }
}

/** A port cannot be opened, or communication on it has failed. */
export class PortError extends Advised {
  override name = "PortError";
}

/** There is no board to flash, or none for this image. Nothing was written. */
export class NoBoard extends Error {
  override name = "NoBoard";
}

/** The card, or its record in a file, does not fit this command. Nothing was changed. */
export class WrongCard extends Error {
  override name = "WrongCard";
}

/** The result failed its check. */
export class CheckFailed extends Advised {
  override name = "CheckFailed";
}

const ERRORS: Readonly<Record<number, string>> = {
  1: "an algorithm fails; turn it off and on, and replace the card if the error stays",
  2: "its flash cannot be read; turn it off and on; if the error stays, replace the card, since its keys are lost",
  3: "its random source fails; turn it off and on, and replace the card if the error stays",
};

const NO_NUMBER =
  "its firmware is of the first release, so only its screen shows which; turn it off and on, and replace it if the error stays";
const NOT_KNOWN = "an error that this dsc does not know; do not use this card";

/** The card shows ERROR and accepts no commands. */
export class CardInError extends WrongCard {
  override name = "CardInError";
  /** The number on its screen; undefined: the first release does not report it. */
  readonly number: number | undefined;
  /** In a word or two. */
  readonly state: string;

  constructor(number: number | undefined) {
    const state = number === undefined ? "ERROR" : `ERROR ${String(number).padStart(2, "0")}`;
    super(`the card is in ${state}: ${number === undefined ? NO_NUMBER : (ERRORS[number] ?? NOT_KNOWN)}`);
    this.number = number;
    this.state = state;
  }
}

/** A secret that cannot be used; the message contains nothing of the secret. */
export class SecretError extends Error {
  override name = "SecretError";
}

/** A seed file that cannot be used; the message is one line for people, without secrets. */
export class SeedFileError extends Error {
  override name = "SeedFileError";
}

/** The fault: the name is taken, missing or not accessible, or the disk is full. */
export type FileReason = "exists" | "missing" | "denied" | "full" | "other";

/** A file that cannot be used; the message is one line for people and contains nothing of the contents. */
export class FileError extends Error {
  override name = "FileError";
  readonly reason: FileReason;
  /** What to do about it, if the hint of the reason does not fit. */
  readonly hint: string | undefined;

  constructor(message: string, reason: FileReason = "other", hint?: string) {
    super(message);
    this.reason = reason;
    this.hint = hint;
  }
}

/** Several faults of one file. The message is the first of them. */
export class FileFaults extends FileError {
  override name = "FileFaults";
  /** The others: each is one line for people. */
  readonly others: readonly string[];

  constructor(first: string, others: readonly string[]) {
    super(first);
    this.others = others;
  }
}
