// `npm run board:qemu` as a process: used by programs, used by people, and refused.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as assert from "uvu/assert";
import { fromBraille } from "../../board/emulator/dots.js";
import { readText } from "../../board/emulator/reading.js";
import { ROOT } from "../../host-tools/files/project.js";
import { lifeOf } from "../evidence/hostside/keysoncard.js";
import { boardTest, demoFlash, developmentImage } from "../support/board.js";
import { DEADLINE, until } from "../support/deadline.js";
import { endingWith } from "../support/leftovers.js";
import { scratchFolder } from "../support/scratch.js";
import { dsc } from "../support/simprocess.js";
import { suite } from "../support/suite.js";
import { TerminalProgram } from "../support/terminal.js";

const qemu = suite("board: in QEMU");

const MAIN = join(ROOT, "build", "js", "board", "cli", "qemu.js");
const FOLDER = scratchFolder();

interface About {
  readonly pty: string;
  readonly pid: number;
  readonly image: string;
  readonly flash: string | null;
  readonly gdb: number | null;
}

/** The command, running. */
interface Running {
  readonly process: ChildProcess;
  readonly about: About;
}

const started = endingWith(qemu);

async function start(...args: string[]): Promise<Running> {
  developmentImage();
  const child = started(spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] }));
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line");
  return { process: child, about: JSON.parse(line) };
}

/** Ends it. Returns its exit code. */
async function end({ process: child }: Running, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, "exit");
  child.kill(signal);
  return (await ended)[0];
}

/** Runs the command when it must end by itself. */
function refused(args: string[], env: NodeJS.ProcessEnv = process.env): { code: number | null; stderr: string } {
  const options = { encoding: "utf8", env, timeout: DEADLINE } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], options);
  assert.is(stdout, "");
  return { code: status, stderr };
}

async function stateOf(port: string): Promise<string> {
  const { code, stdout, stderr } = await dsc(["info", "--port", port, "--json"]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout).state;
}

function cardFile(name: string): string {
  const file = join(FOLDER, name);
  writeFileSync(file, demoFlash(), { mode: 0o600 });
  return file;
}

boardTest(qemu, ["development"], "says where it is, speaks on its line, and keeps its flash", async () => {
  const file = cardFile("kept.bin");
  const first = await start("--flash", file);
  assert.is(first.about.flash, file);
  assert.is(first.about.pid, first.process.pid);
  assert.is(first.about.image, developmentImage());
  assert.is(await stateOf(first.about.pty), "personalized");
  assert.is((await dsc(["wipe", "--port", first.about.pty, "--yes"])).code, 0);
  assert.is(await end(first, "SIGINT"), 0);

  const second = await start("--flash", file);
  assert.is(await stateOf(second.about.pty), "blank");
  assert.is(await end(second, "SIGTERM"), 0);
});

boardTest(qemu, ["development"], "loses little when it is killed, and never damages the file", async () => {
  const file = cardFile("killed.bin");
  const running = await start("--flash", file);
  assert.is((await dsc(["wipe", "--port", running.about.pty, "--yes"])).code, 0);
  await until(() => lifeOf(readFileSync(file)).life === "blank", "the file follows the flash");
  await end(running, "SIGKILL");

  const again = await start("--flash", file);
  assert.is(await stateOf(again.about.pty), "blank");
  await end(again, "SIGHUP");
});

boardTest(qemu, ["development"], "a flash file belongs to one emulator at a time", async () => {
  const file = cardFile("busy.bin");
  const running = await start("--flash", file);
  const { code, stderr } = refused(["--flash", file]);
  assert.is(code, 2);
  assert.match(stderr, /^board:qemu: .*: in use by another simulator; end that one first\n$/);
  assert.is(await end(running, "SIGINT"), 0);
});

boardTest(qemu, ["development"], "refuses an unusable flash file and wrong options in one line", () => {
  developmentImage();
  const short = join(FOLDER, "short.bin");
  writeFileSync(short, "short");
  assert.equal(refused(["--flash", short]), {
    code: 2,
    stderr: `board:qemu: ${short}: 5 bytes, but a card's flash has 4096; name another file\n`,
  });
  assert.equal(refused(["--panel"]), { code: 2, stderr: "board:qemu: --panel: no terminal here\n" });
  assert.is(refused(["--gdb", "99999"]).code, 2);
  assert.is(refused(["--nonsense"]).code, 2);
});

qemu("missing tools are reported with the packages to install", () => {
  const { code, stderr } = refused([], { ...process.env, PATH: FOLDER });
  assert.is(code, 1);
  assert.match(stderr, /^board:qemu: .*apt-get install wabt gcc-arm-none-eabi .*qemu-system-arm\n$/);
});

boardTest(qemu, ["development"], "lets a debugger in", async () => {
  const port = await freePort();
  const running = await start("--gdb", String(port));
  assert.is(running.about.gdb, port);
  const socket = connect(port, "127.0.0.1");
  socket.write("$?#3f");
  let answer = "";
  socket.on("data", (text) => (answer += text));
  await until(() => /\$T0[25]/.test(answer), "why the chip stopped");
  socket.destroy();
  assert.is(await end(running, "SIGINT"), 0);
});

boardTest(qemu, ["development"], "shows its screen in the terminal, and takes keys for its pins", async () => {
  developmentImage();
  const program = new TerminalProgram([MAIN, "--demo", "--panel"]);
  const shows = (text: string) => until(() => panelText(program) === text.padEnd(8), `${text} on the panel`);
  try {
    await program.until(/Ctrl-C: quit/);
    assert.match(program.raw, /^\{"pty":"\/dev\/pts\/\d+",/);
    program.send("P");
    await shows("PIN>");
    program.send("40");
    await shows("PIN>**");
    program.send("p");
    await shows("PIN>");
    program.send("r");
    await shows("");
    program.send("\x03");
    assert.is(await program.exit, 0);
    assert.not(program.alternate);
    assert.ok(program.raw.includes("\x1b[?25h"));
  } finally {
    await program.close();
  }
});

/** Reads the text from the dots inside the frame. */
function panelText(program: TerminalProgram): string {
  const lines = program.lines().filter((line) => line.startsWith("│"));
  return readText(fromBraille(lines.map((line) => line.slice(1))));
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

qemu.run();
