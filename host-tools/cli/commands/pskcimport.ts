// `dsc pskc import`: imports the keys of another organisation, or of a seed file of the first release, into the
// register, and writes the receipt.

import type { Command } from "commander";
import { counted } from "../../files/counted.js";
import { SeedFileError } from "../../files/errors.js";
import { refuseTaken } from "../../files/files.js";
import { readContents } from "../../files/secretfile.js";
import { describeRefusal, type Imported, type Refusal, wipeRecords } from "../../seeds/pskcimport.js";
import { receiptOf, signingKeyIn, writeReceipt } from "../../seeds/receipt.js";
import { show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, whereOf, withRegister } from "../registeroptions.js";
import { importSeedFile, pskcKeyOption, readSecret, refuseStdinTwice, SEED_SECRET_HELP } from "../secretoptions.js";
import { printing, refuseStdout } from "./options.js";

interface Options extends RegisterOptions {
  pskcKey: string;
  receipt?: string;
  signKey?: string;
}

const EXAMPLES = [
  "dsc pskc import seeds.xml --pskc-key pskc.key",
  "dsc pskc import seeds.xml --pskc-key pskc.key --sign-key private.pem",
];
const NOTES = `
The keys are imported as they are, bound to no card. Keys that cannot be imported are named, and all others are
imported; importing the same file again changes nothing. A file inside CMS must be opened first:
  openssl cms -decrypt -inform DER -in seeds.p7m -inkey KEY.pem -out seeds.xml
The receipt is for the organisation that exported the keys. It names the file by its SHA-256 and each imported key.
--sign-key signs it with the private key (PEM) of the certificate that the export was made for.
${SEED_SECRET_HELP}
${REGISTER_HELP}`;

export function importCommand(): Command {
  const command = printing("import", "import the keys of a file into the register, and write the receipt", EXAMPLES)
    .argument("<file>", "the file: PSKC")
    .addOption(pskcKeyOption().makeOptionMandatory())
    .option("--receipt <file>", "the new file for the receipt; never overwritten (default: FILE.receipt.json)")
    .option("--sign-key <file>", "the private key that signs the receipt, in PEM (-: stdin)")
    .addHelpText("after", NOTES)
    .action(run);
  return registerOptions(command, "site", "desk", "journal");
}

async function run(file: string, options: Options, command: Command): Promise<void> {
  const { receipt = `${file}.receipt.json`, pskcKey, siteKey, deskKey, journalKey, operatorKey, signKey } = options;
  refuseStdout(receipt);
  // Checked before the file is opened, which takes seconds if it has thousands of keys.
  whereOf(options);
  refuseStdinTwice(pskcKey, siteKey, deskKey, journalKey, operatorKey, signKey);
  refuseTaken(receipt);
  const signingKey =
    signKey === undefined ? undefined : await readSecret(signKey, "Private key", options, readSigningKey);
  const imported = await importSeedFile(file, pskcKey, options);
  try {
    if (imported.records.length === 0)
      throw new SeedFileError(`${file}: contains no key of a card; nothing was imported`);
    const { taken, known, refusals } = await takeIn(imported, options);
    if (taken.length > 0) writeReceipt(receipt, receiptOf({ ...imported, records: taken }, new Date()), signingKey);
    const result = {
      file,
      sha256: imported.sha256,
      cards: taken.length,
      known,
      otherKeys: imported.others,
      refused: refusals,
      ...(taken.length > 0 && { receipt }),
    };
    show(command, result, describe(file, result));
    throwRefusals(file, refusals);
  } finally {
    wipeRecords(imported.records);
  }
}

function describe(file: string, result: { cards: number; known: number; receipt?: string }): string[] {
  const { cards, known, receipt } = result;
  const before = known > 0 ? `, ${known} of them known before` : "";
  const said = `${file}: ${counted(cards, "card")} taken in${before}`;
  return receipt === undefined ? [said] : [said, `receipt  ${receipt}`];
}

function readSigningKey(path: string, options: Parameters<typeof readContents>[1]) {
  return readContents(path, options, signingKeyIn);
}

/** All records that the file or the register refused. */
async function takeIn({ records, refusals, sha256 }: Imported, options: Options) {
  const result = await withRegister(options, async (register) => {
    const { importRecords } = await import("../../desk/register/keyimport.js");
    return importRecords(register, records, sha256);
  });
  return { ...result, refusals: [...refusals, ...result.refusals] };
}

/** Imported records stay imported; refused ones are reported and make the command fail. */
export function throwRefusals(file: string, refusals: readonly Refusal[]): void {
  const [first] = refusals;
  if (!first) return;
  const more = refusals.length > 1 ? `; and ${refusals.length - 1} more` : "";
  throw new SeedFileError(`${file}: a key cannot be used, all others can: ${describeRefusal(first)}${more}`);
}
