// Removed options of the first release: each is refused in one line that names its replacement, at any place and with any
// value; and no help names it.

import * as assert from "uvu/assert";
import { Exit } from "../../../host-tools/cli/exit.js";
import { program } from "../../../host-tools/cli/main.js";
import { dscHere } from "../../support/dschere.js";
import { suite } from "../../support/suite.js";

const test = suite("options that went");

const SUCCESSORS: Record<string, RegExp> = {
  "--pskc": /--register.*dsc register init.*dsc pskc import.*dsc pskc export/,
  "--pskc-key": /--register.*--site-key, --desk-key and --journal-key/,
  "--append": /--register/,
  "--store": /--register/,
};

const GONE: Record<string, readonly string[]> = {
  personalize: ["--pskc", "--pskc-key", "--append"],
  challenge: ["--store"],
  verify: ["--store", "--pskc", "--pskc-key"],
  unlock: ["--pskc", "--pskc-key"],
};

/** As the first release had it. */
const OLD_LINES: readonly (readonly [option: string, line: readonly string[]])[] = [
  [
    "--pskc",
    ["personalize", "--port", "no-port", "--serial", "IB3000123", "--pskc", "seeds.xml", "--pskc-key", "k", "--append"],
  ],
  ["--store", ["challenge", "--serial", "IB3000123", "--store", "challenges.json"]],
  [
    "--pskc",
    [
      ...["verify", "--serial", "IB3000123", "--challenge", "012345", "--response", "01234567"],
      ...["--pskc", "seeds.xml", "--pskc-key", "k", "--store", "challenges.json"],
    ],
  ],
  ["--pskc", ["unlock", "--serial", "IB3000123", "--lock-code", "01234567", "--pskc", "seeds.xml", "--pskc-key", "k"]],
];

async function assertGone(option: string, line: readonly string[]): Promise<void> {
  const successor = SUCCESSORS[option] as RegExp;
  const { code, stdout, stderr } = await dscHere(line);
  assert.equal([code, stdout], [Exit.USAGE, ""], line.join(" "));
  assert.match(stderr, new RegExp(`^dsc: ${option} was removed[^\\n]*\\n$`), line.join(" "));
  assert.match(stderr, successor);
  const json = await dscHere([...line, "--json"]);
  const { error } = JSON.parse(json.stdout);
  assert.equal([json.code, json.stderr, error.kind, error.code], [Exit.USAGE, "", "usage", Exit.USAGE], line.join(" "));
  assert.match(error.message, successor);
}

for (const [command, options] of Object.entries(GONE))
  test(`${command}: ${options.join(", ")}`, async () => {
    for (const option of options)
      for (const given of [[option, "a-value"], [`${option}=a-value`], [`${option}=`], [option]])
        await assertGone(option, [command, ...given]);
  });

test("options of the first release that are gone are refused with what to use instead", async () => {
  for (const [option, line] of OLD_LINES) await assertGone(option, line);
});

test("help and completion do not name them, and dsc pskc has its --pskc-key", async () => {
  for (const [name, options] of Object.entries(GONE)) {
    const { stdout } = await dscHere([name, "--help"]);
    for (const option of options) assert.not.match(stdout, new RegExp(`${option}\\b`), name);
  }
  for (const inner of ["export", "import", "show", "csv"])
    assert.match((await dscHere(["pskc", inner, "--help"])).stdout, /--pskc-key <file>/, inner);
  const { stdout } = await dscHere(["completion", "fish"]);
  for (const name of Object.keys(GONE)) {
    const lines = stdout.split("\n").filter((line) => line.includes(`__fish_seen_subcommand_from ${name}'`));
    assert.ok(lines.length > 2, name);
    for (const line of lines) assert.not.match(line, / -l (pskc|pskc-key|append|store) /, name);
  }
});

test("no other command has had them", async () => {
  const all = await program(() => {});
  const having = all.commands.filter(({ options }) => options.some(({ hidden }) => hidden)).map((one) => one.name());
  assert.equal(having.sort(), Object.keys(GONE).sort());
});

test.run();
