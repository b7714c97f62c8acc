// `dsc ports`: the serial ports, and which have a card on them.

import type { Command } from "commander";
import { CardInError } from "../errors.js";
import { exitCodeOf } from "../exit.js";
import { columns, show } from "../output.js";
import { listPorts, readStatusAt } from "../port.js";
import { printing } from "./options.js";

interface Options {
  port: string[];
}

/** What a port turned out to be. */
interface Found {
  readonly port: string;
  readonly card: boolean;
  readonly serial?: string | null;
  readonly state?: string;
  /** Why there is no card. */
  readonly reason?: string;
}

const EXAMPLES = ["dsc ports", "dsc ports --port /tmp/card --json"];
const NOTES = `
Each port is opened, and a hello is sent to whatever is there.`;

export function register(program: Command): void {
  const command = printing("ports", "list the serial ports, and which have a card on them", EXAMPLES)
    .option("--port <path...>", "look at these ports, too", [])
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const paths = new Set([...(await listPorts()), ...options.port]);
  const ports = await Promise.all([...paths].map(lookAt));
  const lines = columns(ports.map((found) => [found.port, describe(found)]));
  show(command, { ports }, ports.length > 0 ? lines : ["no serial ports"]);
}

async function lookAt(port: string): Promise<Found> {
  try {
    const { serial = null, life } = await readStatusAt(port);
    return { port, card: true, serial, state: life };
  } catch (error) {
    if (error instanceof CardInError) return { port, card: true, serial: null, state: error.state };
    if (exitCodeOf(error) === undefined) throw error;
    return { port, card: false, reason: (error as Error).message.replace(`${port}: `, "") };
  }
}

function describe({ card, serial, state, reason }: Found): string {
  return card ? `card ${serial ?? "without a serial number"}, ${state}` : (reason ?? "");
}
