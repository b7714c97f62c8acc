// `dsc challenge`: the site's challenge for a login, kept until it is used or expires.

import type { Command } from "commander";
import { ChallengeStore, LIFETIME } from "../challenges.js";
import { show } from "../output.js";
import { checkSerialNumber } from "../serialnumber.js";

interface Options {
  serial: string;
  store: string;
}

const SECONDS = LIFETIME / 1000;

const HELP = `
A challenge is good for one response, for ${SECONDS / 60} minutes, and for that card only. Several processes may use
the same FILE at once; it is made with the first challenge.

Example:
  dsc challenge --serial IB3000123 --store challenges.json`;

export function register(program: Command): void {
  program
    .command("challenge")
    .description("draw a fresh challenge for a card")
    .requiredOption("--serial <serial>", "the card's serial number, such as IB3000123")
    .requiredOption("--store <file>", "where challenges are kept")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action(run);
}

function run(options: Options, command: Command): void {
  const serial = checkSerialNumber(options.serial);
  const challenge = new ChallengeStore(options.store).issue(serial);
  show(command, { serial, challenge, seconds: SECONDS }, [challenge]);
}
