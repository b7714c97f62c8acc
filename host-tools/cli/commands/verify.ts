// `dsc verify`: the site's half of a login. Exit code 1 is for a response that is refused, and for nothing else.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { SeedFileError, UsageError } from "../../files/errors.js";
import { FileError } from "../../files/files.js";
import type { SeedRecord } from "../../seeds/pskc.js";
import type { Suite } from "../../seeds/suite.js";
import { ChallengeStore } from "../../site/challenges.js";
import { verifyOnce, verifyResponse } from "../../site/verify.js";
import { Exit } from "../exit.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { checkForm, pinFor } from "../responses.js";
import { openSeedFile, pinFileOption, pskcKeyOption, refuseStdinTwice, SEED_SECRET_HELP } from "../secretoptions.js";
import { cardIn } from "../seedcards.js";
import { printing } from "./options.js";

interface Options extends RegisterOptions {
  serial: string;
  challenge: string;
  response: string;
  pinFile?: string;
  store?: string;
  pskc?: string;
  pskcKey?: string;
}

/** With the keys in a seed file. */
interface SeedFileOptions extends Options {
  pskc: string;
  pskcKey: string;
}

const EXAMPLES = [
  "dsc verify --serial IB3000123 --challenge 012345 --response 01234567 \\",
  "    --register desk.db --site-key site.key",
];
const NOTES = `
The challenge must be one that dsc challenge drew for this card. It is spent with this, whether the response is
right or not, and before the verdict is printed: however many ask at once, it is accepted once.
${REGISTER_HELP}

With --pskc the keys are in a seed file instead, and with --store the challenge is in a file of its own; without
that nobody notices a response that is used twice.${SEED_SECRET_HELP}

Exit codes: 0 accepted; 1 refused; 2 an option that cannot be right (nothing is spent); 6 a file or the register
cannot be used, or has no such card.`;

export function register(program: Command): void {
  const command = registerOptions(
    printing("verify", "check a response: prints accepted or refused", EXAMPLES),
    "site",
    "desk",
  )
    .requiredOption("--serial <serial>", "the card's serial number")
    .requiredOption("--challenge <digits>", "the challenge that was shown, leading zeros included")
    .requiredOption("--response <digits>", "the response that was typed, leading zeros included")
    .addOption(pinFileOption())
    .option("--store <file>", "where the challenge is kept, without a register; it is spent")
    .option("--pskc <file>", "the seed file that has the card, without a register")
    .addOption(pskcKeyOption())
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { serial } = options;
  const accepted = isBySeedFile(options) ? await judgeBySeedFile(options) : await judgeByRegister(options);
  show(command, { serial, accepted }, [accepted ? "accepted" : "refused"]);
  if (!accepted) process.exitCode = Exit.FAILED;
}

function isBySeedFile(options: Options): options is SeedFileOptions {
  const { pskc, pskcKey, store } = options;
  if (pskc !== undefined && pskcKey === undefined) throw new UsageError("--pskc: --pskc-key says what opens it");
  if (pskc === undefined && (pskcKey ?? store) !== undefined)
    throw new UsageError("--pskc-key and --store are for cards in a seed file; name it with --pskc");
  return pskc !== undefined;
}

async function judgeByRegister(options: Options): Promise<boolean> {
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

async function judgeBySeedFile(options: SeedFileOptions): Promise<boolean> {
  refuseStdinTwice(options.pinFile, options.pskcKey);
  // A name mistyped would else refuse every response.
  if (options.store !== undefined && !existsSync(options.store))
    throw new FileError(
      `${options.store}: there is no such store of challenges; \`dsc challenge\` makes it`,
      "missing",
    );
  const seeds = await openSeedFile(options.pskc, options.pskcKey, options);
  try {
    return await judge(cardIn(seeds, options.serial), options);
  } finally {
    seeds.wipe();
  }
}

async function judge(card: SeedRecord, options: SeedFileOptions): Promise<boolean> {
  const { challenge, response } = options;
  checkSuite(checkForm(card.suite, challenge, response), card, options.pskc);
  const pin = await pinFor(card.suite, options.pinFile, options);
  try {
    if (options.store === undefined) return verifyResponse(card, challenge, response, pin);
    return verifyOnce(card, new ChallengeStore(options.store), challenge, response, pin);
  } finally {
    pin?.fill(0);
  }
}

function checkSuite({ counter, session, step }: Suite, card: SeedRecord, path: string): void {
  if (counter || session || step)
    throw new SeedFileError(
      `${path}: ${card.serial} has the suite ${card.suite}, whose other inputs are not kept here`,
    );
}
