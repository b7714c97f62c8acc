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

/** A secret that cannot be used; the message has nothing of the secret in it. */
export class SecretError extends Error {
  override name = "SecretError";
}
