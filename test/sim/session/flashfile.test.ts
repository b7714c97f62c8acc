// `--flash FILE`: the card's flash in a file, through real processes, and the files that are refused.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as assert from "uvu/assert";
import { FLASH_SIZE } from "../../../sim/core/flash.js";
import { Random } from "../../../sim/core/random.js";
import type { Report } from "../../../sim/session/cardsession.js";
import { openFlashFile } from "../../../sim/session/flashfile.js";
import { blankCard, cardOf, expected, login, triesOf } from "../../support/cards.js";
import { endingWith } from "../../support/leftovers.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim, type Ended, LAUNCHER } from "../../support/simprocess.js";
import { testUnless, UNBOUND } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const flashfile = suite("flash file");
const started = endingWith(flashfile);

const FOLDER = scratchFolder();
let files = 0;

function freshName(): string {
  return join(FOLDER, `flash-${++files}.bin`);
}

/** A file with a personalized card's flash. */
function cardFile(): string {
  const file = freshName();
  writeFileSync(file, cardOf().flash.bytes);
  return file;
}

function headless(file: string, commands: readonly string[], args: readonly string[] = []): Ended {
  return dscSim(["--headless", "--flash", file, ...args], `${commands.join("\n")}\n`);
}

function lastDisplay(ended: Ended): string {
  return (JSON.parse(ended.lines.at(-1) as string) as Report).display;
}

flashfile("a missing file is made blank", () => {
  const file = freshName();
  assert.is(headless(file, ["show"]).code, 0);
  assert.ok(readFileSync(file).equals(Buffer.alloc(FLASH_SIZE, 0xff)));
  if (process.platform !== "win32") assert.is(statSync(file).mode & 0o077, 0, "for its owner only");
});

flashfile(
  "a file belongs to one simulator at a time; the next can have it when that one ended or was killed",
  async () => {
    const file = cardFile();
    const first = started(
      spawn(process.execPath, [LAUNCHER, "--headless", "--flash", file], {
        stdio: ["pipe", "pipe", "ignore"],
      }),
    );
    first.stdin.write("show\n");
    await once(first.stdout, "data");
    const before = readFileSync(file);
    const second = headless(file, ["hold press", "type 8888", "ok"]);
    assert.is(second.code, 2);
    assert.match(second.stderr, /^dsc-sim: .* in use by another simulator; .*\n$/);
    assert.ok(readFileSync(file).equals(before));
    first.kill("SIGKILL");
    await once(first, "exit");
    assert.is(headless(file, ["show"]).code, 0, "the one before was killed");
    assert.is(headless(file, ["show"]).code, 0, "the one before ended");
  },
);

flashfile("a file belongs to one simulator under any of its names", async () => {
  const file = cardFile();
  const link = freshName();
  symlinkSync(file, link);
  for (const [held, wanted] of [
    [file, link],
    [link, file],
  ] as const) {
    const first = started(spawn(process.execPath, [LAUNCHER, "--headless", "--flash", held], { stdio: "pipe" }));
    first.stdin.write("show\n");
    await once(first.stdout, "data");
    const second = headless(wanted, ["hold press", "type 8888", "ok"]);
    first.stdin.end();
    await once(first, "exit");
    assert.is(second.code, 2, second.stdout);
    assert.match(second.stderr, /^dsc-sim: .* in use by another simulator; .*\n$/);
  }
  assert.is(triesOf(blankCard({ flash: openFlashFile(file) })), 5);
});

flashfile("the card is the same in the next process", () => {
  const file = freshName();
  headless(file, ["hold press", "type 8888", "ok"], ["--demo"]);
  assert.is(lastDisplay(headless(file, ["hold press", "type 8888", "ok"])), "LEFT 3");
  assert.is(lastDisplay(headless(file, ["hold press", "type 4071", "ok", "type 123456", "ok"])), expected("123456"));
  assert.is(lastDisplay(headless(file, ["hold press", "type 8888", "ok"])), "LEFT 4");
});

flashfile("the file keeps its size", () => {
  const file = cardFile();
  headless(file, ["hold press", "type 4071", "ok"]);
  assert.is(statSync(file).size, FLASH_SIZE);
});

flashfile("a cut leaves in the file what the card finds afterwards", () => {
  const file = cardFile();
  headless(file, ["hold press", "cut-at 2", "type 4071", "ok"]);
  assert.is(triesOf(blankCard({ flash: openFlashFile(file) })), 4);
});

flashfile("load also restores the file", () => {
  const file = cardFile();
  headless(file, ["hold press", "save a", "type 8888", "ok", "load a"]);
  assert.is(triesOf(blankCard({ flash: openFlashFile(file) })), 5);
});

// ---- files that are no flash ----

