// `dsc keys`: transport master keys.

import type { Command } from "commander";
import { kcv } from "../../card/transportkeys.js";
import { createTransportKeyFile, readTransportKey } from "../../files/secretfile.js";
import { show } from "../output.js";
import { readSecret, type SecretFileOptions } from "../secretoptions.js";
import { printing, refuseStdout, sharedFilesOption, TRANSPORT_PROMPT } from "./options.js";

const NEW_NOTES = `
Each card gets transport keys of its own, derived from this one and its serial number. Who holds FILE can
reseed every card; without it, no card that was given such keys can be reseeded. Keep a copy in a safe.`;
const SHOW_NOTES = `
Equal keys have equal check values, which tell nobody the key: compare a copy with the original. A check value is the
first three bytes of sixteen bytes 01, encrypted (AES) under the key.`;

export function register(program: Command): void {
  const draw = printing("new", "draw a transport master key", ["dsc keys new transport.key"])
    .argument("<file>", "the new file, for its owner's eyes only; never overwritten")
    .addHelpText("after", NEW_NOTES)
    .action(drawKey);
  const check = printing("show", "print the check value of a transport master key", ["dsc keys show transport.key"])
    .argument("<file>", "the file of the key (-: stdin)")
    .addOption(sharedFilesOption())
    .addHelpText("after", SHOW_NOTES)
    .action(showCheckValue);
  program.command("keys").description("transport master keys").addCommand(draw).addCommand(check);
}

function drawKey(file: string, _options: object, command: Command): void {
  refuseStdout(file);
  createTransportKeyFile(file);
  show(command, { file }, [`${file}: a new transport master key; keep a copy in a safe place`]);
}

async function showCheckValue(file: string, options: SecretFileOptions, command: Command): Promise<void> {
  const key = await readSecret(file, TRANSPORT_PROMPT, options, readTransportKey);
  try {
    const checkValue = kcv(key).toString("hex").toUpperCase();
    show(command, { file, checkValue }, [checkValue]);
  } finally {
    key.fill(0);
  }
}
