// The table at the top of docs/EVIDENCE.md, made from docs/evidence.json: what each campaign tried, the result, the date and
// the module. A module other than that of these sources is marked as an earlier one.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { CAMPAIGNS } from "./campaigns.js";
import { currentModule, DOCUMENTED, type Record, recordsIn } from "./records.js";

export const DOCUMENT = join(ROOT, "docs", "EVIDENCE.md");

const BEGIN = "<!-- made by `npm run evidence -- --table` -->\n";
const END = "<!-- end -->\n";
const HEAD = "| campaign | tried | failures | date | module |\n|---|---|---|---|---|\n";

/** The sum of the named figures, with thousands separators. */
type FigureText = (...names: string[]) => string;

const REGISTER_KILLS = [
  "sqlite_statements",
  "sqlite_frames",
  "sqlite_syncs",
  "postgres_statements",
  "postgres_frames",
].map((what) => `register_kills_${what}`);

/** What each campaign tried, in a few words. */
const TRIED: { readonly [campaign: string]: (counted: FigureText) => string } = {
  "power-cuts": (counted) =>
    `${counted("power_cuts_single")} cuts; ${counted("power_cuts_pairs")} pairs of cuts, of which ${counted("power_cuts_pairs_run")} had to be run`,
  faults: (counted) => `${counted("faults_all")} faults in the module`,
  "faults-thumb": (counted) => `${counted("thumb_skips")} instructions of the image skipped`,
  fuzzing: (counted) =>
    `${counted(...["serial", "channel", "keys", "flash"].map((name) => `fuzzing_${name}_executions`))} executions`,
  model: (counted) =>
    `${counted("model_steps")} random steps with ${counted("model_cuts")} power cuts, ${counted("model_mutants")} mutants`,
  monkey: (counted) =>
    `${counted("monkey_mutants")} mutants by \`dsc-sim monkey\`, the last after ${counted("monkey_most_steps")} steps`,
  timing: (counted) =>
    `${counted("timing_wrong_pins")} wrong PINs, ${counted("timing_wrong_codes")} codes, ${counted("timing_channel_cases")} cryptograms and MACs, ${counted("timing_crypto_rounds")} keys each`,
  parsers: (counted) => `${counted("parsers_cases")} mutated inputs`,
  "known-answers": (counted) =>
    `${counted("known_answers_published")} published vectors and ${counted("known_answers_cross_checked")} that were computed and cross-checked`,
  proof: (counted) =>
    `${counted("proof_goals")} goals, of which the solver decided ${counted("proof_by_solver")}; ${counted("proof_mutants_refuted")} mutants`,
  "host-side": (counted) =>
    `${counted("host_kills_at_file_operations", "host_kills_at_frames")} kills, ${counted("host_power_loss_disks")} lost disks, ${counted("host_runs_at_once_on_one_port", "host_runs_at_once_on_one_file")} pairs at once, ${counted("host_process_images_searched")} process images`,
  desk: (counted) =>
    `${counted("desk_cards")} cards, ${counted("desk_pulls", "desk_exchanges")} pulled or exchanged, ${counted("desk_lost_ports")} ports lost, ${counted("desk_kills")} kills`,
  register: (counted) =>
    `${counted(...REGISTER_KILLS)} kills, ${counted("register_images_killed", "register_images_power_lost")} images of its file, ${counted("register_full_disks")} full disks, ${counted("register_connections_cut")} connections cut, ${counted("register_races")} races`,
};

/** The table of these records, in the order of the campaigns, each long form after the usual one. */
export function tableOf(records: readonly Record[], module: string): string {
  const rows = CAMPAIGNS.flatMap(({ name }) =>
    [false, true].flatMap((long) => records.filter((record) => record.campaign === name && record.long === long)),
  );
  return HEAD + rows.map((record) => rowOf(record, module)).join("");
}

function rowOf({ campaign, long, figures, failures, date, module }: Record, current: string): string {
  const name = `\`${campaign}${long ? " --long" : ""}\``;
  const counted: FigureText = (...names) => figureOf(figures, names).toLocaleString("en-US");
  const age = module === current ? "" : ", an earlier one";
  return `| ${name} | ${TRIED[campaign]?.(counted)} | ${failures.length} | ${date} | \`${module}\`${age} |\n`;
}

/** The sum of these figures. Throws if one is missing. */
function figureOf(figures: Record["figures"], names: readonly string[]): number {
  return names.reduce((sum, name) => {
    const figure = figures.find((one) => one.name === name);
    if (!figure) throw new Error(`docs/evidence.json has no figure ${name}`);
    return sum + figure.value;
  }, 0);
}

/** The table in the document. Throws if the document has no place for one. */
export function tableIn(document: string): string {
  return split(document)[1];
}

/** Replaces the table in the document. */
export function writeTable(): void {
  const [before, , after] = split(readFileSync(DOCUMENT, "utf8"));
  writeFileSync(DOCUMENT, before + tableOf(recordsIn(DOCUMENTED), currentModule()) + after);
}

/** The text before the table, the table, and the text after it. */
function split(document: string): [before: string, table: string, after: string] {
  const from = document.indexOf(BEGIN) + BEGIN.length;
  const to = document.indexOf(END);
  if (from < BEGIN.length || to < from) throw new Error("docs/EVIDENCE.md has no place for the table");
  return [document.slice(0, from), document.slice(from, to), document.slice(to)];
}
