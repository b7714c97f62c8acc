// `dsc verify`: the site's side of a login. Exit code 1 means only that a response was refused.

import type { Command } from "commander";
import { Exit } from "../exit.js";
import { withGone } from "../gone.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { checkForm, pinFor } from "../responses.js";
import { pinFileOption, refuseStdinTwice } from "../secretoptions.js";
import { printing, serialNumber } from "./options.js";

interface Options extends RegisterOptions {
  serial: string;
  challenge: string;
  response: string;
  pinFile?: string;
}

const EXAMPLES = [
  "dsc verify --serial IB3000123 --challenge 012345 --response 01234567 \\",
  "    --register desk.db --site-key site.key",
];
const NOTES = `
The challenge must come from dsc challenge, for this card. It is spent whether the response is right or wrong,
and before the verdict is printed, so that of any number of concurrent calls only one can accept the response.
${REGISTER_HELP}

Exit codes: 0 accepted; 1 refused; 2 a wrong option (nothing is spent); 6 a file or the register
cannot be used, or has no such card.`;

export function register(program: Command): void {
  const command = printing("verify", "check a response: prints accepted or refused", EXAMPLES);
  withGone(command, "--store", "--pskc", "--pskc-key");
  registerOptions(command, "site", "desk")
    .requiredOption("--serial <serial>", "the card's serial number", serialNumber)
    .requiredOption("--challenge <digits>", "the challenge that was shown, leading zeros included")
    .requiredOption("--response <digits>", "the response that was typed, leading zeros included")
    .addOption(pinFileOption())
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { serial } = options;
  const accepted = await judge(options);
  show(command, { serial, accepted }, [accepted ? "accepted" : "refused"]);
  if (!accepted) process.exitCode = Exit.FAILED;
}

async function judge(options: Options): Promise<boolean> {
  const { serial, challenge, response, pinFile, siteKey, deskKey } = options;
  refuseStdinTwice(pinFile, siteKey, deskKey);
  const [{ acceptOnce }, { cardOf }] = await Promise.all([
    import("../../site/registerverify.js"),
    import("../../desk/register/cards.js"),
  ]);
  return withRegister(options, async (opened) => {
    const { suite } = await opened.engine.read((db) => cardOf(db, serial));
    checkForm(suite, challenge, response);
    const pin = await pinFor(suite, pinFile, options);
    try {
      return await acceptOnce(opened, { serial, challenge, response, pin });
    } finally {
      pin?.fill(0);
    }
  });
}
