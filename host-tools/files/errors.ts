// Errors that more than one part of `dsc` throws, each with one line for people. It imports nothing: who needs an error
// needs no more. Which exit code each has stands in exit.ts.

/** The command line, or what was typed, cannot be used as it is. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A port that cannot be opened, or on which nothing more is to be had. */
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

const ERRORS: Readonly<Record<number, string>> = {
  1: "an algorithm fails; turn it off and on, and replace the card if it stays",
  2: "its flash cannot be read; turn it off and on, and replace the card if it stays: its keys are lost",
  3: "its random source fails; turn it off and on, and replace the card if it stays",
};

const NO_NUMBER =
  "its firmware is of the first release, so only its screen tells which; turn it off and on, and replace it if it stays";
const NOT_KNOWN = "this dsc does not know which; do not use this card";

/** The card shows ERROR and does nothing for anybody. */
export class CardInError extends WrongCard {
  override name = "CardInError";
  /** As its screen shows it; undefined: the first release does not tell. */
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

/** A secret that cannot be used; the message has nothing of the secret in it. */
export class SecretError extends Error {
  override name = "SecretError";
}

/** A seed file that cannot be used; the message is one line for people, with nothing secret in it. */
export class SeedFileError extends Error {
  override name = "SeedFileError";
}
