// `dsc pskc`: shows what a PSKC file contains, with secrets masked, and converts its keys for other systems.

import { type Command, Option } from "commander";
import { counted } from "../../files/counted.js";
import { SeedFileError } from "../../files/errors.js";
import { writeNextcloudCsv } from "../../seeds/nextcloud.js";
import { writePrivacyIdeaCsv } from "../../seeds/privacyidea.js";
import {
  type CardOutline,
  describeRefusal,
  outlineSeedFile,
  type Refusal,
  type SeedOutline,
  wipeRecords,
} from "../../seeds/pskcimport.js";
import { columns, show, warn } from "../output.js";
import { importSeedFile, pskcKeyOption, SEED_SECRET_HELP } from "../secretoptions.js";
import { printing, refuseStdout, sharedFilesOption } from "./options.js";
import { exportCommand } from "./pskcexport.js";
import { forgetCommand } from "./pskcforget.js";
import { importCommand, throwRefusals } from "./pskcimport.js";

interface ShowOptions {
  pskcKey?: string;
  insecureKeyFile?: boolean;
}

interface CsvOptions {
  pskcKey: string;
  for: keyof typeof SYSTEMS;
  insecureKeyFile?: boolean;
}

const SHOW_EXAMPLES = ["dsc pskc show seeds.xml", "dsc pskc show seeds.xml --pskc-key seeds.key --json"];
const CSV_EXAMPLES = [
  "dsc pskc csv seeds.xml import.csv --pskc-key seeds.key",
  "dsc pskc csv seeds.xml import.csv --pskc-key seeds.key --for nextcloud",
];
const CSV_NOTES = `${SEED_SECRET_HELP}

OUT contains the token keys in the clear; delete it after the import. privacyidea: a line for each card: serial, key
in hexadecimal, ocra, suite. nextcloud: the columns of its app twofactor_oath, key in base32. Cards whose
personalization is not finished are left out, and for nextcloud also those without a user name.`;

/** The writers of import files for other systems. Each returns the number of cards in the file. */
const SYSTEMS = { privacyidea: writePrivacyIdeaCsv, nextcloud: writeNextcloudCsv };

const ENCRYPTION: Record<SeedOutline["opensWith"], string> = {
  key: "encrypted under a pre-shared key",
  passphrase: "encrypted under a passphrase",
  nothing: "not encrypted: anybody who reads the file has the keys",
};

export function register(program: Command): void {
  const show = printing("show", "show what a seed file contains, with secrets masked", SHOW_EXAMPLES)
    .argument("<file>", "the seed file")
    .addOption(pskcKeyOption())
    .addOption(sharedFilesOption())
    .addHelpText("after", `\nWith --pskc-key every key and its MAC are checked.${SEED_SECRET_HELP}`)
    .action(runShow);
  const csv = printing("csv", "write the token keys in the import format of another system", CSV_EXAMPLES)
    .argument("<file>", "the seed file")
    .argument("<out>", "the new file; never overwritten")
    .addOption(pskcKeyOption().makeOptionMandatory())
    .addOption(systemOption())
    .addOption(sharedFilesOption())
    .addHelpText("after", CSV_NOTES)
    .action(runCsv);
  const pskc = program.command("pskc").description("export, import and show keys in PSKC (RFC 6030)");
  for (const command of [exportCommand(), importCommand(), forgetCommand(), show, csv]) pskc.addCommand(command);
}

function systemOption(): Option {
  return new Option("--for <system>", "the system that imports the file")
    .choices(Object.keys(SYSTEMS))
    .default("privacyidea");
}

async function runShow(file: string, options: ShowOptions, command: Command): Promise<void> {
  const outline = outlineSeedFile(file);
  const checked = options.pskcKey !== undefined;
  const refusals = checked ? await check(file, options.pskcKey as string, options) : outline.refusals;
  const { cards, others } = outline;
  const result = { file, opensWith: outline.opensWith, checked, cards, otherKeys: others, refused: refusals };
  show(command, result, describe(file, { ...outline, refusals }, checked));
  throwRefusals(file, refusals);
}

/** Opens every key and checks its MAC. */
async function check(file: string, pskcKey: string, options: ShowOptions): Promise<readonly Refusal[]> {
  const { records, refusals } = await importSeedFile(file, pskcKey, options);
  wipeRecords(records);
  return refusals;
}

function describe(file: string, outline: SeedOutline, checked: boolean): string[] {
  const { cards, others, opensWith, refusals } = outline;
  const summary: [string, string][] = [
    ["file", file],
    ["keys", ENCRYPTION[opensWith]],
    ["MACs", macs(outline, checked)],
    ["cards", String(cards.length)],
  ];
  if (others > 0) summary.push(["other keys", `${others}, of other algorithms`]);
  for (const refusal of refusals) summary.push(["cannot be used", describeRefusal(refusal)]);
  return [...columns(summary), ...cards.flatMap((card) => ["", ...describeCard(card)])];
}

function macs({ opensWith, refusals }: SeedOutline, checked: boolean): string {
  if (opensWith === "nothing") return "none is checked";
  if (!checked) return "not checked; --pskc-key FILE checks them";
  const right = refusals.length > 0 ? "right, except for the unusable keys" : "right";
  return `${right}; they cover the keys, and no serial number`;
}

function describeCard(card: CardOutline): string[] {
  return columns([
    ["serial", card.serial],
    ["suite", card.suite],
    ["PIN", card.pinCheck === "card" ? "checked by the card" : "checked by the site"],
    ["user name", card.userName ?? "not given"],
    ["tries", card.tries === undefined ? "not given" : String(card.tries)],
    ["state", card.state === "done" ? "done" : "pending: personalization not finished"],
    ["transport keys", card.keyset === undefined ? "not given" : `version ${card.keyset}`],
    ["key", "********"],
    ["unlock key", card.unlockable ? "********" : "none"],
  ]);
}

async function runCsv(file: string, out: string, options: CsvOptions, command: Command): Promise<void> {
  refuseStdout(out);
  const { records, refusals } = await importSeedFile(file, options.pskcKey, options);
  try {
    const pending = records.filter((record) => record.state === "pending").length;
    if (pending === records.length)
      throw new SeedFileError(`${file}: contains no card whose personalization is finished; nothing was written`);
    const cards = SYSTEMS[options.for](out, records);
    const nameless = records.length - pending - cards;
    if (pending > 0) warn(`${pending} left out: personalization not finished`);
    if (nameless > 0) warn(`${nameless} left out: no user name`);
    const said = `${out}: ${counted(cards, "card")}, keys in the clear; delete it after the import`;
    show(command, { file: out, cards, pending, nameless, refused: refusals }, [said]);
  } finally {
    wipeRecords(records);
  }
  throwRefusals(file, refusals);
}
