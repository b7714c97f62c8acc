// Options of the first release that were removed when keys and challenges moved from files into the register. Each is
// refused with one line that names its replacement.

import { type Command, Option } from "commander";
import { UsageError } from "../files/errors.js";

const GONE = {
  "--pskc":
    "--pskc was removed: keys are in a register (--register; dsc register init makes one); import a seed file with dsc pskc " +
    "import, and export keys to another system with dsc pskc export",
  "--pskc-key":
    "--pskc-key was removed from this command: keys are in a register (--register), which --site-key, --desk-key and " +
    "--journal-key open",
  "--append": "--append was removed: leave it out, since a register (--register) takes any number of cards",
  "--store": "--store was removed: give --register, which keeps the challenges",
} as const;

/** Adds removed options to a command that had them; help does not show them. */
export function withGone(command: Command, ...names: readonly (keyof typeof GONE)[]): Command {
  for (const name of names) command.addOption(goneOption(name));
  return command;
}

/** The refusal names the option whether or not a value follows. */
function goneOption(name: keyof typeof GONE): Option {
  const refuse = () => {
    throw new UsageError(GONE[name]);
  };
  return new Option(`${name} [value]`).preset("").hideHelp().argParser(refuse);
}
