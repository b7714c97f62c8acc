// `dsc personalize --batch` at a terminal: a bar for each port and one for all, the bell when somebody has to act, and Ctrl-C,
// which leaves no card half done.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Card } from "../../../sim/core/card.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { blankCard } from "../../support/cards.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, newRegister } from "../../support/openregister.js";
import { Slot } from "../../support/rack.js";
import { scratchFolder } from "../../support/scratch.js";
import { statusOf } from "../../support/seeding.js";
import { DSC } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";
import { TerminalProgram } from "../../support/terminal.js";

const test = suiteUnless(ON_WINDOWS, "a batch at a terminal");

const FOLDER = scratchFolder();
const REGISTER = join(FOLDER, "desk.db");
const BELL = "\x07";
const CTRL_C = "\x03";
const COLUMNS = 120;
const ROWS = 30;
/** The number of frames from putting in a card to the middle of its seeding. */
const FRAMES = 20;

function put(name: string, contents: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

const slots = { a: new Slot(), b: new Slot() };
const lines = Object.entries(slots).map(([name, slot]) => new PtyLine(slot as unknown as Card, join(FOLDER, name)));
const LIST = put("cards.csv", `serial,user,suite,pin,pin_check,tries,key\n${",u,,,,,\n".repeat(3)}`);
const ARGS = [
  ...["personalize", "--batch", LIST, "--register", REGISTER],
  ...(["site", "desk", "journal"] as const).flatMap((kind) => [
    `--${kind}-key`,
    put(`${kind}.key`, KEYS[kind].toString("hex")),
  ]),
  ...["--transport", put("transport.key", "00112233445566778899aabbccddeeff\n")],
  ...Object.keys(slots).flatMap((name) => ["--port", join(FOLDER, name)]),
];

test.after(() => {
  for (const line of lines) line.close();
});

test("the terminal shows bars and rings; Ctrl-C finishes the current card (130), and the same command continues", async () => {
  await (await newRegister(REGISTER)).close();
  const [first, second, third] = [blankCard({ seed: 71 }), blankCard({ seed: 72 }), blankCard({ seed: 73 })];
  const terminal = new TerminalProgram([DSC, ...ARGS], COLUMNS, ROWS);
  try {
    await terminal.until(/b \[-+\] put a card in/);
    assert.not.ok(terminal.raw.includes(BELL), "nobody has to hurry yet");
    slots.a.put(first);
    await terminal.until(/a \[=+\] IB3000001 done: TAKE IT OUT/);
    await terminal.until(/all \[=+-+\] 1 of 3 done, \d+ (s|min) left/);
    assert.ok(terminal.raw.includes(BELL));
    const from = slots.b.frames;
    slots.b.onFrame = ({ frames }) => {
      if (frames === from + FRAMES) terminal.send(CTRL_C);
    };
    slots.b.put(second);
    assert.is(await terminal.exit, 130);
    await terminal.until(
      /interrupted: what is done is kept; run the command again with the same arguments to continue/,
    );
  } finally {
    await terminal.close();
  }
  assert.is((await statusOf(second)).life, "personalized");
  assert.is((await statusOf(third)).life, "blank");
  for (const slot of Object.values(slots)) slot.pull();
  slots.a.put(third);
  const { code, stdout, stderr } = await dscHere(ARGS);
  assert.equal([code, stdout], [0, "batch 1: 3 of 3 done\n"], stderr);
});

test.run();
