// Options of an earlier release: whoever still gives one is told in a line what does its work now.

import { type Command, Option } from "commander";
import { UsageError } from "../files/errors.js";

/** Refuses these options, by their flags, with a line that names the successor. The help does not show them. */
export function refuseFormer(command: Command, options: Readonly<Record<string, string>>): void {
  for (const [flags, successor] of Object.entries(options)) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      throw new UsageError(`${option.long}: is no option any more; ${successor}`);
    });
  }
}
