// What `dsc` and `dsc-sim` say of a wrong command line or a file that they cannot use: in one line, in words, and without
// control characters for the terminal.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { withoutControls } from "../host-tools/files/commandline.js";
import { faultInWords } from "../host-tools/files/faults.js";
import { dscHere } from "./support/dschere.js";
import { scratchFolder } from "./support/scratch.js";
import { dscSim, type Ended } from "./support/simprocess.js";
import { suite } from "./support/suite.js";

const test = suite("lines of refusals");
const FOLDER = scratchFolder();
const AT = join(FOLDER, "folder");
mkdirSync(AT);
const LOCAL = join(FOLDER, "no", "such");

/** Sets the colour and the title of a terminal; 9B is a control sequence of one byte. */
const CONTROLS = "a\u001b[31mb\u001b]0;c\u0007d\u009b2Je\nf";

/** One line with an exit code other than 0. */
function lineOf({ code, stderr }: Ended, what: string): string {
  assert.ok(code !== 0, what);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal must not get.
  assert.match(stderr, /^[^\u0000-\u001f\u007f-\u009f]+\n$/, `${what}: ${JSON.stringify(stderr)}`);
  return stderr;
}

test("control characters of arguments are written out", async () => {
  for (const args of [
    ["info", "--port", join(FOLDER, CONTROLS)],
    [CONTROLS],
    [CONTROLS, "--help"],
    ["info", `--${CONTROLS}`],
    ["card", CONTROLS],
    ["card", "lost", "--serial", "IB3000123", "--reason", CONTROLS],
    ["order", "add", "--user", CONTROLS],
    ["pskc", "show", join(FOLDER, CONTROLS)],
    ["settings", CONTROLS, "--register", join(FOLDER, CONTROLS)],
  ])
    lineOf(await dscHere(args), args.join(" "));
  for (const args of [
    ["run", join(FOLDER, CONTROLS)],
    [CONTROLS],
    ["inspect", CONTROLS],
    ["help", CONTROLS],
    [`--${CONTROLS}`],
  ])
    lineOf(dscSim(args), args.join(" "));
  assert.is(withoutControls("a\u001b[0m\n\t\u009b"), "a\\x1b[0m\\n\\t\\x9b");
});

test("an unknown command is refused by its name, with --help, too", async () => {
  for (const args of [
    ["serve", "--help"],
    ["serve", "-h"],
    ["card", "serve", "--help"],
    ["--json", "serve", "--help"],
  ]) {
    const ended = await dscHere(args);
    assert.is(ended.code, 2, args.join(" "));
    assert.match(ended.stdout + ended.stderr, /unknown command \\?"serve\\?"/);
  }
  for (const args of [["card", "list", "--help"], ["help", "card"], ["card", "--help"], ["--help"]])
    assert.is((await dscHere(args)).code, 0, args.join(" "));
  for (const args of [["bogus"], ["bogus", "--help"], ["--headless", "bogus"], ["--demo", "bogus"]]) {
    const ended = dscSim(args);
    assert.is(ended.code, 2);
    assert.is(ended.stderr, 'dsc-sim: unknown command "bogus"; dsc-sim --help lists the commands\n', args.join(" "));
  }
});

test("an argument too many is refused by each command of dsc-sim", () => {
  for (const args of [
    ["inspect", "a", "b"],
    ["help", "show", "b"],
    ["completion", "bash", "b"],
    ["api", "b"],
    ["monkey", "b"],
  ]) {
    const ended = dscSim(args);
    assert.is(ended.code, 2, args.join(" "));
    assert.match(lineOf(ended, args.join(" ")), "too many arguments");
  }
});

test("dsc --json alone says that no command is given", async () => {
  const { code, stdout, stderr } = await dscHere(["--json"]);
  const { error } = JSON.parse(stdout);
  assert.equal([code, error.kind, stderr], [2, "usage", ""]);
  assert.match(error.message, /^no command is given/);
});

test("dsc-sim says in words why a file cannot be used", () => {
  writeFileSync(join(FOLDER, "plain"), "");
  for (const [args, words] of [
    [["run", LOCAL], "there is no such file or folder"],
    [["run", AT], "it is a folder"],
    [["inspect", LOCAL], "there is no such file or folder"],
    [["run", join(FOLDER, "plain", "x")], "there is no such folder"],
    [["run", "--junit", LOCAL, "test/scenarios/battery-low.dsc"], "there is no such file or folder"],
    [["--headless", "--record", LOCAL], "there is no such file or folder"],
    [["--headless", "--flash", LOCAL], "there is no such file or folder"],
  ] as const) {
    const line = lineOf(dscSim(args), args.join(" "));
    assert.match(line, words);
    assert.not.match(line, /\bE[A-Z]{3,}\b/);
  }
  assert.is(faultInWords(Object.assign(new Error(), { code: "EWHAT" })), "EWHAT");
});

test.run();
