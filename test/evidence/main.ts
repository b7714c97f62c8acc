// `npm run evidence`: the campaigns of docs/EVIDENCE.md, all or by name.
//
//   npm run evidence -- [NAME…] [--long] [--only ID]
//
// The figures go to build/evidence.json, those of the long form beside those of the usual one; what was not run stays as
// it was.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { firmwareOf } from "../../host-tools/firmwarehash.js";
import { FIRMWARE_FILE } from "../../sim/firmware.js";
import { ROOT } from "../support/root.js";
import type { Campaign, Failure, Figure, Options } from "./campaign.js";
import { CAMPAIGNS } from "./campaigns.js";

const FILE = join(ROOT, "build", "evidence.json");

/** The figures of a campaign, and when, how and of what it was run. */
interface Record {
  readonly campaign: string;
  readonly long: boolean;
  readonly date: string;
  /** The hash of the firmware, as `dsc info` tells it. */
  readonly module: string;
  /** Of the sources, with "+" where they were changed since. */
  readonly commit: string;
  readonly seconds: number;
  readonly failures: readonly Failure[];
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
  const started = Date.now();
  let failures = 0;
  for (const campaign of chosen) failures += await run(campaign, { long, ...(only !== undefined && { only }), log });
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

/** Runs one, prints what it found, and keeps its figures. Returns how many cases failed. */
async function run(campaign: Campaign, options: Options): Promise<number> {
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
  if (options.only === undefined && figures.length > 0) {
    const date = new Date().toISOString().slice(0, 10);
    keep({ campaign: campaign.name, long: options.long, date, ...origin(), seconds, failures, figures });
  }
  return failures.length;
}

function secondsSince(started: number): number {
  return Math.round((Date.now() - started) / 1000);
}

/** Of what a campaign was run. */
function origin(): Pick<Record, "module" | "commit"> {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty=+"], { cwd: ROOT, encoding: "utf8" });
  const module = firmwareOf(readFileSync(FIRMWARE_FILE))?.hash ?? "unknown";
  return { module, commit: status === 0 ? stdout.trim() : "unknown" };
}

function keep(record: Record): void {
  const others = records().filter(({ campaign, long }) => campaign !== record.campaign || long !== record.long);
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
