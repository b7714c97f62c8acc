// `dsc challenge`: the site's challenge for a login, kept until it is used or expires.

import type { Command } from "commander";
import { UsageError } from "../../files/errors.js";
import { ChallengeStore, LIFETIME } from "../../site/challenges.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { printing, serialNumber } from "./options.js";

interface Options extends RegisterOptions {
  serial: string;
  store?: string;
}

const SECONDS = LIFETIME / 1000;

const EXAMPLES = ["dsc challenge --serial IB3000123 --register desk.db"];
const NOTES = `
A challenge is good for one response, for ${SECONDS / 60} minutes, and for that card only. Any number of processes may
ask for one at once.
${REGISTER_HELP}

With --store FILE challenges are in a file of their own instead, which is made with the first one.`;

export function register(program: Command): void {
  const command = registerOptions(printing("challenge", "draw a fresh challenge for a card", EXAMPLES))
    .requiredOption("--serial <serial>", "the card's serial number", serialNumber)
    .option("--store <file>", "where challenges are kept, without a register")
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { serial, store } = options;
  const challenge = store === undefined ? await issue(options) : new ChallengeStore(store).issue(serial);
  show(command, { serial, challenge, seconds: SECONDS }, [challenge]);
}

async function issue(options: Options): Promise<string> {
  const { serial } = options;
  const [{ change }, { cardOf }, { issueChallenge }] = await Promise.all([
    import("../../desk/register/change.js"),
    import("../../desk/register/cards.js"),
    import("../../desk/register/challenges.js"),
  ]);
  return withRegister(options, (opened) =>
    change(opened, async (each) => {
      const { state } = await cardOf(each.db, serial);
      if (UNABLE.includes(state)) throw new UsageError(`--serial: ${serial} is ${state}; it answers no challenge`);
      return issueChallenge(each, serial);
    }),
  );
}

/** A card that was lost may be found, and proves that by a response. */
const UNABLE = ["blank", "pending", "returned", "retired"];
