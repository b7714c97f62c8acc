// The refusals of a register, and their reasons.

import * as assert from "uvu/assert";
import { RegisterError, type RegisterReason } from "../../host-tools/desk/register/errors.js";

/** Waits for `run` to be rejected with an error of that class; returns the error. */
export async function rejects<E extends Error>(run: Promise<unknown>, type: new (...args: never[]) => E): Promise<E> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.instance(error, type, `${error}`);
  return error as E;
}

/** Waits for a RegisterError with that reason; returns it. Its message is one line. */
export async function rejectsFor(run: Promise<unknown>, reason: RegisterReason): Promise<RegisterError> {
  const error = await rejects(run, RegisterError);
  assert.is(error.reason, reason, error.message);
  assert.not.match(error.message, "\n");
  return error;
}
