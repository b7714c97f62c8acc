// `npm run conformance`: the scenario files on the simulator, the posix port and QEMU, or on a board plugged in.
//
//   npm run conformance -- [--target sim|posix|qemu] [--only FILE] [--port P [--erase]]

import { Command, CommanderError, Option } from "commander";
import { PortError } from "../../host-tools/errors.js";
import { missingFor } from "../../scripts/board.js";
import { scenarios } from "../support/scenarios.js";
import { BoardError, handBack, openForUse } from "./board.js";
import { type Figure, MeasureError, measure } from "./hardware.js";
import { describeDifference } from "./play.js";
import { type Prepared, prepare, type Result, runAll } from "./run.js";
import type { Target } from "./target.js";
import { IMAGE_OF, openTarget, TARGETS, type TargetName } from "./targets.js";

const FRAMES = 200;
const FAILED = 1;
const USAGE = 2;
const PORT = 3;

interface Options {
  readonly port?: string;
  readonly erase?: boolean;
  readonly only?: string;
  readonly target?: TargetName;
}

class UsageError extends Error {}

async function main(): Promise<number> {
  const options = commandLine();
  const { only } = options;
  const scripts = scenarios().filter(({ name }) => only === undefined || name.includes(only.replace(/^.*\//, "")));
  if (scripts.length === 0) throw new UsageError(`${only}: no such scenario`);
  const prepared = prepare(scripts);
  const failed =
    options.port === undefined ? await onThisComputer(options, prepared) : await onBoard(options, prepared);
  console.log(failed === 0 ? "no differences" : `${failed} scenarios differ`);
  return failed === 0 ? 0 : FAILED;
}

function commandLine(): Options {
  return new Command("conformance")
    .description("every scenario on every host of the firmware, compared screen by screen and byte by byte")
    .addOption(new Option("--target <name>", "only on this one").choices(TARGETS))
    .option("--only <file>", "only this scenario")
    .addOption(new Option("--port <path>", "on the board on this serial port").conflicts("target"))
    .option("--erase", "though the card on it holds something")
    .allowExcessArguments(false)
    .exitOverride()
    .parse()
    .opts<Options>();
}

async function onThisComputer(options: Options, prepared: readonly Prepared[]): Promise<number> {
  let failed = 0;
  for (const name of TARGETS.filter((one) => options.target === undefined || one === options.target)) {
    const image = IMAGE_OF[name];
    const missing = image && missingFor(image);
    if (missing) console.log(`skipped: ${name}: ${missing}`);
    if (missing && process.env.CI) failed++;
    if (!missing) failed += differing(await runAll(() => openTarget(name), prepared, tell));
  }
  return failed;
}

async function onBoard(options: Options, prepared: readonly Prepared[]): Promise<number> {
  const path = options.port as string;
  let erase = options.erase ?? false;
  // What is on the card from the first scenario on is ours.
  const open = async () => {
    const target = await openForUse(path, { erase });
    erase = true;
    return target;
  };
  const failed = differing(await runAll(open, prepared, tell));
  const target = await open();
  try {
    for (const { name, value, unit } of await measure(target, { frames: FRAMES, clock: true }))
      print(name, value, unit);
    await handBack(target);
  } finally {
    await target.close();
  }
  return failed;
}

function tell({ name, steps, difference }: Result, target: Target): void {
  console.log(`${difference ? "DIFFERS" : "ok     "} ${target.name.padEnd(10)} ${name}, ${steps} steps`);
  if (difference) console.log(describeDifference(difference, target.name));
}

function print(...[name, value, unit]: [Figure["name"], Figure["value"], Figure["unit"]]): void {
  console.log(`${name.padEnd(56)} ${String(value).padStart(10)} ${unit}`);
}

function differing(results: readonly Result[]): number {
  return results.filter(({ difference }) => difference).length;
}

try {
  process.exitCode = await main();
} catch (error) {
  const code = codeOf(error);
  if (code === undefined) throw error;
  if (!(error instanceof CommanderError)) process.stderr.write(`conformance: ${(error as Error).message}\n`);
  process.exitCode = code;
}

function codeOf(error: unknown): number | undefined {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (error instanceof UsageError) return USAGE;
  const ofPort = [BoardError, MeasureError, PortError];
  return ofPort.some((kind) => error instanceof kind) ? PORT : undefined;
}
