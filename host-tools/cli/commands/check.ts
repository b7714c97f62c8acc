// `dsc check`: checks whether the card at a port is the one in the register. Nothing is written.

import type { Command } from "commander";
import type { CardCheck, Difference } from "../../desk/cardcheck.js";
import { counted } from "../../files/counted.js";
import { Exit } from "../exit.js";
import { coloured, columns, show, warn } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { refuseStdinTwice } from "../secretoptions.js";
import {
  type CardOptions,
  speaking,
  type TransportOptions,
  transportOption,
  withCard,
  withMasterKey,
} from "./options.js";

type Options = CardOptions & TransportOptions & RegisterOptions;

const EXAMPLES = ["dsc check --port /dev/ttyACM0 --transport transport.key --register desk.db"];
const NOTES = `
The card is looked up by the serial number and id that it reports. It must open a secure channel with the expected
transport keys, and is compared with the register. Nothing is written, neither to the card nor to the register.

The site key or the desk key is needed only to check the token key. That is possible only for a card whose PIN the
server checks: other cards prove their token key only with the right PIN.
${REGISTER_HELP}

Exit codes: 0 it is that card; 1 something differs; 4 the card does not have the expected transport keys; 6 the
register does not know it.`;

const TOKEN_KEYS: Record<CardCheck["tokenKey"], string> = {
  proved: "proved: the card has it",
  wrong: "another one",
  "not checked": "not checked",
};

export function register(program: Command): void {
  const command = speaking("check", "check whether the card at a port is the one in the register", EXAMPLES).addOption(
    transportOption(),
  );
  registerOptions(command, "site", "desk").addHelpText("after", NOTES).action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const { transport, siteKey, deskKey, port } = options;
  refuseStdinTwice(transport, siteKey, deskKey);
  const { checkCard } = await import("../../desk/cardcheck.js");
  const check = await withMasterKey(options, (master) =>
    withRegister(options, (opened) => withCard(options, (card) => checkCard(card, opened, master))),
  );
  for (const warning of check.warnings) warn(warning);
  show(command, { port, ...resultOf(check) }, linesOf(check));
  if (check.differences.length > 0) process.exitCode = Exit.FAILED;
}

/** For scripts: what the card reports, its state in the register, and the differences. */
function resultOf({ registered, status, transportKeys, tokenKey, differences }: CardCheck): object {
  const { serial, id, suite, pinCheck, tries, triesLeft, kvn, life, lock, firmware, kind } = status;
  return {
    ...{ serial: serial ?? null, cardId: id ?? null, state: registered.state, right: differences.length === 0 },
    ...{ differences, transportKeys, keyset: kvn, tokenKey, suite: suite ?? null, pinCheck, tries, triesLeft },
    ...{ life, lock, firmware, kind: kind ?? null },
  };
}

function linesOf(check: CardCheck): string[] {
  const { registered, status, transportKeys, tokenKey, differences } = check;
  const {
    serial = "none",
    id = "none",
    suite = "none",
    pinCheck,
    tries,
    triesLeft,
    kvn,
    life,
    lock,
    firmware,
  } = status;
  const table = columns([
    ["serial", serial],
    ["card id", id],
    ["register", registered.state],
    ["life", lock === "none" ? life : `${life}, ${lock}`],
    ["suite", suite],
    [
      "PIN",
      pinCheck === "card"
        ? `checked by the card, ${triesLeft} of ${counted(tries, "try", "tries")} left`
        : `checked by: ${pinCheck}`,
    ],
    ["transport keys", `version ${kvn}, ${transportKeys === "own" ? "its own" : "the public test keys"}`],
    ["token key", TOKEN_KEYS[tokenKey]],
    ["firmware", `${firmware.version}, ${firmware.hash}`],
  ]);
  const verdict =
    differences.length === 0
      ? coloured("green", `it is the card that the register has as ${registered.serial}`)
      : coloured("red", `it differs from what the register has for ${registered.serial}`);
  return [...table, ...differences.map(lineOf), verdict];
}

function lineOf({ what, register, card, remedy }: Difference): string {
  return `${what}: the register has ${register}, the card says ${card}; ${remedy}`;
}
