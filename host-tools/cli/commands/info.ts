// `dsc info`: what a card reports to anybody.

import type { Command } from "commander";
import { type CardStatus, factsOf } from "../../card/cardstatus.js";
import { coloured, columns, show } from "../output.js";
import { type CardOptions, speaking, withCard } from "./options.js";

const EXAMPLES = ["dsc info --port /dev/ttyACM0", "dsc info --port /dev/ttyACM0 --json"];

const COLOURS = { good: "green", careful: "yellow", bad: "red" } as const;

export function register(program: Command): void {
  program.addCommand(speaking("info", "show what a card reports about itself", EXAMPLES).action(run));
}

async function run(options: CardOptions, command: Command): Promise<void> {
  const status = await withCard(options, (card) => card.readStatus());
  show(command, resultOf(options.port, status), describe(status));
}

/** For scripts. */
function resultOf(port: string, status: CardStatus): object {
  const { serial, life, kvn, suite, id, kind, ...rest } = status;
  const known = { serial: serial ?? null, id: id ?? null, kind: kind ?? null, state: life, suite: suite ?? null };
  return { port, ...known, keyset: kvn, ...rest };
}

function describe(status: CardStatus): string[] {
  return columns(
    factsOf(status).map(({ label, value, tone }) => [label, tone ? coloured(COLOURS[tone], value) : value]),
  );
}
