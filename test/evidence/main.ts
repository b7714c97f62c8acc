// `npm run evidence`: the campaigns of docs/EVIDENCE.md, all or by name.
//
//   npm run evidence -- [NAME…] [--long] [--only ID] [--record]
//   npm run evidence -- --table
//
// The figures go to build/evidence.json, those of the long form beside those of the usual one; figures of campaigns that were
// not run are kept. With --record they also go to docs/evidence.json, on which docs/EVIDENCE.md reports.

import { spawnSync } from "node:child_process";
import { Command, CommanderError } from "commander";
import { inOneLine, withoutControls } from "../../host-tools/files/commandline.js";
import { ROOT } from "../../host-tools/files/project.js";
import type { Campaign, Options } from "./campaign.js";
import { CAMPAIGNS } from "./campaigns.js";
import { currentModule, DOCUMENTED, keep, LAST_RUN, type Record, UNKNOWN } from "./records.js";
import { writeTable } from "./table.js";

interface Given {
  readonly long?: boolean;
  readonly only?: string;
  readonly record?: boolean;
  readonly table?: boolean;
}

async function main(): Promise<number> {
  const command = new Command("evidence")
    .description("the campaigns of docs/EVIDENCE.md")
    .argument("[name...]", CAMPAIGNS.map((campaign) => campaign.name).join(", "))
    .option("--long", "the whole of each, as long as it takes")
    .option("--only <id>", "one case, as a failure named it")
    .option("--record", "keep the figures in docs/evidence.json, too, and make the table of docs/EVIDENCE.md anew")
    .option("--table", "run nothing; make that table anew, as after a change of the firmware")
    .configureOutput({ outputError: (text) => say(inOneLine(text)) })
    .exitOverride()
    .parse();
  const { long = false, only, record = false, table } = command.opts<Given>();
  if (table) {
    writeTable();
    return 0;
  }
  const chosen = choose(command.args);
  if (only !== undefined && chosen.length !== 1) throw new UsageError("--only: name the one campaign that it is of");
  const started = Date.now();
  let failures = 0;
  const files = only !== undefined ? [] : record ? [LAST_RUN, DOCUMENTED] : [LAST_RUN];
  for (const campaign of chosen)
    failures += await run(campaign, { long, ...(only !== undefined && { only }), log }, files);
  if (record) writeTable();
  if (chosen.length > 1) console.log(`all: ${failures} failed, ${secondsSince(started)} s`);
  return failures > 0 ? 1 : 0;
}

function choose(names: readonly string[]): readonly Campaign[] {
  const unknown = names.find((name) => !CAMPAIGNS.some((campaign) => campaign.name === name));
  if (unknown !== undefined) throw new UsageError(`${unknown}: no such campaign; choose of ${list()}`);
  return CAMPAIGNS.filter((campaign) => names.length === 0 || names.includes(campaign.name));
}

function list(): string {
  return CAMPAIGNS.map((campaign) => campaign.name).join(", ");
}

/** Runs a campaign, prints its result, and writes its figures to the files. Returns the number of failed cases. */
async function run(campaign: Campaign, options: Options, files: readonly string[]): Promise<number> {
  console.log(`${campaign.name}: ${campaign.title}`);
  const started = Date.now();
  const { figures, failures, skipped } = await campaign.run(options);
  const seconds = secondsSince(started);
  for (const { name, value, unit } of figures)
    console.log(`  ${name.padEnd(44)} ${String(value).padStart(12)} ${unit}`);
  for (const { id, what } of failures) console.log(`  FAILED ${id}: ${what}`);
  if (failures.length > 0 && options.only === undefined) {
    console.log(`  again: npm run evidence -- ${campaign.name}${options.long ? " --long" : ""} --only ID`);
  }
  if (skipped) console.log(`  skipped: ${skipped}`);
  console.log(`  ${failures.length === 0 ? "no failures" : `${failures.length} failed`}, ${seconds} s`);
  if (figures.length > 0) {
    const date = new Date().toISOString().slice(0, 10);
    const record = { campaign: campaign.name, long: options.long, date, ...origin(), seconds, failures, figures };
    for (const file of files) keep(file, record);
  }
  return failures.length;
}

function secondsSince(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}

/** The version on which a campaign is run. */
function origin(): Pick<Record, "module" | "commit"> {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty=+"], { cwd: ROOT, encoding: "utf8" });
  return { module: currentModule(), commit: status === 0 ? stdout.trim() : UNKNOWN };
}

function log(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

function say(text: string): void {
  process.stderr.write(`evidence: ${withoutControls(text)}\n`);
}

class UsageError extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof CommanderError)) throw error;
  // Commander has printed its own errors.
  if (error instanceof UsageError) say(error.message);
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
}
