// `dsc keys`: transport master keys.

import type { Command } from "commander";
import { isReadable, type Master, masterKcv, wipeMaster } from "../../card/transportkeys.js";
import { isTokenUri } from "../../desk/custody/uri.js";
import { UsageError } from "../../files/errors.js";
import { createTransportKeyFile } from "../../files/secretfile.js";
import { readMaster } from "../masterkey.js";
import { show } from "../output.js";
import type { SecretFileOptions } from "../secretoptions.js";
import { createInToken, TOKEN_HELP } from "../tokens.js";
import { printing, refuseStdout, sharedFilesOption } from "./options.js";

const NEW_NOTES = `
Each card gets its own transport keys, derived from this key and its serial number. Anybody who has FILE can reseed
every card; without it, no card with such keys can be reseeded. Keep a copy in a safe.
${TOKEN_HELP}
A key that is drawn in a token never leaves it.`;
const SHOW_EXAMPLES = ["dsc keys show transport.key", "dsc keys show pskc.key --fingerprint"];
const SHOW_NOTES = `
Equal keys have equal check values, which do not reveal the key: use them to compare a copy with the original. A check
value is the first three bytes of the AES encryption of sixteen bytes 01 under the key.
With --fingerprint, for the key of a seed file: many keys have the same check value, and the approval of an export is
for the key with this fingerprint (dsc approve shows it).
${TOKEN_HELP}`;

export function register(program: Command): void {
  const draw = printing("new", "draw a transport master key", ["dsc keys new transport.key"])
    .argument("<file>", "the new file, for its owner's eyes only, or a pkcs11: URI; never overwritten")
    .addOption(sharedFilesOption())
    .addHelpText("after", NEW_NOTES)
    .action(drawKey);
  const check = printing("show", "print the check value of a transport master key", SHOW_EXAMPLES)
    .argument("<file>", "the file of the key (-: stdin), or its pkcs11: URI")
    .option("--fingerprint", "print the fingerprint instead, which tells the keys of seed files apart")
    .addOption(sharedFilesOption())
    .addHelpText("after", SHOW_NOTES)
    .action(showCheckValue);
  program.command("keys").description("transport master keys").addCommand(draw).addCommand(check);
}

interface ShowOptions extends SecretFileOptions {
  readonly fingerprint?: boolean;
}

async function drawKey(file: string, options: SecretFileOptions, command: Command): Promise<void> {
  refuseStdout(file);
  const inToken = isTokenUri(file);
  if (inToken) await createInToken(file, "transport", options);
  else createTransportKeyFile(file);
  const advice = inToken ? "which cannot leave its token" : "keep a copy in a safe place";
  show(command, { file }, [`${file}: a new transport master key${inToken ? "," : ";"} ${advice}`]);
}

async function showCheckValue(file: string, options: ShowOptions, command: Command): Promise<void> {
  const master = await readMaster(file, options);
  try {
    const checkValue = masterKcv(master).toString("hex").toUpperCase();
    const fingerprint = options.fingerprint ? await fingerprintOf(master) : undefined;
    show(command, { file, checkValue, fingerprint }, [fingerprint ?? checkValue]);
  } finally {
    wipeMaster(master);
  }
}

async function fingerprintOf(master: Master): Promise<string> {
  if (!isReadable(master))
    throw new UsageError("--fingerprint: a key that cannot leave its token has none; name a file");
  const { keyFingerprint } = await import("../../seeds/pskckeys.js");
  return keyFingerprint(master);
}
