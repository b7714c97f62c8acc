// `dsc pskc`: what a seed file holds, secrets masked; and its keys for privacyIDEA.

import type { Command } from "commander";
import { SeedFileError } from "../../files/errors.js";
import { writePrivacyIdeaCsv } from "../../seeds/privacyidea.js";
import { type CardOutline, outlineSeedFile, type SeedOutline } from "../../seeds/pskc.js";
import { columns, show, warn } from "../output.js";
import { openSeedFile, pskcKeyOption, SEED_SECRET_HELP } from "../secretoptions.js";
import { printing, refuseStdout, sharedFilesOption } from "./options.js";

interface ShowOptions {
  pskcKey?: string;
  insecureKeyFile?: boolean;
}

interface CsvOptions {
  pskcKey: string;
  insecureKeyFile?: boolean;
}

const SHOW_EXAMPLES = ["dsc pskc show seeds.xml", "dsc pskc show seeds.xml --pskc-key seeds.key --json"];
const CSV_EXAMPLES = ["dsc pskc csv seeds.xml import.csv --pskc-key seeds.key"];
const CSV_NOTES = `${SEED_SECRET_HELP}

OUT holds the keys in the clear, one line for each card: serial, key in hexadecimal, ocra, suite. Delete it
after the import. Cards that are not personalized to the end are left out.`;

const ENCRYPTION: Record<SeedOutline["opensWith"], string> = {
  key: "encrypted under a pre-shared key",
  passphrase: "encrypted under a passphrase",
  nothing: "not encrypted: whoever reads the file has the keys",
};

export function register(program: Command): void {
  const show = printing("show", "show what a seed file holds, secrets masked", SHOW_EXAMPLES)
    .argument("<file>", "the seed file")
    .addOption(pskcKeyOption())
    .addOption(sharedFilesOption())
    .addHelpText("after", `\nWith --pskc-key every key and its MAC are checked.${SEED_SECRET_HELP}`)
    .action(runShow);
  const csv = printing("csv", "write the keys as privacyIDEA imports them", CSV_EXAMPLES)
    .argument("<file>", "the seed file")
    .argument("<out>", "the new file; never overwritten")
    .addOption(pskcKeyOption().makeOptionMandatory())
    .addOption(sharedFilesOption())
    .addHelpText("after", CSV_NOTES)
    .action(runCsv);
  program.command("pskc").description("seed files (PSKC, RFC 6030)").addCommand(show).addCommand(csv);
}

async function runShow(file: string, options: ShowOptions, command: Command): Promise<void> {
  const outline = outlineSeedFile(file);
  const checked = options.pskcKey !== undefined;
  if (options.pskcKey !== undefined) (await openSeedFile(file, options.pskcKey, options)).wipe();
  const result = { file, opensWith: outline.opensWith, checked, cards: outline.cards, otherKeys: outline.others };
  show(command, result, describe(file, outline, checked));
}

function describe(file: string, outline: SeedOutline, checked: boolean): string[] {
  const { cards, others, opensWith } = outline;
  const summary: [string, string][] = [
    ["file", file],
    ["keys", ENCRYPTION[opensWith]],
    ["MACs", macs(opensWith, checked)],
    ["cards", String(cards.length)],
  ];
  if (others > 0) summary.push(["other keys", `${others}, of other algorithms`]);
  return [...columns(summary), ...cards.flatMap((card) => ["", ...describeCard(card)])];
}

function macs(opensWith: SeedOutline["opensWith"], checked: boolean): string {
  if (opensWith === "nothing") return "none are looked at";
  return checked ? "right" : "not checked; --pskc-key FILE checks them";
}

function describeCard(card: CardOutline): string[] {
  return columns([
    ["serial", card.serial],
    ["suite", card.suite],
    ["PIN", card.pinCheck === "card" ? "checked by the card" : "checked by the site"],
    ["tries", card.tries === undefined ? "not said" : String(card.tries)],
    ["state", card.state === "done" ? "done" : "pending: not personalized to the end"],
    ["transport keys", card.keyset === undefined ? "not said" : `version ${card.keyset}`],
    ["key", "********"],
    ["unlock key", card.unlockable ? "********" : "none"],
  ]);
}

async function runCsv(file: string, out: string, options: CsvOptions, command: Command): Promise<void> {
  refuseStdout(out);
  const seeds = await openSeedFile(file, options.pskcKey, options);
  try {
    const pending = seeds.records.filter((record) => record.state === "pending").length;
    if (pending === seeds.records.length)
      throw new SeedFileError(`${file}: has no card that is personalized to the end; nothing was written`);
    const cards = writePrivacyIdeaCsv(out, seeds.records);
    if (pending > 0) warn(`${pending} not personalized to the end: left out`);
    const said = `${out}: ${cards} ${cards === 1 ? "card" : "cards"}, keys in the clear: delete it after the import`;
    show(command, { file: out, cards, pending }, [said]);
  } finally {
    seeds.wipe();
  }
}
