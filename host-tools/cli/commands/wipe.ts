// `dsc wipe`: returns a card to NO KEY. Serial number and transport keys stay.

import type { Command } from "commander";
import { Level } from "../../../firmware/wire.js";
import type { CardClient, CardStatus } from "../../card/cardclient.js";
import { type Master, wipeKeyset } from "../../card/transportkeys.js";
import { expectedOf, keysetFor } from "../../desk/expectedkeys.js";
import { CheckFailed } from "../../files/errors.js";
import { show } from "../output.js";
import { askYes, isInteractive } from "../prompt.js";
import {
  type CardOptions,
  sharedFilesOption,
  speaking,
  type TransportOptions,
  transportOption,
  withCard,
  withMasterKey,
} from "./options.js";

interface Options extends CardOptions, TransportOptions {
  yes?: boolean;
}

const EXAMPLES = ["dsc wipe --port /dev/ttyACM0 --transport transport.key", "dsc wipe --port /tmp/card --yes"];
const NOTES = `
At a terminal the command asks before anything is lost; without one it does not ask. The token key, the unlock key
and the PIN are lost for good.`;

export function register(program: Command): void {
  const command = speaking("wipe", "remove the keys from a card, back to NO KEY", EXAMPLES)
    .addOption(transportOption())
    .addOption(sharedFilesOption())
    .option("--yes", "do not ask")
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { port } = options;
  const result = await withMasterKey(options, (master) => withCard(options, (card) => wipe(card, master, options)));
  const { serial, wiped } = result;
  const name = serial ?? "the card";
  show(command, { port, ...result }, [wiped ? `${name} is wiped: it shows NO KEY` : `${name} was not changed`]);
}

async function wipe(card: CardClient, master: Master | undefined, options: Options) {
  const status = await card.readStatus();
  const keys = keysetFor(expectedOf(master), status);
  try {
    const serial = status.serial ?? null;
    if (!options.yes && isInteractive() && !(await confirmed(status))) return { serial, wiped: false };
    await card.openChannel(Level.FULL, keys);
    await card.wipe();
    await card.closeChannel();
    const { life } = await card.readStatus();
    if (life !== "blank") throw new CheckFailed(`the card reports ${life} instead of blank; wipe it again`);
    return { serial, wiped: true };
  } finally {
    wipeKeyset(keys);
  }
}

function confirmed({ serial, life }: CardStatus): Promise<boolean> {
  return askYes(`Wipe ${serial ?? "the card without a serial number"}, which is ${life}?`);
}
