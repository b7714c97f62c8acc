// `dsc challenge`: the site's challenge for a login, kept until it is used or expires.

import type { Command } from "commander";
import { ChallengeStore, LIFETIME } from "../../site/challenges.js";
import { show } from "../output.js";
import { printing, serialNumber } from "./options.js";

interface Options {
  serial: string;
  store: string;
}

const SECONDS = LIFETIME / 1000;

const EXAMPLES = ["dsc challenge --serial IB3000123 --store challenges.json"];
const NOTES = `
A challenge is good for one response, for ${SECONDS / 60} minutes, and for that card only. Several processes may use
the same FILE at once; it is made with the first challenge.`;

export function register(program: Command): void {
  const command = printing("challenge", "draw a fresh challenge for a card", EXAMPLES)
    .requiredOption("--serial <serial>", "the card's serial number", serialNumber)
    .requiredOption("--store <file>", "where challenges are kept")
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

function run({ serial, store }: Options, command: Command): void {
  const challenge = new ChallengeStore(store).issue(serial);
  show(command, { serial, challenge, seconds: SECONDS }, [challenge]);
}
