// `npm run evidence`: the campaigns of docs/EVIDENCE.md, all or by name.
//
//   npm run evidence -- [NAME…] [--long] [--only ID]
//
// The figures go to build/evidence.json, those of campaigns that were not run staying as they were.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { ROOT } from "../support/root.js";
import type { Campaign, Figure, Options } from "./campaign.js";
import { CAMPAIGNS } from "./campaigns.js";

const FILE = join(ROOT, "build", "evidence.json");

/** The figures of a campaign, and when and how it was run. */
interface Record {
  readonly campaign: string;
  readonly date: string;
  readonly long: boolean;
  readonly seconds: number;
  readonly failures: number;
  readonly figures: readonly Figure[];
}

async function main(): Promise<number> {
  const command = new Command("evidence")
    .description("the campaigns of docs/EVIDENCE.md")
    .argument("[name...]", CAMPAIGNS.map((campaign) => campaign.name).join(", "))
    .option("--long", "the whole of each, as long as it takes")
    .option("--only <id>", "one case, as a failure named it")
    .parse();
  const { long = false, only } = command.opts<{ long?: boolean; only?: string }>();
  const chosen = choose(command.args);
  if (only !== undefined && chosen.length !== 1) throw new UsageError("--only: name the one campaign that it is of");
  let failures = 0;
  for (const campaign of chosen) failures += await run(campaign, { long, ...(only !== undefined && { only }), log });
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

/** Runs one, prints what it found, and keeps its figures. Returns how many cases failed. */
async function run(campaign: Campaign, options: Options): Promise<number> {
  console.log(`${campaign.name}: ${campaign.title}`);
  const started = Date.now();
  const { figures, failures, skipped } = await campaign.run(options);
  const seconds = Math.round((Date.now() - started) / 1000);
  for (const { name, value, unit } of figures)
    console.log(`  ${name.padEnd(44)} ${String(value).padStart(12)} ${unit}`);
  for (const { id, what } of failures) console.log(`  FAILED ${id}: ${what}`);
  if (skipped) console.log(`  skipped: ${skipped}`);
  console.log(`  ${failures.length === 0 ? "no failures" : `${failures.length} failed`}, ${seconds} s`);
  if (options.only === undefined && figures.length > 0) {
    keep({
      campaign: campaign.name,
      date: new Date().toISOString().slice(0, 10),
      long: options.long,
      seconds,
      failures: failures.length,
      figures,
    });
  }
  return failures.length;
}

function keep(record: Record): void {
  const others = records().filter((other) => other.campaign !== record.campaign);
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify([...others, record], null, 2)}\n`);
}

function records(): Record[] {
  try {
    return JSON.parse(readFileSync(FILE, "utf8")) as Record[];
  } catch {
    return [];
  }
}

function log(line: string): void {
  process.stderr.write(`  ${line}\n`);
}

class UsageError extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`evidence: ${error.message}\n`);
  process.exitCode = 2;
}
