// The table at the top of docs/EVIDENCE.md, made of docs/evidence.json: what each campaign tried, with what result, when,
// and of which module. A module that is not the one of these sources is called an earlier one.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { CAMPAIGNS } from "./campaigns.js";
import { currentModule, DOCUMENTED, type Record, recordsIn } from "./records.js";

export const DOCUMENT = join(ROOT, "docs", "EVIDENCE.md");

const BEGIN = "<!-- made by `npm run evidence -- --table` -->\n";
const END = "<!-- end -->\n";
const HEAD = "| campaign | tried | failures | date | module |\n|---|---|---|---|---|\n";

/** Figures by name, written as people read them. */
type Told = (...names: string[]) => string;

/** What was tried, in a few words. Several names: the sum of these figures. */
const TRIED: { readonly [campaign: string]: (told: Told) => string } = {
  "power-cuts": (told) =>
    `${told("power_cuts_single")} cuts; ${told("power_cuts_pairs")} pairs of cuts, of which ${told("power_cuts_pairs_run")} had to be run`,
  faults: (told) => `${told("faults_all")} faults in the module`,
  "faults-thumb": (told) => `${told("thumb_skips")} instructions of the image skipped`,
  fuzzing: (told) =>
    `${told(...["serial", "channel", "keys", "flash"].map((name) => `fuzzing_${name}_executions`))} executions`,
  model: (told) =>
    `${told("model_steps")} random steps with ${told("model_cuts")} power cuts, ${told("model_mutants")} mutants`,
  timing: (told) =>
    `${told("timing_wrong_pins")} wrong PINs, ${told("timing_wrong_codes")} codes, ${told("timing_channel_cases")} cryptograms and MACs, ${told("timing_crypto_rounds")} keys each`,
  parsers: (told) => `${told("parsers_cases")} mutated inputs`,
  "known-answers": (told) =>
    `${told("known_answers_published")} published vectors and ${told("known_answers_cross_checked")} that were computed and cross-checked`,
  "host-side": (told) =>
    `${told("host_kills_at_file_operations", "host_kills_at_frames")} kills, ${told("host_power_loss_disks")} lost disks, ${told("host_runs_at_once_on_one_port", "host_runs_at_once_on_one_file")} pairs at once, ${told("host_process_images_searched")} process images`,
};

/** The rows for these records, in the order of the campaigns, the long forms after the usual ones. */
export function tableOf(records: readonly Record[], module: string): string {
  const rows = CAMPAIGNS.flatMap(({ name }) =>
    [false, true].flatMap((long) => records.filter((record) => record.campaign === name && record.long === long)),
  );
  return HEAD + rows.map((record) => rowOf(record, module)).join("");
}

function rowOf({ campaign, long, figures, failures, date, module }: Record, current: string): string {
  const name = `\`${campaign}${long ? " --long" : ""}\``;
  const told: Told = (...names) => figureOf(figures, names).toLocaleString("en-US");
  const age = module === current ? "" : ", an earlier one";
  return `| ${name} | ${TRIED[campaign]?.(told)} | ${failures.length} | ${date} | \`${module}\`${age} |\n`;
}

/** The sum of these figures. Throws where one is missing. */
function figureOf(figures: Record["figures"], names: readonly string[]): number {
  return names.reduce((sum, name) => {
    const figure = figures.find((one) => one.name === name);
    if (!figure) throw new Error(`docs/evidence.json has no figure ${name}`);
    return sum + figure.value;
  }, 0);
}

/** The table that the document has. Throws where it has no place for one. */
export function tableIn(document: string): string {
  return split(document)[1];
}

/** Makes the table of the document anew. */
export function writeTable(): void {
  const [before, , after] = split(readFileSync(DOCUMENT, "utf8"));
  writeFileSync(DOCUMENT, before + tableOf(recordsIn(DOCUMENTED), currentModule()) + after);
}

/** What stands before the table, the table, and what stands after it. */
function split(document: string): [before: string, table: string, after: string] {
  const from = document.indexOf(BEGIN) + BEGIN.length;
  const to = document.indexOf(END);
  if (from < BEGIN.length || to < from) throw new Error("docs/EVIDENCE.md has no place for the table");
  return [document.slice(0, from), document.slice(from, to), document.slice(to)];
}
