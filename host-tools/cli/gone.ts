// Options of the first release that went: keys and challenges were in files then, and are in a register now. Each is refused
// with one line that names what took its place.

import { type Command, Option } from "commander";
import { UsageError } from "../files/errors.js";

const GONE = {
  "--pskc":
    "--pskc went: keys are in a register (--register; dsc register init makes one); a seed file comes in with dsc pskc " +
    "import, and keys go to another system with dsc pskc export",
  "--pskc-key":
    "--pskc-key went from this command: keys are in a register (--register), which --site-key, --desk-key and " +
    "--journal-key open",
  "--append": "--append went: a register (--register) takes any number of cards",
  "--store": "--store went: challenges are in the register (--register)",
} as const;

/** Adds options that went to a command that had them: no help names them. */
export function withGone(command: Command, ...names: readonly (keyof typeof GONE)[]): Command {
  for (const name of names) command.addOption(goneOption(name));
  return command;
}

/** With a value or without, it is the option that is told of. */
function goneOption(name: keyof typeof GONE): Option {
  const refuse = () => {
    throw new UsageError(GONE[name]);
  };
  return new Option(`${name} [value]`).preset("").hideHelp().argParser(refuse);
}
