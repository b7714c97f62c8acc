// `dsc-sim run`: plays command files on simulated cards or on a board, and reports the results.

import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Command, Option } from "commander";
import { finishingUnread } from "../../host-tools/files/commandline.js";
import { faultInWords } from "../../host-tools/files/faults.js";
import { Flash } from "../core/flash.js";
import { BoardSession } from "../session/boardsession.js";
import { Coverage } from "../session/coverage.js";
import { loadFirmware } from "../session/firmware.js";
import { readFlashFile } from "../session/flashfile.js";
import { linesOf } from "../session/lines.js";
import { openPanel, PanelError } from "../session/panelport.js";
import type { Script } from "../session/playing.js";
import { hashOf, isRecord, otherFirmware } from "../session/recordmarks.js";
import { junitDocument } from "../session/results/junit.js";
import { tapComments, tapHead, tapResult } from "../session/results/tap.js";
import { type Result, type RunOptions, runScripts } from "../session/run.js";
import { Session } from "../session/session.js";
import { UserError } from "../session/usererror.js";
import { parseName, parseSeed } from "./options.js";
import { freshSeed, say } from "./simulate.js";

/** A script failed. */
const FAILED = 1;

interface Options {
  readonly junit?: string;
  readonly coverage?: boolean;
  readonly keepGoing?: boolean;
  readonly seed?: number;
  readonly demo?: boolean;
  readonly port?: string;
}

/** Where scripts are played. */
interface Stage {
  readonly open: RunOptions["open"];
  /** The hash of the firmware, if known. */
  readonly firmware?: string;
  close(): Promise<void>;
}

/** Adds the command to the command line. */
export function addRun(program: Command): void {
  program
    .command("run")
    .argument("<file...>", "command files", (name: string, before: string[] = []) => [...before, parseName(name)])
    .description("run command files, each on a fresh card; TAP on stdout")
    .option("--junit <file>", "write the results as JUnit XML too", parseName)
    .option("--coverage", "report which states and transitions of the card were visited")
    .option("--keep-going", "continue a file after a line that failed")
    .option("--seed <n>", "the seed of files that set none", parseSeed)
    .option("--demo", "use the demo card for files that do not define a card")
    .addOption(
      new Option("--port <path>", "run on a board with a front panel, in real time")
        .argParser(parseName)
        .conflicts("seed"),
    )
    .action((files: string[], options: Options) => finishingUnread(() => run(files, options)));
}

/**
 * Runs to the end even if nobody reads the TAP output, since the exit code and the JUnit file also report the result.
 */
async function run(files: readonly string[], options: Options): Promise<void> {
  const scripts = files.map(readScript);
  const coverage = options.coverage ? new Coverage() : undefined;
  const junit = options.junit === undefined ? undefined : openResults(options.junit);
  const stage =
    options.port === undefined ? simulated(options, coverage) : await onBoard(options.port, options, coverage);
  const results: Result[] = [];
  try {
    warnOfOtherFirmware(scripts, stage.firmware);
    process.stdout.write(tapHead(scripts.length));
    await runScripts(scripts, {
      keepGoing: options.keepGoing ?? false,
      open: stage.open,
      onResult: (result) => {
        results.push(result);
        if (result.failures.length > 0) process.exitCode = FAILED;
        process.stdout.write(tapResult(results.length, result));
      },
    });
    if (coverage) process.stdout.write(tapComments(coverage.lines()));
    junit?.(junitDocument(results, stage.firmware));
  } catch (error) {
    if (error instanceof PanelError) process.stdout.write(`Bail out! ${error.message}\n`);
    throw error;
  } finally {
    await stage.close();
  }
}

function simulated({ seed, demo }: Options, coverage: Coverage | undefined): Stage {
  const module = loadFirmware();
  const open = (script: Script) =>
    new Session({
      module,
      seed: seed ?? freshSeed(),
      demo: demo === true && !saysItsCard(script),
      // A replay starts from the flash that a record saved, and leaves that file unchanged for the next replay.
      openFlash: (file) => new Flash(readFlashFile(resolve(dirname(script.name), file))),
      onStart: (card) => coverage?.watch(card),
    });
  return { open, firmware: hashOf(module), close: async () => {} };
}

async function onBoard(path: string, { demo = false }: Options, coverage: Coverage | undefined): Promise<Stage> {
  const { panel, close } = await openPanel(path);
  coverage?.watch(panel);
  return { open: () => BoardSession.begin(panel, { demo }), close };
}

/** Whether a script defines its own card: a record does, and so does a file with a flash. */
function saysItsCard({ lines }: Script): boolean {
  return isRecord(lines) || lines.some((line) => /^\s*flash\s/.test(line));
}

function warnOfOtherFirmware(scripts: readonly Script[], firmware: string | undefined): void {
  if (firmware === undefined) return;
  for (const { name, lines } of scripts) {
    const warning = otherFirmware(name, lines, firmware);
    if (warning !== undefined) say(warning);
  }
}

function readScript(name: string): Script {
  try {
    return { name, lines: linesOf(readFileSync(name, "utf8")) };
  } catch (error) {
    throw new UserError(`${name}: cannot be read: ${faultInWords(error)}`);
  }
}

/**
 * Opens a results file before anything runs, so that old results are never taken for new ones. Returns a function that
 * writes them.
 */
function openResults(path: string): (text: string) => void {
  const file = writing(path, () => openSync(path, "w"));
  return (text) =>
    writing(path, () => {
      writeFileSync(file, text);
      closeSync(file);
    });
}

function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UserError(`${path}: cannot be written: ${faultInWords(error)}`);
  }
}
