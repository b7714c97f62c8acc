// `--record`: the actions on a card as a command file, whose replay gives the same card.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import * as assert from "uvu/assert";
import type { Card } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { readFlashFile } from "../../../sim/session/flashfile.js";
import { firstFailure } from "../../../sim/session/playing.js";
import { Recorder } from "../../../sim/session/record.js";
import { hashOf } from "../../../sim/session/recordmarks.js";
import { Session } from "../../../sim/session/session.js";
import { cardOf, MODULE } from "../../support/cards.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim, type Ended, LAUNCHER } from "../../support/simprocess.js";
import { ON_WINDOWS, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { TerminalProgram } from "../../support/terminal.js";

const record = suite("record");

const FOLDER = scratchFolder();
let files = 0;

/** The name of a file that does not exist yet. */
function freshName(): string {
  return join(FOLDER, `record-${++files}`);
}

/** Runs commands headless and records them. */
function recorded(commands: readonly string[], args: readonly string[] = []): Ended & { file: string } {
  const file = freshName();
  const ended = dscSim(["--headless", "--record", file, ...args], `${commands.join("\n")}\n`);
  return { ...ended, file };
}

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").split("\n").slice(0, -1);
}

/** The last report when a record is played as commands. */
function replayed(file: string): Ended {
  return dscSim(["--headless"], readFileSync(file, "utf8"), FOLDER);
}

function assertReplays(commands: readonly string[], args: readonly string[] = []): string {
  const { file, lines, code } = recorded([...commands, "down 0"], args);
  assert.is(
    code,
    0,
    lines.find((line) => line.includes("error")),
  );
  const run = dscSim(["run", file]);
  assert.is(run.code, 0, run.stdout);
  assert.is(replayed(file).lines.at(-1), lines.at(-1), "the last line");
  return file;
}

record("a recorded login replays, with its screens expected", () => {
  const file = assertReplays(["hold press", "type 4071", "ok", "type 123456", "ok"], ["--demo"]);
  const lines = linesOf(file);
  for (const text of ["PIN>", "PIN>****", "CHALLNG>", "123456"]) assert.ok(lines.includes(`expect ${text}`), text);
  assert.ok(lines.includes("demo"));
  assert.ok(
    lines.some((line) => /^seed [0-9]+$/.test(line)),
    "the seed that was drawn",
  );
});

testUnless(record, ON_WINDOWS, "only its owner can read a record", () => {
  const { file } = recorded(["hold press"], ["--flash", freshName(), "--demo"]);
  assert.is(statSync(file).mode & 0o777, 0o600);
});

record("an existing file is refused and not changed: one line, exit 2", () => {
  const file = freshName();
  writeFileSync(file, "mine");
  const { code, stdout, stderr } = dscSim(["--headless", "--record", file], "show\n");
  assert.is(code, 2);
  assert.is(stdout, "");
  assert.match(stderr, /^[^\n]+\n$/);
  assert.is(readFileSync(file, "utf8"), "mine");
});

record("a file that cannot be made is an error of one line with exit 2", () => {
  const { code, stderr } = dscSim(["--headless", "--record", join(FOLDER, "no", "such", "folder")], "show\n");
  assert.is(code, 2);
  assert.match(stderr, /^[^\n]+\n$/);
});

record("a failed start leaves no record, and the next one can use its name", async () => {
  const bad = freshName();
  writeFileSync(bad, "short");
  const used = freshName();
  writeFileSync(used, cardOf().flash.bytes);
  const taken = freshName();
  writeFileSync(`${taken}.flash`, "mine");
  for (const [file, options] of [
    [freshName(), ["--flash", bad]],
    [freshName(), ["--pty", join(FOLDER, "no-such-folder", "line")]],
    [taken, ["--flash", used]],
  ] as const) {
    const { code, stderr } = dscSim(["--headless", "--record", file, ...options], "show\n");
    assert.is(code, 2);
    assert.match(stderr, /^dsc-sim: [^\n]+\n$/);
    assert.not.ok(existsSync(file), stderr);
    if (process.platform === "win32") continue;
    const program = TerminalProgram.simulator(["--record", file, ...options]);
    assert.is(await program.exit, 2);
    await program.close();
    assert.not.ok(existsSync(file), program.raw);
  }
  assert.is(readFileSync(`${taken}.flash`, "utf8"), "mine");
});

