// `dsc ports`: lists the serial ports, and which of them have a card.

import type { Command } from "commander";
import { listPorts } from "../../card/port.js";
import { type Found, scanPorts } from "../../card/portscan.js";
import { columns, show } from "../output.js";
import { printing } from "./options.js";

interface Options {
  port: string[];
}

const EXAMPLES = ["dsc ports", "dsc ports --port /tmp/card --json"];
const NOTES = `
All ports are opened at the same time, and a hello is sent to each.`;

export function register(program: Command): void {
  const command = printing("ports", "list the serial ports, and which of them have a card", EXAMPLES)
    .option("--port <path...>", "check these ports too", [])
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  const paths = new Set([...(await listPorts()), ...options.port]);
  const found = await scanPorts([...paths]);
  const lines = columns(found.map((each) => [each.port, describe(each)]));
  show(command, { ports: found.map(resultOf) }, found.length > 0 ? lines : ["no serial ports"]);
}

/** For scripts. */
function resultOf(found: Found): object {
  const { port, status } = found;
  if (!status) {
    const { reason, inError } = found;
    return inError ? { port, card: true, serial: null, state: inError, reason } : { port, card: false, reason };
  }
  const { serial = null, life } = status;
  return { port, card: true, serial, state: life };
}

function describe(found: Found): string {
  const { status } = found;
  return status ? `card ${status.serial ?? "without a serial number"}, ${status.life}` : found.reason;
}
