// The examples of docs/API.md do what it says: they are taken from the document and run.

import { spawn } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import ts from "typescript";
import * as assert from "uvu/assert";
import { ROOT } from "../../../host-tools/files/project.js";
import { expected } from "../../support/cards.js";
import { DEADLINE } from "../../support/deadline.js";
import { scratchFolder } from "../../support/scratch.js";
import { LAUNCHER } from "../../support/simprocess.js";
import { ON_WINDOWS, packageTest, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { NO_PYTHON, PYTHON } from "../../support/tools.js";

const test = suite("examples of API.md");

const FOLDER = scratchFolder();
const TEXT = readFileSync(join(ROOT, "docs", "API.md"), "utf8");

/** The one example in a language. */
function example(language: string): string {
  const [first, ...others] = [...TEXT.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))];
  assert.ok(first && others.length === 0, `one example in ${language}`);
  return first?.[1] as string;
}

/** Runs a program in whose PATH `dsc-sim` is. Returns its exit code and what it printed. */
async function output(program: string, file: string): Promise<[number | null, string]> {
  const launcher = join(FOLDER, "dsc-sim");
  writeFileSync(launcher, `#!/bin/sh\nexec '${process.execPath}' '${LAUNCHER}' "$@"\n`);
  chmodSync(launcher, 0o755);
  const env = { ...process.env, PATH: `${FOLDER}${delimiter}${process.env.PATH}` };
  const running = spawn(program, [file], { cwd: FOLDER, env, timeout: DEADLINE, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const part of running.stdout.setEncoding("utf8")) text += part;
  const code = running.exitCode ?? (await new Promise<number | null>((resolve) => running.once("exit", resolve)));
  return [code, text];
}

testUnless(test, ON_WINDOWS, "the TypeScript example prints the response", async () => {
  const file = join(FOLDER, "example.mjs");
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText, diagnostics } = ts.transpileModule(example("ts"), { compilerOptions, reportDiagnostics: true });
  assert.equal(diagnostics, []);
  writeFileSync(file, outputText);
  assert.equal(await output(process.execPath, file), [0, `${expected("123456")}\n`]);
});

packageTest(test, NO_PYTHON, "the Python example prints the response", async () => {
  const file = join(FOLDER, "example.py");
  writeFileSync(file, example("py"));
  assert.equal(await output(PYTHON, file), [0, `${expected("123456")}\n`]);
});

test.run();
