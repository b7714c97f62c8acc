// The last lines of `npm test`: the slowest files, what was not checked or skipped and why, and the counts.

import type { Result } from "./testfile.js";

export interface FileResult extends Result {
  /** The path of the source file from the folder of the tests. */
  readonly name: string;
}

const SLOWEST = 10;

/** The text; its last line is "N passed, N failed", with ", N skipped" if tests were skipped. */
export function summary(results: readonly FileResult[]): string {
  const slowest = [...results].sort((a, b) => b.wallMs - a.wallMs).slice(0, SLOWEST);
  const times = slowest.map(({ name, wallMs, processorMs }) => {
    return `${seconds(wallMs).padStart(8)} ${seconds(processorMs).padStart(8)}  ${name}`;
  });
  const skips = results.flatMap(({ name, skips }) =>
    skips.map(({ test, reason }) => `skipped: ${name}: ${test}: ${reason}`),
  );
  const notes = new Set(results.flatMap((result) => result.notes));
  const sum = (number: (result: FileResult) => number) => results.reduce((total, result) => total + number(result), 0);
  const counts = `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed`;
  return [
    "the slowest files, in seconds by the clock and of processor time:",
    ...times,
    ...[...notes].sort(),
    ...skips.sort(),
    skips.length > 0 ? `${counts}, ${skips.length} skipped` : counts,
  ].join("\n");
}

/** A time in seconds, for people. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
