// `dsc pskc forget`: erases keys that another organisation has imported, as its receipt states.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { ForgetResult, GivenReceipt } from "../../desk/register/forget.js";
import { counted } from "../../files/counted.js";
import { readSiteCertificate } from "../../seeds/cms.js";
import { checkSignature, readReceipt } from "../../seeds/receipt.js";
import { show, warn } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { printing } from "./options.js";

interface Options extends RegisterOptions {
  receipt: string;
  siteCert?: string;
}

const EXAMPLES = [
  "dsc pskc forget --receipt site.xml.receipt.json --site-cert site.pem",
  "dsc pskc forget --receipt site.xml.receipt.json",
];
const NOTES = `
The receipt names the export by its hash, and the keys that were imported from it: exactly those are forgotten. With
--site-cert the receipt must be signed by that certificate's key, and the export must have been made for it; any other
receipt needs the approval of a second operator (dsc approve). If a card has a user name or an order in this register,
nothing of the receipt is forgotten.
Afterwards dsc verify ends with exit code 6 for these cards, and so does dsc unlock if the unlock key was exported.
Earlier backups still contain the keys: destroy them when they are no longer needed.
${REGISTER_HELP}`;

export function forgetCommand(): Command {
  const command = printing("forget", "erase keys that another organisation has imported, by its receipt", EXAMPLES)
    .requiredOption("--receipt <file>", "the receipt that dsc pskc import wrote there")
    .option("--site-cert <file>", "the certificate that the export was made for: its key signed the receipt")
    .addHelpText("after", NOTES)
    .action(run);
  return registerOptions(command, "journal");
}

async function run(options: Options, command: Command): Promise<void> {
  const given = receiptIn(options);
  const { engine, result } = await withRegister(options, async (register) => {
    const { forgetKeys } = await import("../../desk/register/forget.js");
    return { engine: register.engine.kind, result: await forgetKeys(register, given) };
  });
  if (engine === "postgres" && result.forgotten.length > 0) warn(ON_SERVER);
  const { forgotten, before } = result;
  const said = { receipt: options.receipt, export: given.receipt.export, forgotten, forgottenBefore: before };
  show(command, said, describe(result));
}

const ON_SERVER =
  "the server keeps what was erased until somebody runs VACUUM FULL keys, and in its log (WAL) and replicas until those " +
  "are recycled";

function receiptIn({ receipt: path, siteCert }: Options): GivenReceipt {
  const receipt = readReceipt(path);
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  if (siteCert === undefined) return { path, receipt, sha256, signedFor: undefined };
  const certificate = readSiteCertificate(siteCert);
  checkSignature(path, receipt, certificate.publicKey);
  return { path, receipt, sha256, signedFor: certificate };
}

function describe({ forgotten, before }: ForgetResult): string[] {
  const count = (field: "token" | "unlock") => forgotten.filter((key) => key.field === field).length;
  const earlier = before > 0 ? `; ${before} were forgotten before` : "";
  return [
    `forgotten: ${counted(count("token"), "token key")} and ${counted(count("unlock"), "unlock key")}${earlier}`,
    "earlier backups still contain them",
  ];
}
