// `dsc pskc export`: writes the keys of cards for another organisation.

import { createHash } from "node:crypto";
import { type Command, Option } from "commander";
import { kcv } from "../../card/transportkeys.js";
import type { ExportNote } from "../../desk/register/keyexport.js";
import type { Register } from "../../desk/register/register.js";
import { counted } from "../../files/counted.js";
import { createExclusive, refuseTaken } from "../../files/files.js";
import { encryptForSite, readSiteCertificate, type SiteCertificate } from "../../seeds/cms.js";
import { type ExportedCard, exportPskc } from "../../seeds/pskcexport.js";
import { keyFingerprint } from "../../seeds/pskckeys.js";
import { show, warn } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { pskcKeyOption, refuseStdinTwice, SEED_SECRET_HELP, withSeedSecret } from "../secretoptions.js";
import { printing, refuseStdout, serialNumber, wholeNumber } from "./options.js";

interface Options extends RegisterOptions {
  pskcKey: string;
  siteCert?: string;
  serial?: string[];
  batch?: number;
  withUnlockKeys?: boolean;
}

/** The result of an export. */
interface Made {
  readonly pskc: Buffer;
  readonly note: ExportNote;
}

const MOST_BATCH = 999_999_999;

const EXAMPLES = [
  "dsc pskc export site.xml --pskc-key pskc.key",
  "dsc pskc export site.p7m --pskc-key pskc.key --site-cert site.pem --batch 7",
  "dsc pskc export one.xml --pskc-key pskc.key --serial IB3000123 --with-unlock-keys",
];
const NOTES = `
FILE contains the token keys of cards that are seeded, shipped or active, as PSKC (RFC 6030). With --site-cert it is
inside CMS, which the site opens with its private key:
  openssl cms -decrypt -inform DER -in FILE -inkey KEY.pem -out seeds.xml
Unlock keys are for a help desk: each has its own serial number, such as IB3000123-U.
For each card the journal records the exported keys, the recipient, and the file's SHA-256 (of the PSKC inside CMS).
${SEED_SECRET_HELP}
privacyIDEA and LinOTP support only SHA-1 for passphrases: give them a key of 32 digits.
${REGISTER_HELP}`;

export function exportCommand(): Command {
  const command = printing("export", "write the keys of cards for another organisation", EXAMPLES)
    .argument("<file>", "the new file; never overwritten")
    .addOption(pskcKeyOption().makeOptionMandatory())
    .option("--site-cert <file>", "the site's certificate (X.509, PEM or DER; RSA or EC): the file is for its key only")
    .addOption(new Option("--serial <serials...>", "only these cards").argParser(alsoSerial).conflicts("batch"))
    .addOption(new Option("--batch <n>", "only the cards of this batch").argParser(wholeNumber(1, MOST_BATCH)))
    .option("--with-unlock-keys", "unlock keys too, under serial numbers of their own")
    .addHelpText("after", NOTES)
    .action(run);
  return registerOptions(command, "site", "desk", "journal");
}

function alsoSerial(text: string, before: readonly string[] = []): string[] {
  return [...before, serialNumber(text)];
}

async function run(file: string, options: Options, command: Command): Promise<void> {
  refuseStdout(file);
  const { pskcKey, siteKey, deskKey, journalKey, operatorKey } = options;
  refuseStdinTwice(pskcKey, siteKey, deskKey, journalKey, operatorKey);
  const certificate = options.siteCert === undefined ? undefined : readSiteCertificate(options.siteCert);
  refuseTaken(file);
  const { count, leftOut, note } = await withRegister(options, (register) =>
    exportKeys(register, file, options, certificate),
  );
  if (leftOut > 0) warn(`${leftOut} left out: their state allows no export`);
  const unlock = options.withUnlockKeys === true;
  const { sha256, pskcKey: key, certificate: site } = note;
  const result = { file, cards: count, leftOut, unlockKeys: unlock, sha256, pskcKey: key, certificate: site };
  const what = unlock ? "token keys and unlock keys" : "token keys";
  show(command, result, [`${file}: ${what} of ${counted(count, "card")}`, `SHA-256  ${note.sha256}`]);
}

async function exportKeys(
  register: Register,
  file: string,
  options: Options,
  certificate: SiteCertificate | undefined,
): Promise<{ count: number; leftOut: number; note: ExportNote }> {
  const { noteExport, readExport, spendExportApproval, wipeCards } = await import("../../desk/register/keyexport.js");
  const choice = { serials: options.serial, batch: options.batch };
  const { cards, leftOut } = await readExport(register, choice, options.withUnlockKeys === true);
  try {
    const { pskc, note } = await make(cards, options, certificate);
    const contents = certificate ? await encryptForSite(pskc, certificate) : pskc;
    await spendExportApproval(register, cards, note, options.withUnlockKeys === true);
    // Record the export before writing the file, so that the journal lists every key that leaves.
    await noteExport(register, cards, note);
    createExclusive(file, contents);
    return { count: cards.length, leftOut: leftOut.length, note };
  } finally {
    wipeCards(cards);
  }
}

function make(
  cards: readonly ExportedCard[],
  options: Options,
  certificate: SiteCertificate | undefined,
): Promise<Made> {
  return withSeedSecret(options.pskcKey, options, (secret) => {
    const pskc = exportPskc(cards, secret, { unlockKeys: options.withUnlockKeys === true });
    const sha256 = createHash("sha256").update(pskc).digest("hex");
    const isKey = secret instanceof Uint8Array;
    const pskcKey = isKey ? kcv(secret).toString("hex") : "passphrase";
    const fingerprint = isKey ? keyFingerprint(secret) : null;
    return { pskc, note: { sha256, pskcKey, keyFingerprint: fingerprint, certificate: certificate?.fingerprint } };
  });
}
