// `npm run conformance`: the scenario files on the simulator, the posix port and the chips in QEMU, or on a board plugged
// in.
//
//   npm run conformance -- [--target sim|posix|qemu|PORT] [--only FILE] [--port P [--erase]]
//
// A board is measured by this computer's clock, a chip in QEMU by its own. The target "qemu" is the micro:bit; both
// names work.

import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { imageFor, missingFor, pathOf } from "../../board/builder/images.js";
import type { PortName } from "../../board/builder/ports.js";
import { BuildError } from "../../board/builder/tools.js";
import { MachineError } from "../../board/emulator/machine.js";
import { inOneLine, withoutControls } from "../../host-tools/files/commandline.js";
import { PortError } from "../../host-tools/files/errors.js";
import { scenarios } from "../support/scenarios.js";
import { BoardError, handBack, openForUse } from "./board.js";
import { beyondLimits, type Figure, MeasureError, measure } from "./boardfigures.js";
import { ChipTarget } from "./chiptarget.js";
import { describeDifference } from "./play.js";
import { measureResponse } from "./response.js";
import { type Prepared, prepare, type Result, runAll } from "./run.js";
import { ScriptError } from "./script.js";
import type { Target } from "./target.js";
import { imageOf, openTarget, portOf, TARGETS, type TargetName } from "./targets.js";

/** How many of the longest commands a board is sent without a pause; QEMU's line waits where its chip is busy. */
const FRAMES = { board: 200, qemu: 20 } as const;
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
  const found = options.port === undefined ? await onThisComputer(options, prepared) : await onBoard(options, prepared);
  return conclude(found);
}

/** The result of a run. */
interface Found {
  /** Scenarios that differ, and required targets that cannot run here. */
  readonly failed: number;
  readonly figures: readonly Figure[];
}

/** Prints the result of a run. Returns the exit code. */
function conclude({ failed, figures }: Found): number {
  for (const { name, value, unit } of figures) print(name, value, unit);
  const beyond = beyondLimits(figures);
  for (const line of beyond) console.log(`BEYOND  ${line}`);
  const differ = failed === 0 ? "no differences" : `scenarios that differ: ${failed}`;
  console.log(beyond.length === 0 ? differ : `${differ}; figures beyond their limits: ${beyond.length}`);
  return failed + beyond.length === 0 ? 0 : FAILED;
}

function commandLine(): Options {
  return new Command("conformance")
    .description("every scenario on every host of the firmware, compared screen by screen and byte by byte")
    .addOption(new Option("--target <name>", "only on this one").argParser(parseTarget))
    .option("--only <file>", "only this scenario")
    .addOption(new Option("--port <path>", "on the board on this serial port").conflicts("target"))
    .option("--erase", "though the card on it holds something")
    .allowExcessArguments(false)
    .configureOutput({ outputError: (text) => say(inOneLine(text)) })
    .exitOverride()
    .parse()
    .opts<Options>();
}

/** A target by its name, or by that of its port. */
function parseTarget(name: string): TargetName {
  const found = TARGETS.find((target) => target === name || portOf(target) === name);
  if (!found)
    throw new InvalidArgumentError(
      `There are ${TARGETS.join(", ")}; a port is one of them if its port.ts has an emulator.`,
    );
  return found;
}

async function onThisComputer(options: Options, prepared: readonly Prepared[]): Promise<Found> {
  let failed = 0;
  const figures: Figure[] = [];
  for (const name of TARGETS.filter((one) => options.target === undefined || one === options.target)) {
    const [image, port] = [imageOf(name), portOf(name)];
    const missing = image && missingFor(image);
    if (missing) console.log(`skipped: ${name}: ${missing}`);
    if (missing && process.env.CI) failed++;
    if (missing) continue;
    failed += differing(await runAll(() => openTarget(name), prepared, tell));
    if (port && options.only === undefined) figures.push(...(await measureQemu(port)));
  }
  return { failed, figures };
}

async function measureQemu(port: PortName): Promise<Figure[]> {
  const image = pathOf(imageFor(port));
  const target = await ChipTarget.open(image, port);
  try {
    const figures = await measure(target, { frames: FRAMES.qemu, clock: "time-out" });
    // QEMU decides how long its flash and its line take, so those figures are not judged.
    const judged = figures.filter(({ limits }) => limits);
    judged.push(await measureResponse(image, port));
    return judged.map((figure) => ({ ...figure, name: `${target.name}: ${figure.name}` }));
  } finally {
    await target.close();
  }
}

async function onBoard(options: Options, prepared: readonly Prepared[]): Promise<Found> {
  const path = options.port as string;
  let erase = options.erase ?? false;
  // From the first scenario on, whatever is on the card came from this run and may be erased.
  const open = async () => {
    const target = await openForUse(path, { erase });
    erase = true;
    return target;
  };
  const failed = differing(await runAll(open, prepared, tell));
  const target = await open();
  try {
    const figures = await measure(target, { frames: FRAMES.board, clock: "time-out" });
    await handBack(target);
    return { failed, figures };
  } finally {
    await target.close();
  }
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
  if (!(error instanceof CommanderError)) say((error as Error).message);
  process.exitCode = code;
}

function say(text: string): void {
  process.stderr.write(`conformance: ${withoutControls(text)}\n`);
}

function codeOf(error: unknown): number | undefined {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  if (error instanceof UsageError) return USAGE;
  const isOne = (...kinds: (abstract new (...args: never[]) => Error)[]) => kinds.some((kind) => error instanceof kind);
  if (isOne(BoardError, MeasureError, PortError)) return PORT;
  return isOne(ScriptError, BuildError, MachineError) ? FAILED : undefined;
}