testUnless(record, ON_WINDOWS, "a full disk ends the record after a whole line, and not the session", () => {
  const file = freshName();
  const commands = ["hold press", ...Array.from({ length: 60 }, () => "1"), "show"];
  const shell = 'ulimit -f 1; exec "$0" "$1" --headless --demo --record "$2"';
  const { status, stdout, stderr } = spawnSync("sh", ["-c", shell, process.execPath, LAUNCHER, file], {
    input: `${commands.join("\n")}\n`,
    encoding: "utf8",
  });
  assert.is(status, 2);
  assert.is(
    stderr,
    `dsc-sim: ${file}: cannot be written: the file would be too large; the record ends here, but the session continues\n`,
  );
  assert.is(stdout.split("\n").length - 1, commands.length);
  assert.ok(linesOf(file).length > 10);
  const { code, stdout: tap } = dscSim(["run", file]);
  assert.is(code, 1);
  assert.match(tap, /the record was cut off/);
});

record("cuts, also torn ones, replay bit by bit", () => {
  assertReplays(
    [
      "hold press",
      "cut-at 1 torn",
      "type 8888",
      "ok",
      "battery 3000",
      "hold press",
      "cut-at 2 torn",
      "type 4071",
      "ok",
      "battery 3000",
      "hold press",
      "type 8888",
      "ok",
      "flash-ops",
    ],
    ["--demo"],
  );
});

record("the battery, contacts, serial bytes and waits replay", () => {
  assertReplays(
    [
      "battery 2300",
      "down press",
      "wait 810",
      "up press",
      "wait 3",
      "down press",
      "wait 2000",
      "up press",
      "wait 50",
      "serial 00ff80",
      "type 40",
      "wait 29000",
      "press",
      "wait 31000",
      "cut",
      "battery 2900",
      "hold press",
    ],
    ["--demo", "--seed", "7"],
  );
});

record("save and load replay", () => {
  assertReplays(
    [
      "hold press",
      "save a",
      "type 8888",
      "ok",
      "wait 500",
      "load a",
      "wait 100",
      "type 4071",
      "ok",
      "save b",
      "cut",
      "load b",
      "type 000001",
      "ok",
    ],
    ["--demo"],
  );
});

record("a card that was not blank is saved beside the record, as it was at the start", () => {
  const flash = freshName();
  writeFileSync(flash, cardOf().flash.bytes);
  const start = readFileSync(flash);
  const { file } = recorded(["hold press", "type 8888", "ok", "wait 2000", "type 4071", "ok"], ["--flash", flash]);
  assert.ok(readFileSync(`${file}.flash`).equals(start));
  assert.is(dscSim(["run", file]).code, 0);
  if (process.platform !== "win32") assert.is(statSync(`${file}.flash`).mode & 0o777, 0o600);
  assert.ok(linesOf(file).some((line) => line.startsWith("flash ")));
  assert.not(readFileSync(flash).equals(start), "the card's own file went on");
});

record("a replay does not change the saved flash, so that it can be repeated", () => {
  const flash = freshName();
  writeFileSync(flash, cardOf().flash.bytes);
  const { file } = recorded(["hold press", "type 8888", "ok"], ["--flash", flash]);
  for (let i = 0; i < 2; i++) assert.is(dscSim(["run", file]).code, 0);
});

record("a record never replaces the card's own flash file", () => {
  const file = freshName();
  const flash = `${file}.flash`;
  writeFileSync(flash, cardOf().flash.bytes);
  const start = readFileSync(flash);
  const commands = "hold press\ntype 8888\nok\n";
  const { code, stderr } = dscSim(["--headless", "--flash", flash, "--record", file], commands);
  if (code === 2) {
    assert.match(stderr, /^[^\n]+\n$/);
    return assert.ok(readFileSync(flash).equals(start));
  }
  assert.not(readFileSync(flash).equals(start), "the try that was spent is in the card's file");
});