/** Asserts one clear line that names the file, exit code 2, nothing on stdout, and an unchanged file. */
function assertRefused(file: string): void {
  const isFile = existsSync(file) && statSync(file).isFile();
  const before = isFile ? readFileSync(file) : undefined;
  const modified = isFile ? statSync(file).mtimeMs : undefined;
  const { code, stdout, stderr } = headless(file, ["show"], ["--demo"]);
  assert.is(code, 2, stderr);
  assert.is(stdout, "");
  assert.match(stderr, /^[^\n]+\n$/, "one line");
  assert.ok(stderr.includes(file), "which file");
  if (before) assert.ok(readFileSync(file).equals(before), "untouched");
  assert.is(isFile ? statSync(file).mtimeMs : undefined, modified);
}

for (const [what, bytes] of [
  ["an empty file", Buffer.alloc(0)],
  ["a truncated file", Buffer.from(cardOf().flash.bytes.subarray(0, FLASH_SIZE - 1))],
  ["a file with a byte too many", Buffer.concat([cardOf().flash.bytes, Buffer.alloc(1)])],
  ["text", Buffer.from("hello\n".repeat(800)).subarray(0, FLASH_SIZE)],
  ["zeros", Buffer.alloc(FLASH_SIZE)],
] as const) {
  flashfile(`${what} is refused`, () => {
    const file = freshName();
    writeFileSync(file, bytes);
    assertRefused(file);
  });
}

flashfile("random bytes are refused", () => {
  const file = freshName();
  const bytes = new Uint8Array(FLASH_SIZE);
  new Random(99).fill(bytes);
  writeFileSync(file, bytes);
  assertRefused(file);
});

flashfile("a folder is refused", () => {
  const folder = join(FOLDER, "folder");
  mkdirSync(folder);
  assertRefused(folder);
});

flashfile("a file in a missing folder is refused", () => {
  const file = join(FOLDER, "no-such-folder", "flash.bin");
  assertRefused(file);
  assert.not(existsSync(file));
});

const NO_PROC = process.platform === "linux" ? undefined : "there is no /proc";

testUnless(flashfile, NO_PROC, "a place where no file can be made is refused, also for root", () => {
  assertRefused("/proc/dsc-flash.bin");
});

testUnless(flashfile, UNBOUND, "a read-only file is refused", () => {
  const file = cardFile();
  chmodSync(file, 0o400);
  assertRefused(file);
});

flashfile("inspect refuses a file that is no flash of this card", () => {
  const file = freshName();
  writeFileSync(file, "short");
  for (const name of [file, join(FOLDER, "missing.bin"), FOLDER]) {
    const { code, stdout, stderr } = dscSim(["inspect", name]);
    assert.is(code, 2);
    assert.is(stdout, "");
    assert.match(stderr, /^[^\n]+\n$/);
  }
});

flashfile("inspect describes a card and does not change its file", () => {
  const file = cardFile();
  const before = readFileSync(file);
  const { code, stdout } = dscSim(["inspect", file]);
  assert.is(code, 0);
  assert.match(stdout, "IB3000001");
  assert.ok(readFileSync(file).equals(before));
});

// ---- kill -9 ----

/** One round of a wrong and a right PIN. Repeated rounds also fill the pages. */
const ROUND = ["type 8888", "ok", "wait 2000", "type 4071", "ok", "hold press", "hold press"];

/** Feeds rounds to a simulator and kills it after `reports` lines. */
async function killAfter(file: string, reports: number): Promise<void> {
  const child: ChildProcess = started(
    spawn(process.execPath, [LAUNCHER, "--headless", "--flash", file], { stdio: "pipe" }),
  );
  let seen = 0;
  child.stdin?.on("error", () => {});
  child.stdin?.write(`hold press\n${`${ROUND.join("\n")}\n`.repeat(3000)}`);
  const ended = new Promise((resolve) => child.on("close", resolve));
  for await (const _ of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (++seen === reports) child.kill("SIGKILL");
  }
  await ended;
}

flashfile("kill -9 at any moment leaves a working card, with at most the tries of the last round spent", async () => {
  const file = cardFile();
  const random = new Random(5);
  for (let i = 0; i < 8; i++) {
    await killAfter(file, 1 + (random.next() % 2000));
    const card = blankCard({ flash: openFlashFile(file) });
    const tries = triesOf(card) as number;
    assert.ok(tries >= 3 && tries <= 5, `${tries} tries`);
    card.save("found");
    assert.is(login(card), expected("123456"));
    card.load("found");
  }
});

flashfile("kill -9 restores no wrong PIN", async () => {
  const file = cardFile();
  const child = started(spawn(process.execPath, [LAUNCHER, "--headless", "--flash", file], { stdio: "pipe" }));
  const ended = new Promise((resolve) => child.on("close", resolve));
  child.stdin.write("hold press\ntype 8888\nok\nwait 2000\ntype 8888\nok\n");
  for await (const line of createInterface({ input: child.stdout })) {
    if ((JSON.parse(line) as Report).display === "LEFT 3") child.kill("SIGKILL");
  }
  await ended;
  assert.is(triesOf(blankCard({ flash: openFlashFile(file) })), 3);
});

flashfile.run();
