// Errors that are no bug: the message is one line for the user, and says what to do.

export class UserError extends Error {
  override name = "UserError";
  /** See docs/DESIGN.md. */
  readonly exitCode: number = 2;
}
