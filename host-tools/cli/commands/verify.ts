// `dsc verify`: the site's half of a login. Exit code 1 is for a response that is refused, and for nothing else.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { SeedFileError, UsageError } from "../../files/errors.js";
import { FileError } from "../../files/files.js";
import type { SeedRecord } from "../../seeds/pskc.js";
import { parseSuite, type Suite } from "../../seeds/suite.js";
import { ChallengeStore } from "../../site/challenges.js";
import { verifyOnce, verifyResponse } from "../../site/verify.js";
import { Exit } from "../exit.js";
import { show } from "../output.js";
import {
  openSeedFile,
  pinFileOption,
  pskcKeyOption,
  readPinOption,
  refuseStdinTwice,
  SEED_SECRET_HELP,
} from "../secretoptions.js";
import { cardIn } from "../seedcards.js";
import { printing, sharedFilesOption } from "./options.js";

interface Options {
  serial: string;
  challenge: string;
  response: string;
  pinFile?: string;
  store?: string;
  pskc: string;
  pskcKey: string;
  insecureKeyFile?: boolean;
}

const EXAMPLES = [
  `dsc verify --serial IB3000123 --challenge 012345 --response 01234567 --store challenges.json \\
      --pskc seeds.xml --pskc-key seeds.key`,
];
const NOTES = `${SEED_SECRET_HELP}

With --store the challenge must be one that dsc challenge drew for this card, and is spent with this, whether
the response is right or not. Without it nobody notices a response that is used twice.

Exit codes: 0 accepted; 1 refused; 2 an option that cannot be right (nothing is spent); 6 a file that cannot
be used, or has no such card.`;

export function register(program: Command): void {
  const command = printing("verify", "check a response: prints accepted or refused", EXAMPLES)
    .requiredOption("--serial <serial>", "the card's serial number")
    .requiredOption("--challenge <digits>", "the challenge that was shown, leading zeros included")
    .requiredOption("--response <digits>", "the response that was typed, leading zeros included")
    .addOption(pinFileOption())
    .option("--store <file>", "where the challenge is kept; it is spent")
    .requiredOption("--pskc <file>", "the seed file that has the card")
    .addOption(pskcKeyOption().makeOptionMandatory())
    .addOption(sharedFilesOption())
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  refuseStdinTwice(options.pinFile, options.pskcKey);
  // A name mistyped would else refuse every response.
  if (options.store !== undefined && !existsSync(options.store))
    throw new FileError(
      `${options.store}: there is no such store of challenges; \`dsc challenge\` makes it`,
      "missing",
    );
  const seeds = await openSeedFile(options.pskc, options.pskcKey, options);
  try {
    const accepted = await judge(cardIn(seeds, options.serial), options);
    show(command, { serial: options.serial, accepted }, [accepted ? "accepted" : "refused"]);
    if (!accepted) process.exitCode = Exit.FAILED;
  } finally {
    seeds.wipe();
  }
}

async function judge(card: SeedRecord, options: Options): Promise<boolean> {
  const { challenge, response } = options;
  const suite = parseSuite(card.suite);
  checkSuite(suite, card, options.pskc);
  checkForm(suite, challenge, response);
  if (!suite.pin && options.pinFile !== undefined)
    throw new UsageError("--pin-file: this card checks the PIN itself; leave it out");
  const pin = suite.pin ? await readPinOption(options.pinFile, options) : undefined;
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

/** What is no response at all was mistyped by the site: it costs no challenge. */
function checkForm(suite: Suite, challenge: string, response: string): void {
  if (challenge.length !== suite.challenge)
    throw new UsageError(`--challenge: ${suite.challenge} digits are expected, leading zeros included`);
  const form = suite.digits === 0 ? /^[0-9a-f]+$/ : new RegExp(`^[0-9]{${suite.digits}}$`);
  if (!form.test(response))
    throw new UsageError(`--response: ${suite.digits || "hexadecimal"} digits are expected, leading zeros included`);
}
