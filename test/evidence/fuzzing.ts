// Campaign fuzzing: the released module, as wasm2c makes it C, under libFuzzer, AddressSanitizer and UBSan, with its port
// in memory (test/rig/fuzzing). Any bytes on the serial line, any commands in a secure channel, any keys at any times, any
// flash image when the battery is put in: no trap, no hang, no report of a sanitizer, no broken promise.
//
// An id names an input: TARGET/FILE, in build/fuzzing or in test/corpus.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { missingFor } from "../../board/builder/images.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { CORPUS, corpusOf, FINDINGS, Fuzzer, type Run, TARGETS, type Target } from "./fuzzing/fuzzer.js";

/** Of each target. */
const SECONDS = 60;
const LONG_EXECUTIONS = 10_000_000;
/** Targets that are fuzzed at once. */
const AT_ONCE = 2;

export const FUZZING: Campaign = {
  name: "fuzzing",
  title: "any bytes, commands, keys and flash: no trap, no hang, no report of a sanitizer",
  run,
};

async function run({ long, only, log }: Options): Promise<Result> {
  const skipped = missingFor("fuzz");
  if (skipped) return { figures: [], failures: [], skipped };
  const fuzzer = Fuzzer.released();
  if (only !== undefined) return { figures: [], failures: await replay(fuzzer, only) };
  return fuzzTargets(fuzzer, [long ? `-runs=${LONG_EXECUTIONS}` : `-max_total_time=${SECONDS}`], log);
}

/** Fuzzes every target, for as long as libFuzzer's flags say. */
export async function fuzzTargets(
  fuzzer: Fuzzer,
  flags: readonly string[],
  log: Options["log"] = () => {},
): Promise<Result> {
  const runs = new Map<Target, Run>();
  const queue = [...TARGETS];
  const work = async () => {
    for (let target = queue.shift(); target; target = queue.shift()) {
      log(`${target.name}…`);
      runs.set(target, await fuzzer.fuzz(target, flags));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const done = TARGETS.map((target) => [target, runs.get(target) as Run] as const);
  return {
    figures: done.flatMap(([target, one]) => figuresOf(target, one)),
    failures: done.flatMap(([{ name }, { finding }]) => failuresOf(name, finding)),
  };
}

function figuresOf(target: Target, { executions, seconds, edges }: Run): Figure[] {
  const { name } = target;
  return [
    { name: `fuzzing_${name}_executions`, value: executions, unit: "inputs" },
    { name: `fuzzing_${name}_speed`, value: Math.round(executions / seconds), unit: "inputs/s" },
    { name: `fuzzing_${name}_edges`, value: edges, unit: "edges reached" },
    { name: `fuzzing_${name}_corpus`, value: corpusOf(target).length, unit: "inputs kept" },
  ];
}

function failuresOf(name: string, finding: Run["finding"]): Failure[] {
  return finding ? [{ id: `${name}/${finding.file}`, what: finding.what }] : [];
}

async function replay(fuzzer: Fuzzer, id: string): Promise<Failure[]> {
  const [name = ""] = id.split("/");
  const file = [FINDINGS, CORPUS].map((folder) => join(folder, id)).find((path) => existsSync(path));
  if (!file || !TARGETS.some((target) => target.name === name)) return [{ id, what: "no input has this id" }];
  const { finding } = await fuzzer.replay(name, file);
  return finding ? [{ id, what: finding.what }] : [];
}
