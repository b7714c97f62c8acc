// `dsc challenge`: draws the site's challenge for a login, which is kept until it is used or expires.

import type { Command } from "commander";
import { RegisterError } from "../../desk/register/errors.js";
import { withGone } from "../gone.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { printing, serialNumber } from "./options.js";

interface Options extends RegisterOptions {
  serial: string;
}

const EXAMPLES = ["dsc challenge --serial IB3000123 --register desk.db"];
const NOTES = `
A challenge is valid for one response, for five minutes, and for that card only. Any number of processes may
draw challenges at the same time.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const command = withGone(printing("challenge", "draw a fresh challenge for a card", EXAMPLES), "--store");
  registerOptions(command)
    .requiredOption("--serial <serial>", "the card's serial number", serialNumber)
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { serial } = options;
  const [{ change }, { cardOf }, { issueChallenge, LIFETIME }] = await Promise.all([
    import("../../desk/register/change.js"),
    import("../../desk/register/cards.js"),
    import("../../desk/register/challenges.js"),
  ]);
  const challenge = await withRegister(options, (opened) =>
    change(opened, async (each) => {
      const { state } = await cardOf(each.db, serial);
      if (UNABLE.includes(state)) throw new RegisterError(`${serial} is ${state}: it answers no challenge`, "state");
      return issueChallenge(each, serial);
    }),
  );
  show(command, { serial, challenge, seconds: LIFETIME / 1000 }, [challenge]);
}

/** A lost card may get a challenge too: its response proves that it was found. */
const UNABLE = ["blank", "pending", "returned", "retired"];
