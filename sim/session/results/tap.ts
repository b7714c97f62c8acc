// Results as TAP 14 (testanything.org): a line for each script, and for a failure a block of YAML.

import type { Failure } from "../playing.js";
import type { Result } from "../run.js";
import { escaped, visible } from "./visible.js";

/** The first lines. Perl's `prove` reads the same lines as version 13, and refuses any other number. */
export function tapHead(scripts: number, environment: NodeJS.ProcessEnv = process.env): string {
  return `TAP version ${environment.HARNESS_ACTIVE ? 13 : 14}\n1..${scripts}\n`;
}

/** A script's lines; `number` counts from 1. */
export function tapResult(number: number, { script, failures }: Result): string {
  const [first, ...more] = failures;
  const point = `${first ? "not ok" : "ok"} ${number} - ${description(script.name)}\n`;
  if (!first) return point;
  const others = more.length === 0 ? [] : ["more:", ...more.flatMap((failure) => item(script.name, failure))];
  const block = ["---", ...diagnostics(script.name, first), ...others, "..."];
  return point + block.map((line) => `  ${line}\n`).join("");
}

/** Lines with information besides the results. */
export function tapComments(lines: readonly string[]): string {
  return lines.map((line) => `# ${visible(line)}\n`).join("");
}

/** Escapes a name that looks like a directive, or like two lines. */
function description(name: string): string {
  return visible(name).replace(/[\\#]/g, "\\$&");
}

/** The display comes from the card. The command is left out, since it may contain a PIN; the reader can look it up. */
function diagnostics(name: string, { line, error, crashed, expected, actual, report }: Failure): string[] {
  return [
    `message: ${scalar(error)}`,
    `severity: ${crashed ? "bug" : "fail"}`,
    `at: ${scalar(`${name}:${line}`)}`,
    `file: ${scalar(name)}`,
    `line: ${line}`,
    ...(expected === undefined ? [] : [`expected: ${scalar(expected)}`, `actual: ${scalar(actual ?? "")}`]),
    ...(report ? [`t: ${report.t}`, `state: ${scalar(report.state)}`, `display: ${scalar(report.display)}`] : []),
  ];
}

/** An item of a list of YAML. */
function item(name: string, failure: Failure): string[] {
  return diagnostics(name, failure).map((line, at) => `  ${at === 0 ? "-" : " "} ${line}`);
}

/** A text in YAML: as in JSON, with the further escapes that YAML needs. */
function scalar(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g, escaped);
}
