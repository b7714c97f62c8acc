// `dsc unlock`: the help desk's half of unlocking a card: a lock code comes in, an unlock code goes out.

import type { Command } from "commander";
import { SeedFileError, UsageError } from "../../files/errors.js";
import { ocra } from "../../seeds/ocra.js";
import { UNLOCK_SUITE } from "../../seeds/pskcrecords.js";
import { show } from "../output.js";
import { openSeedFile, pskcKeyOption, SEED_SECRET_HELP } from "../secretoptions.js";
import { cardIn } from "../seedcards.js";
import { printing, sharedFilesOption } from "./options.js";

interface Options {
  serial: string;
  lockCode: string;
  pskc: string;
  pskcKey: string;
  insecureKeyFile?: boolean;
}

const LOCK_CODE = /^[0-9]{8}$/;

const EXAMPLES = ["dsc unlock --serial IB3000123 --lock-code 01234567 --pskc seeds.xml --pskc-key seeds.key"];
const NOTES = `${SEED_SECRET_HELP}

Be sure that the caller owns the card before you read the code out.`;

export function register(program: Command): void {
  const command = printing("unlock", "compute the unlock code for a locked card", EXAMPLES)
    .requiredOption("--serial <serial>", "the card's serial number")
    .requiredOption("--lock-code <digits>", "the 8 digits that the card shows")
    .requiredOption("--pskc <file>", "the seed file that has the card")
    .addOption(pskcKeyOption().makeOptionMandatory())
    .addOption(sharedFilesOption())
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  if (!LOCK_CODE.test(options.lockCode))
    throw new UsageError("--lock-code: 8 digits are expected, leading zeros included");
  const seeds = await openSeedFile(options.pskc, options.pskcKey, options);
  try {
    const { serial, unlockKey } = cardIn(seeds, options.serial);
    if (!unlockKey) throw new SeedFileError(`${options.pskc}: has no unlock key for ${serial}`);
    const unlockCode = ocra(UNLOCK_SUITE, unlockKey, { challenge: options.lockCode });
    show(command, { serial, unlockCode }, [unlockCode]);
  } finally {
    seeds.wipe();
  }
}