record("an error is not recorded, because it did not change the card", () => {
  const { file } = recorded(["hold press", "nonsense", "type 12x", "wait -1", "down 0"], ["--demo"]);
  assert.not.match(readFileSync(file, "utf8"), /nonsense|12x|-1/);
  assert.is(dscSim(["run", file]).code, 0);
});

record("a record without commands replays", () => {
  for (const commands of [[], ["show"], ["seed 3"], ["demo"]]) {
    const { file } = recorded(commands);
    assert.ok(existsSync(file));
    assert.is(dscSim(["run", file]).code, 0);
  }
});

record("after a crash of its host the record has every line up to it", () => {
  const file = freshName();
  const recorder = new Recorder(file, hashOf(MODULE));
  const card = cardOf();
  recorder.start(card, { seed: 1, demo: true, flash: new Flash().bytes });
  card.hold("press");
  // The record is not closed yet, but must already be complete.
  assert.ok(linesOf(file).includes("expect PIN>"));
  recorder.close();
});

// ---- a property ----

const KEY = fc.constantFrom("press", "ok", "0", "1", "4", "7", "9");
const DIGITS = fc.constantFrom("4071", "8888", "7394", "123456", "000000", "1", "1234");
const COMMAND = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("hold press", "ok", "press", "hold ok", "type 4071", "type 123456") },
  { weight: 2, arbitrary: DIGITS.map((digits) => `type ${digits}`) },
  { weight: 2, arbitrary: KEY },
  { weight: 1, arbitrary: fc.tuple(KEY, fc.integer({ min: 0, max: 1500 })).map(([key, ms]) => `hold ${key} ${ms}`) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("down", "up"), KEY).map((words) => words.join(" ")) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 40 }).map((ms) => `wait ${ms}`) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 70_000 }).map((ms) => `wait ${ms}`) },
  { weight: 1, arbitrary: fc.constantFrom("until PIN> 3000", "until CHALLNG> 100") },
  { weight: 1, arbitrary: fc.constantFrom("cut", "battery 3000", "battery 2300", "battery 2000", "battery 0") },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 90 }), fc.constantFrom("", " clean", " torn"))
      .map(([count, mode]) => `cut-at ${count}${mode}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("save a", "save b", "load a", "load b", "serial 00ff") },
  { weight: 1, arbitrary: fc.constantFrom("show", "flash-ops", "expect PIN>", "nonsense") },
);

/** Runs lines as one session. */
function play(lines: readonly string[], session: Session): void {
  for (const line of lines) if (!Session.isComment(line)) session.execute(line);
}

/** Everything visible of a card from outside. */
function seen({ time, on, state, display, flash }: Card) {
  return { time, on, state, display, operations: flash.operations };
}

record("any sequence of commands, recorded and replayed, gives the same card", () => {
  const start = cardOf({ tries: 3 }).flash.copy();
  const property = fc.property(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.constantFrom("blank", "demo", "used"),
    fc.array(COMMAND, { maxLength: 40 }),
    (seed, kind, commands) => {
      const file = freshName();
      const recorder = new Recorder(file, hashOf(MODULE));
      let card: Card | undefined;
      const session = new Session({
        module: MODULE,
        seed,
        demo: kind === "demo",
        ...(kind === "used" && { flash: new Flash(start.bytes) }),
        openFlash: () => new Flash(),
        onStart: (made, setup) => {
          card = made;
          recorder.start(made, setup);
        },
      });
      // The last contact writes the end time into the record.
      play([...commands, "down 9"], session);
      recorder.close();
      const openFlash = (name: string) => new Flash(readFlashFile(join(FOLDER, name)));
      const again = new Session({ module: MODULE, seed: 0, openFlash });
      const lines = linesOf(file);
      const failure = firstFailure({ name: file, lines }, again);
      assert.is(failure, undefined, `line ${failure?.line} (${lines[(failure?.line ?? 1) - 1]}): ${failure?.error}`);
      assert.equal(seen(again.card), seen(session.card));
      assert.equal(again.card.flash.bytes, card?.flash.bytes);
      assert.equal(again.card.memory, card?.memory);
    },
  );
  fc.assert(property, { numRuns: 150, seed: 20240601 });
});

record.run();
