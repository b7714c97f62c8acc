// Results as JUnit XML for CI systems: a test case for each script.

import { createRequire } from "node:module";
import type { Document, Element } from "@xmldom/xmldom";
import { version } from "../../../host-tools/files/project.js";
import type { Failure } from "../playing.js";
import type { Result } from "../run.js";
import { visible } from "./visible.js";

const SUITE = "dsc-sim run";

/** The document of the results. `firmware`: the hash of the firmware that played them, if known. */
export function junitDocument(results: readonly Result[], firmware: string | undefined): string {
  const { DOMImplementation, XMLSerializer } = createRequire(import.meta.url)(
    "@xmldom/xmldom",
  ) as typeof import("@xmldom/xmldom");
  const document = new DOMImplementation().createDocument(null, "testsuites");
  const root = document.documentElement as Element;
  const counts = countsOf(results);
  write(root, counts);
  const suite = child(document, root, "testsuite", { name: SUITE, ...counts });
  const properties = child(document, suite, "properties", {});
  property(document, properties, "simulator", version());
  if (firmware !== undefined) property(document, properties, "firmware", firmware);
  for (const result of results) addCase(document, suite, result);
  const xml = new XMLSerializer().serializeToString(document, { requireWellFormed: true });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml}\n`;
}

function countsOf(results: readonly Result[]): Record<string, string> {
  const crashed = results.filter(hasCrashed).length;
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  return {
    tests: String(results.length),
    failures: String(failed - crashed),
    errors: String(crashed),
    skipped: "0",
    time: seconds.toFixed(3),
  };
}

function hasCrashed({ failures }: Result): boolean {
  return failures.some(({ crashed }) => crashed);
}

function addCase(document: Document, suite: Element, result: Result): void {
  const { script, failures, seconds } = result;
  const attributes = { name: script.name, classname: SUITE, file: script.name, time: seconds.toFixed(3) };
  const testcase = child(document, suite, "testcase", attributes);
  // Readers count cases, and a crashed case counts as an error.
  const told = hasCrashed(result) ? "error" : "failure";
  for (const failure of failures) {
    const type = failure.crashed ? "crash" : failure.expected === undefined ? "line" : "expectation";
    const element = child(document, testcase, told, { message: failure.error, type });
    element.appendChild(document.createTextNode(visible(explanation(script.name, failure), "\n")));
  }
}

function explanation(name: string, { line, error, expected, actual, report }: Failure): string {
  return [
    `${visible(name)}:${line}: ${error}`,
    ...(expected === undefined ? [] : [`expected: ${expected}`, `actual: ${actual}`]),
    ...(report ? [`t: ${report.t}`, `state: ${report.state}`, `display: ${report.display}`] : []),
  ].join("\n");
}

function property(document: Document, parent: Element, name: string, value: string): void {
  child(document, parent, "property", { name, value });
}

function child(document: Document, parent: Element, name: string, attributes: Record<string, string>): Element {
  const element = document.createElement(name);
  write(element, attributes);
  parent.appendChild(element);
  return element;
}

function write(element: Element, attributes: Record<string, string>): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, visible(value));
}
