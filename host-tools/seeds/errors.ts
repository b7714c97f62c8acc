// Why a suite, or an input of it, cannot be used. It imports nothing, so that using an error loads no other code.

/** A text that is no OCRA suite. */
export class SuiteError extends Error {
  override name = "SuiteError";
}

/** An input that is missing, or does not fit the suite. */
export class InputError extends Error {
  override name = "InputError";
}
