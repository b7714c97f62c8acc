// The posix port as a process: its flash file, its end and restart, and the rules of its flash.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { buildImages, STRICT } from "../../board/builder/images.js";
import { Channel } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { ROOT } from "../../host-tools/files/project.js";
import { FLASH_SIZE } from "../../sim/core/flash.js";
import { boardTest } from "../support/board.js";
import { DEADLINE } from "../support/deadline.js";
import { type Answer, encodeCommand, Op, type Plain, Splitter } from "../support/development.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";

const test = suite("posix port");
const FOLDER = scratchFolder();
const HELLO = encodeFrame(Channel.APDU, new Uint8Array());
const BLANK = Buffer.alloc(FLASH_SIZE, 0xff);

/** Runs the process with these bytes and then the end of its input. */
function run(args: readonly string[], ...input: Uint8Array[]) {
  const image = buildImages("posix");
  const ended = spawnSync(image, args, { input: Buffer.concat(input), timeout: DEADLINE });
  const answers: Answer[] = [];
  const frames: Plain[] = [];
  const splitter = new Splitter(
    ({ answer }) => answers.push(answer),
    (frame) => frames.push(frame),
  );
  splitter.take(ended.stdout);
  return { code: ended.status, signal: ended.signal, stderr: ended.stderr.toString(), answers, frames };
}

boardTest(test, ["posix"], "answers, and ends cleanly at the end of the line", () => {
  const { code, stderr, frames } = run(["--stdio"], HELLO);
  assert.equal([code, stderr], [0, ""]);
  assert.is(frames[0]?.payload.toString("hex"), "01");
});

boardTest(test, ["posix"], "makes a flash file that only its owner reads, and keeps the card in it", () => {
  const file = join(FOLDER, "card.flash");
  assert.is(run(["--stdio", "--flash", file]).code, 0);
  assert.is(statSync(file).mode & 0o777, 0o600);
  assert.ok(readFileSync(file).equals(BLANK));
  run(["--stdio", "--flash", file], HELLO);
  const started = readFileSync(file);
  assert.not(started.equals(BLANK));
  run(["--stdio", "--flash", file], HELLO);
  assert.ok(readFileSync(file).equals(started), "a second start writes nothing");
});

boardTest(test, ["posix"], "starts again after a trap, and forgets all but its flash", async () => {
  for (const args of [["--stdio"], ["--stdio", "--flash", join(FOLDER, "trapped.flash")]]) {
    const child = spawn(buildImages("posix"), args, { stdio: ["pipe", "pipe", "inherit"] });
    const answers: Answer[] = [];
    const splitter = new Splitter(({ answer }) => answers.push(answer));
    child.stdout.on("data", (bytes: Buffer) => splitter.take(bytes));
    child.stdin.write(Buffer.concat([HELLO, encodeCommand(Op.STATUS)]));
    while (answers.length < 1) await once(child.stdout, "data");
    child.stdin.write(encodeCommand(Op.TRAP));
    // Bytes that arrive before the restart are lost with its memory.
    while (answers.length < 2) {
      child.stdin.write(encodeCommand(Op.STATUS));
      await Promise.race([once(child.stdout, "data"), sleep(100)]);
    }
    child.stdin.end();
    assert.equal(await once(child, "exit"), [0, null]);
    const [before, after] = answers;
    assert.equal([before?.on, after?.on, after?.operations], [true, false, 0]);
    assert.is(after?.crc, before?.crc);
  }
});

boardTest(test, ["posix"], "refuses files that are no flash, and unknown commands", () => {
  const file = join(FOLDER, "other");
  writeFileSync(file, "not a flash");
  for (const args of [["--flash", file], ["--flash", join(FOLDER, "none", "card.flash")], ["--flash"], ["--what"]]) {
    const { code, stderr } = run(["--stdio", ...args]);
    assert.is(code, 2, args.join(" "));
    assert.match(stderr, /^dsc: .+\n$/);
  }
  assert.is(readFileSync(file, "utf8"), "not a flash");
  assert.not(existsSync(join(FOLDER, "none")));
});

boardTest(test, ["posix"], "takes no command that is damaged, of another length or unknown", () => {
  const status = encodeCommand(Op.STATUS);
  const body = status.subarray(1, -1);
  const end = Buffer.of(0xc0);
  const wrong = [
    Buffer.concat([end, body.subarray(0, -1), Buffer.of((body.at(-1) ?? 0) ^ 1), end]),
    Buffer.concat([end, Buffer.of(0xdb), body, end]),
    Buffer.concat([end, body, Buffer.of(0xdb), end]),
    encodeFrame(Channel.PANEL, Buffer.from("850000000000aa", "hex")),
    encodeFrame(Channel.PANEL, Buffer.from("8500000000", "hex")),
    encodeFrame(Channel.PANEL, Buffer.from("880000000000", "hex")),
    encodeFrame(Channel.PANEL, Buffer.from("7f0000000000", "hex")),
    encodeFrame(Channel.APDU, Buffer.from("850000000000", "hex")),
  ];
  assert.equal(run(["--stdio"], ...wrong).answers, []);
  assert.is(run(["--stdio"], ...wrong, status).answers.length, 1, "the next is taken");
});

boardTest(test, ["posix"], "restores time, battery and power when it is released", () => {
  const commands = [encodeCommand(Op.PASS, 0), encodeCommand(Op.BATTERY, 0), HELLO, encodeCommand(Op.RELEASE), HELLO];
  const { answers, frames } = run(["--stdio"], ...commands);
  assert.equal(
    answers.map(({ power }) => power),
    [true, false, true],
  );
  assert.is(frames.filter(({ channel }) => channel === Channel.APDU).length, 1, "without power nobody answers hello");
});

boardTest(test, ["posix"], "has a battery after it is blanked, whatever commands came before", () => {
  for (const millivolts of [0, 1500]) {
    const commands = [encodeCommand(Op.BATTERY, millivolts), encodeCommand(Op.BLANK), HELLO, encodeCommand(Op.STATUS)];
    const { answers, frames } = run(["--stdio"], ...commands);
    assert.is(frames.filter(({ channel }) => channel === Channel.APDU).length, 1, `${millivolts} mV before`);
    assert.is(answers.at(-1)?.on, true);
  }
});

boardTest(test, ["posix"], "enforces the rules of flash", () => {
  buildImages("posix");
  const program = join(FOLDER, "flashrules");
  const board = join(ROOT, "board");
  const sources = [join(ROOT, "test", "board", "flashrules.c"), join(board, "ports", "posix", "flash.c")];
  const flags = [...STRICT, `-I${board}`, "-fsanitize=address,undefined"];
  const built = spawnSync("cc", [...flags, ...sources, "-o", program], { encoding: "utf8" });
  assert.is(built.status, 0, built.stderr);
  const again = "the word was programmed before";
  assert.equal(spawnSync(program, { encoding: "utf8" }).stdout.trim().split("\n"), [
    "first: done",
    `same again: ${again}`,
    "to zero: done",
    `to zero again: ${again}`,
    "erase: done",
    "after the erase: done",
    "torn zeroing: done",
    "zeroing after that: done",
    "torn first: done",
    `a bit back: ${again}`,
    "no word: the address is not a word of the flash",
    "outside: the address is not a word of the flash",
    "no page: the flash has no such page",
    `counted as programmed: ${again}`,
    `counted as zeroed: ${again}`,
    "counted as erased: done",
  ]);
});

test.run();
