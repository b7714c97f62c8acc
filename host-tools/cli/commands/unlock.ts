// `dsc unlock`: the help desk's side of unlocking a card: computes the unlock code for a lock code.

import type { Command } from "commander";
import { withGone } from "../gone.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { refuseStdinTwice } from "../secretoptions.js";
import { printing, serialNumber } from "./options.js";

interface Options extends RegisterOptions {
  serial: string;
  lockCode: string;
}

const EXAMPLES = [
  "dsc unlock --serial IB3000123 --lock-code 01234567 \\",
  "    --register desk.db --site-key site.key --journal-key journal.key",
];
const NOTES = `
Make sure that the caller owns the card before you read out the code.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const command = printing("unlock", "compute the unlock code for a locked card", EXAMPLES);
  withGone(command, "--pskc", "--pskc-key");
  registerOptions(command, "site", "desk", "journal")
    .requiredOption("--serial <serial>", "the card's serial number", serialNumber)
    .requiredOption("--lock-code <digits>", "the 8 digits that the card shows")
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { serial, lockCode, siteKey, deskKey, journalKey, operatorKey } = options;
  const [{ changeApproved }, { checkLockCode, giveUnlockCode, unlockSubject }] = await Promise.all([
    import("../../desk/register/approvals.js"),
    import("../../site/unlockcode.js"),
  ]);
  checkLockCode(lockCode);
  refuseStdinTwice(siteKey, deskKey, journalKey, operatorKey);
  const unlockCode = await withRegister(options, (opened) =>
    changeApproved(
      opened,
      (each) => unlockSubject(each, serial, lockCode),
      (each) => giveUnlockCode(each, serial, lockCode),
    ),
  );
  show(command, { serial, unlockCode }, [unlockCode]);
}
