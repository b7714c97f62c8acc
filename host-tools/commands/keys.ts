// `dsc keys`: transport master keys.

import type { Command } from "commander";
import { show } from "../output.js";
import { createTransportKeyFile } from "../secretfile.js";

const HELP = `
Each card gets transport keys of its own, derived from this one and its serial number. Who holds FILE can
reseed every card; without it, no card that was given such keys can be reseeded. Keep a copy in a safe.

Example:
  dsc keys new transport.key`;

export function register(program: Command): void {
  const keys = program.command("keys").description("transport master keys");
  keys
    .command("new")
    .argument("<file>", "the new file, for its owner's eyes only; never overwritten")
    .description("draw a transport master key")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action(run);
}

function run(file: string, _options: object, command: Command): void {
  createTransportKeyFile(file);
  show(command, { file }, [`${file}: a new transport master key; keep a copy in a safe place`]);
}
