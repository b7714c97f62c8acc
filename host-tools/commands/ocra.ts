// `dsc ocra`: the response of a key to a challenge, as a card would compute it.

import type { Command } from "commander";
import { UsageError } from "../exit.js";
import { ocra, parseSuite, type Suite } from "../ocra.js";
import { show } from "../output.js";
import { isInteractive } from "../prompt.js";
import { STDIN } from "../secretfile.js";
import { addInsecureOption, addPinFileOption, readKeyFromStdin, readPinOption } from "../secretoptions.js";

interface Options {
  suite: string;
  challenge: string;
  pinFile?: string;
  insecureKeyFile?: boolean;
}

const HELP = `
The key, 16 to 64 bytes in hexadecimal, comes over standard input; at a terminal it is asked for.

Examples:
  dsc ocra --suite OCRA-1:HOTP-SHA256-8:QN06 --challenge 012345 < key.hex
  dsc ocra --suite OCRA-1:HOTP-SHA256-8:QN06-PSHA256 --challenge 012345 --pin-file pin.txt < key.hex`;

export function register(program: Command): void {
  const command = program
    .command("ocra")
    .description("compute the response of a key to a challenge (RFC 6287)")
    .requiredOption("--suite <suite>", "such as OCRA-1:HOTP-SHA256-8:QN06")
    .requiredOption("--challenge <challenge>", "as the site shows it, leading zeros included");
  addInsecureOption(addPinFileOption(command)).option("--json", "print JSON").addHelpText("after", HELP).action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  // What is on the command line is looked at before anything is asked for.
  const suite = parseSuite(options.suite);
  checkSuite(suite);
  checkChallenge(suite, options.challenge);
  checkPinFile(suite, options.pinFile);
  const key = await readKeyFromStdin();
  try {
    const pin = suite.pin ? await readPinOption(options.pinFile, options) : undefined;
    const response = ocra(options.suite, key, { challenge: options.challenge, ...(pin && { pin }) });
    show(command, { response }, [response]);
  } finally {
    key.fill(0);
  }
}

function checkSuite({ counter, session, step }: Suite): void {
  if (counter || session || step)
    throw new UsageError("--suite: a challenge and a PIN can be given; a counter (C), session (S) or time (T) cannot");
}

/** OCRA takes numbers that are shorter, but then a digit was left out. In mutual mode (§7.2) there are two. */
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
