// `dsc keys`: transport master keys.

import type { Command } from "commander";
import { createTransportKeyFile } from "../../files/secretfile.js";
import { show } from "../output.js";
import { printing, refuseStdout } from "./options.js";

const NOTES = `
Each card gets transport keys of its own, derived from this one and its serial number. Who holds FILE can
reseed every card; without it, no card that was given such keys can be reseeded. Keep a copy in a safe.`;

export function register(program: Command): void {
  const command = printing("new", "draw a transport master key", ["dsc keys new transport.key"])
    .argument("<file>", "the new file, for its owner's eyes only; never overwritten")
    .addHelpText("after", NOTES)
    .action(run);
  program.command("keys").description("transport master keys").addCommand(command);
}

function run(file: string, _options: object, command: Command): void {
  refuseStdout(file);
  createTransportKeyFile(file);
  show(command, { file }, [`${file}: a new transport master key; keep a copy in a safe place`]);
}
