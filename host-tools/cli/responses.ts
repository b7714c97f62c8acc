// Challenges and responses as arguments of commands: their form, and the PIN that belongs to them.

import { UsageError } from "../files/errors.js";
import { parseSuite, type Suite } from "../seeds/suite.js";
import { readPinOption, type SecretFileOptions } from "./secretoptions.js";

/** A malformed response is a mistake of the site and spends no challenge. */
export function checkForm(suiteName: string, challenge: string, response: string): Suite {
  const suite = parseSuite(suiteName);
  if (challenge.length !== suite.challenge)
    throw new UsageError(`--challenge: ${suite.challenge} digits are expected, leading zeros included`);
  const form = suite.digits === 0 ? /^[0-9a-f]+$/ : new RegExp(`^[0-9]{${suite.digits}}$`);
  if (!form.test(response))
    throw new UsageError(`--response: ${suite.digits || "hexadecimal"} digits are expected, leading zeros included`);
  return suite;
}

/** The PIN if the server checks it; undefined if the card does. Wipe it after use. */
export async function pinFor(
  suiteName: string,
  pinFile: string | undefined,
  options: SecretFileOptions,
): Promise<Buffer | undefined> {
  const { pin } = parseSuite(suiteName);
  if (!pin && pinFile !== undefined) throw new UsageError("--pin-file: this card checks the PIN itself; leave it out");
  return pin ? await readPinOption(pinFile, options) : undefined;
}
