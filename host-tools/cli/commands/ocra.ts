// `dsc ocra`: computes the response of a key to a challenge, as a card would.

import type { Command } from "commander";
import { UsageError } from "../../files/errors.js";
import { STDIN } from "../../files/secretfile.js";
import { ocra } from "../../seeds/ocra.js";
import type { Suite } from "../../seeds/suite.js";
import { show } from "../output.js";
import { isInteractive } from "../prompt.js";
import { pinFileOption, readKeyFromStdin, readPinOption } from "../secretoptions.js";
import { printing, sharedFilesOption, suiteOf } from "./options.js";

interface Options {
  suite: string;
  challenge: string;
  pinFile?: string;
  insecureKeyFile?: boolean;
}

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const EXAMPLES = [
  `dsc ocra --suite ${SUITE} --challenge 012345 < key.hex`,
  `dsc ocra --suite ${SUITE}-PSHA256 --challenge 012345 --pin-file pin.txt < key.hex`,
];
const NOTES = `
The key, 16 to 64 bytes in hexadecimal, is read from standard input; at a terminal it is asked for.`;

export function register(program: Command): void {
  const command = printing("ocra", "compute the response of a key to a challenge (RFC 6287)", EXAMPLES)
    .requiredOption("--suite <suite>", `such as ${SUITE}`)
    .requiredOption("--challenge <challenge>", "as the site shows it, leading zeros included")
    .addOption(pinFileOption())
    .addOption(sharedFilesOption())
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  // Command-line values are checked before the user is asked for anything.
  const suite = suiteOf(options.suite);
  checkSuite(suite);
  checkChallenge(suite, options.challenge);
  checkPinFile(suite, options.pinFile);
  const key = await readKeyFromStdin();
  let pin: Buffer | undefined;
  try {
    if (suite.pin) pin = await readPinOption(options.pinFile, options);
    const response = ocra(options.suite, key, { challenge: options.challenge, ...(pin && { pin }) });
    show(command, { response }, [response]);
  } finally {
    key.fill(0);
    pin?.fill(0);
  }
}

function checkSuite({ counter, session, step }: Suite): void {
  if (counter || session || step)
    throw new UsageError(
      "--suite: a counter (C), session (S) or time (T) is not supported; give a suite with a challenge and at most a PIN",
    );
}

/**
 * OCRA accepts shorter numbers, but here one means that a digit was left out. In mutual mode (§7.2) there are two
 * challenges.
 */
function checkChallenge({ format, challenge: digits }: Suite, challenge: string): void {
  if (format === "N" && challenge.length !== digits && challenge.length !== 2 * digits)
    throw new UsageError(`--challenge: ${digits} digits are expected, leading zeros included`);
}

function checkPinFile(suite: Suite, pinFile: string | undefined): void {
  if (!suite.pin && pinFile !== undefined) throw new UsageError("--pin-file: this suite has no PIN; leave it out");
  if (pinFile === STDIN) throw new UsageError("--pin-file: standard input holds the key; give the PIN in a file");
  if (suite.pin && pinFile === undefined && !isInteractive())
    throw new UsageError("this suite has a PIN; give it with --pin-file FILE");
}
