// `dsc unlock`: the help desk's half of unlocking a card: a lock code comes in, an unlock code goes out.

import type { Command } from "commander";
import { SeedFileError, UsageError } from "../../files/errors.js";
import { ocra } from "../../seeds/ocra.js";
import { UNLOCK_SUITE } from "../../seeds/pskcrecords.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { openSeedFile, pskcKeyOption, refuseStdinTwice, SEED_SECRET_HELP } from "../secretoptions.js";
import { cardIn } from "../seedcards.js";
import { printing } from "./options.js";

interface Options extends RegisterOptions {
  serial: string;
  lockCode: string;
  pskc?: string;
  pskcKey?: string;
}

const EXAMPLES = [
  "dsc unlock --serial IB3000123 --lock-code 01234567 \\",
  "    --register desk.db --site-key site.key --journal-key journal.key",
];
const NOTES = `
Be sure that the caller owns the card before you read the code out.
${REGISTER_HELP}

With --pskc the keys are in a seed file instead.${SEED_SECRET_HELP}`;

export function register(program: Command): void {
  const command = registerOptions(
    printing("unlock", "compute the unlock code for a locked card", EXAMPLES),
    "site",
    "desk",
    "journal",
  )
    .requiredOption("--serial <serial>", "the card's serial number")
    .requiredOption("--lock-code <digits>", "the 8 digits that the card shows")
    .option("--pskc <file>", "the seed file that has the card, without a register")
    .addOption(pskcKeyOption())
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { serial, lockCode, pskc, pskcKey } = options;
  const { checkLockCode } = await import("../../site/unlockcode.js");
  checkLockCode(lockCode);
  if ((pskc === undefined) !== (pskcKey === undefined))
    throw new UsageError("--pskc and --pskc-key belong together: the seed file, and what opens it");
  const unlockCode =
    pskc === undefined || pskcKey === undefined ? await byRegister(options) : await bySeedFile(pskc, pskcKey, options);
  show(command, { serial, unlockCode }, [unlockCode]);
}

async function byRegister(options: Options): Promise<string> {
  const { serial, lockCode, siteKey, deskKey, journalKey, operatorKey } = options;
  refuseStdinTwice(siteKey, deskKey, journalKey, operatorKey);
  const [{ changeApproved }, { giveUnlockCode, unlockSubject }] = await Promise.all([
    import("../../desk/register/approvals.js"),
    import("../../site/unlockcode.js"),
  ]);
  return withRegister(options, (opened) =>
    changeApproved(
      opened,
      (each) => unlockSubject(each, serial, lockCode),
      (each) => giveUnlockCode(each, serial, lockCode),
    ),
  );
}

async function bySeedFile(pskc: string, pskcKey: string, options: Options): Promise<string> {
  const seeds = await openSeedFile(pskc, pskcKey, options);
  try {
    const { serial, unlockKey } = cardIn(seeds, options.serial);
    if (!unlockKey) throw new SeedFileError(`${pskc}: has no unlock key for ${serial}`);
    return ocra(UNLOCK_SUITE, unlockKey, { challenge: options.lockCode });
  } finally {
    seeds.wipe();
  }
}
