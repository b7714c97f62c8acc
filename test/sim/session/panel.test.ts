// `dsc-sim --port`: the front panel of a card at the other end of a serial line, as a user sees it; and its parts.

import { spawn } from "node:child_process";
import { lstatSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { Channel } from "../../../firmware/wire.js";
import { Link } from "../../../host-tools/card/link.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Keypresses } from "../../../sim/common/keypresses.js";
import { Card } from "../../../sim/core/card.js";
import { DEMO } from "../../../sim/session/demo.js";
import { Panel } from "../../../sim/session/panel.js";
import { openPanel } from "../../../sim/session/panelport.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { MODULE } from "../../support/cards.js";
import { framesIn, lineBytes, type PlainFrame } from "../../support/fakecard.js";
import { press, type } from "../../support/keypresses.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim, LAUNCHER, SimProcess } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";
import { afterwards, assertRestored, shows, TerminalProgram } from "../../support/terminal.js";

const test = suiteUnless(ON_WINDOWS, "front panel");

const FOLDER = scratchFolder();
const ENTER = "\r";
const TAB = "\t";
const OFF = /State +OFF/;

let links = 0;

interface Setup {
  readonly sim: SimProcess;
  readonly program: TerminalProgram;
  readonly link: string;
}

/** A new path for a serial line. */
function newLink(): string {
  return join(FOLDER, `line${++links}`);
}

/** Runs `body` with a demo card in one process and its front panel in another, drawn. */
async function withPanel(body: (setup: Setup) => Promise<void>): Promise<void> {
  const link = newLink();
  const sim = await SimProcess.start(link, "--demo", "--seed", "1");
  const program = TerminalProgram.simulator(["--port", link]);
  try {
    await program.until(OFF);
    await body({ sim, program, link });
  } finally {
    await program.close();
    await sim.kill();
  }
}

/** Runs a `dsc-sim` that must print one line, in a terminal. */
async function refused(args: string[]): Promise<{ code: number; text: string }> {
  const program = TerminalProgram.simulator(args);
  const code = await program.exit;
  await program.close();
  return { code, text: program.raw.trim() };
}

// ---- as a user ----

test("a card on another host logs in, up to Welcome", () =>
  withPanel(async ({ sim, program }) => {
    for (const unknown of [/Tries +- /, /Battery +- /, /Flash +- /, /Erases +- /]) await program.until(unknown);
    assert.not.ok((await sim.run("show")).on, "it is not turned on by looking");
    program.send(`${TAB}demo${ENTER}demo${ENTER}`);
    const [, challenge] = (await program.until(/Challenge +(\d{6})/)) as unknown as [string, string];
    program.send(TAB);
    await press(program, "P", shows("PIN>"));
    await type(program, DEMO.pin, (typed) => `PIN>${"*".repeat(typed.length)}`);
    await press(program, ENTER, shows("CHALLNG>"));
    await type(program, challenge, (typed) => typed);
    const [, response] = (await press(program, ENTER, /\[ (\d{8}) \][─-]/)) as unknown as [string, string];
    assert.is(response, ocra(DEMO.suite, DEMO.key, { challenge }));
    assert.is((await sim.run("show")).display, response);
    program.send(`${TAB}${response}${ENTER}`);
    await program.until(/Welcome, demo!/);
    await program.until(/site: welcome/);

    program.send(TAB);
    program.resize(130, 50);
    await program.until(/power on[\s\S]*digit x4[\s\S]*digit x6[\s\S]*shows a response/);
    const log = program.lines().map((line) => line.slice(85));
    for (const secret of [DEMO.pin, challenge, response]) assert.not.ok(log.join("\n").includes(secret));
  }));

test("time and battery belong to the card: no keys change them, and q leaves the card as it is", () =>
  withPanel(async ({ sim, program }) => {
    await press(program, "P", shows("PIN>"));
    program.send("fb?");
    await program.until(/The front panel of a card/);
    program.send(" ");
    await program.until(/Time +\d+ s *[│|]/);
    await program.until(/Battery +- /);
    assert.not.match(program.lines().join("\n"), /f fast|b battery/);
    program.send("q");
    assert.is(await program.exit, 0);
    assertRestored(program.raw);
    assert.is(afterwards(program.raw), "");
    assert.is((await sim.run("show")).display, "PIN>");
  }));

test("when a card goes away, the terminal is restored and one line says so", () =>
  withPanel(async ({ sim, program, link }) => {
    const busy = await refused(["--port", link]);
    assert.equal(busy, { code: 3, text: `dsc-sim: ${link}: in use by another program` });
    await sim.kill();
    assert.is(await program.exit, 3);
    assertRestored(program.raw);
    assert.is(afterwards(program.raw).trim(), `dsc-sim: ${link}: the card is gone; the line was closed`);
  }));

test("a missing or unknown port is an error of one line", async () => {
  const missing = join(FOLDER, "nothing");
  assert.equal(await refused(["--port", missing]), { code: 3, text: `dsc-sim: ${missing}: no such port` });
  const file = join(ROOT, "package.json");
  assert.equal(await refused(["--port", file]), { code: 3, text: `dsc-sim: ${file}: not a serial port` });
});

test("options for a simulated card are refused", async () => {
  const others = [["--flash", "x"], ["--demo"], ["--seed", "1"], ["--pty", "x"], ["--record", "x"], ["--headless"]];
  const runs = others.map(async (other) => {
    const { code, stderr } = await run(["--port", "x", ...other]);
    assert.is(code, 2, other[0]);
    assert.match(stderr, new RegExp(`^dsc-sim: option '--port <path>' cannot be used with option '${other[0]}.*\n$`));
  });
  await Promise.all(runs);
});

test("--port needs a terminal", async () => {
  const { code, stderr } = await run(["--port", "x"]);
  assert.is(code, 2);
  assert.match(stderr, /^dsc-sim: this is not a terminal.*\n$/);
});

/** Runs `dsc-sim` without a terminal. */
function run(args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, stderr }));
  });
}

// ---- finding the card ----

/** A card whose firmware was built without the front panel. */
class WithoutPanel extends Card {
  override receive(bytes: Uint8Array): void {
    const known = framesIn(bytes).filter(({ channel }) => channel === Channel.APDU);
    for (const { payload } of known) super.receive(lineBytes(Channel.APDU, payload));
  }
}

test("a card without a front panel and one that does not answer have different errors", async () => {
  const cases: [Card, RegExp][] = [
    [new WithoutPanel(MODULE), /: the card has no front panel: its firmware was built without$/],
    [new Card(MODULE, { battery: 0 }), /: no card answers$/],
  ];
  await Promise.all(
    cases.map(async ([card, reason]) => {
      const link = newLink();
      const line = new PtyLine(card, link);
      const error = await openPanel(link).catch((error: Error) => error);
      line.close();
      assert.instance(error, Error);
      assert.match((error as Error).message, reason);
      assert.ok((error as Error).message.startsWith(link));
    }),
  );
});

test("a card that starts late is waited for, and gets the last key before the port closes", async () => {
  const card = new Card(MODULE, { battery: 0 });
  const moves: string[] = [];
  const link = newLink();
  const line = new PtyLine(card, link);
  const opening = openPanel(link);
  await sleep(100);
  card.setBattery(3000);
  const { panel, close } = await opening;
  assert.not.ok(card.on);
  panel.watchers.push({ key: (key, down) => moves.push(`${key} ${down ? "down" : "up"}`) });
  panel.down("press");
  const heard: PlainFrame[] = [];
  card.watchers.push({ serial: (bytes) => void heard.push(...framesIn(bytes)) });
  await close();
  assert.equal(moves, ["press down", "press up"]);
  while (!heard.some(({ payload }) => payload.equals(Buffer.of(11, 0)))) await sleep(5);
  line.close();
});

// ---- the line at a link ----

test("a link that was removed, or leads elsewhere, is left alone at the end", () => {
  for (const replacement of [undefined, "/dev/null"]) {
    const link = newLink();
    const line = new PtyLine(new Card(MODULE), link);
    unlinkSync(link);
    if (replacement) symlinkSync(replacement, link);
    line.close();
    assert.is(lstatSync(link, { throwIfNoEntry: false }) && readlinkSync(link), replacement);
  }
});

test("a link belongs to one simulator at a time, by any path", async () => {
  const link = newLink();
  const sim = await SimProcess.start(link);
  const detour = join(FOLDER, "detour");
  symlinkSync(FOLDER, detour);
  try {
    const before = readlinkSync(link);
    for (const name of [link, join(detour, basename(link))]) {
      const { code, stdout, stderr } = dscSim(["--headless", "--pty", name], "show\n");
      assert.equal([code, stdout], [2, ""]);
      assert.match(stderr, /^dsc-sim: .*: in use by another simulator; end that one first\n$/);
    }
    assert.is(readlinkSync(link), before);
  } finally {
    await sim.stop();
  }
  assert.not.ok(lstatSync(link, { throwIfNoEntry: false }));
  assert.is(dscSim(["--headless", "--pty", link], "show\n").code, 0, "the one before ended");
});

test("the link of a killed simulator is replaced, even if its terminal belongs to another program; other links are not", () => {
  const other = new PtyLine(new Card(MODULE), newLink());
  const terminal = readlinkSync(join(FOLDER, `line${links}`));
  const gone = "/dev/pts/99999";
  for (const [target, wasLocked, taken] of [
    [terminal, true, true],
    [gone, false, true],
    [terminal, false, false],
    ["/dev/null", true, false],
  ] as const) {
    const link = newLink();
    symlinkSync(target, link);
    if (wasLocked) writeFileSync(`${link}.lock`, "");
    const { code, stderr } = dscSim(["--headless", "--pty", link], "show\n");
    assert.is(code, taken ? 0 : 2, stderr);
    if (taken) continue;
    assert.is(
      stderr,
      `dsc-sim: ${link}: exists already and leads to ${target}; choose another place, or delete the link\n`,
    );
    assert.is(readlinkSync(link), target);
  }
  other.close();
});

// ---- the parts ----

/** A line whose other end is the test. */
class Line extends Duplex {
  readonly heard: string[] = [];

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (const { channel, payload } of framesIn(bytes)) this.heard.push(`${channel} ${payload.toString("hex")}`);
    done();
  }

  /** A report of the front panel. */
  async shows(on: number, state: number, text: string): Promise<void> {
    await this.sends(Buffer.concat([Buffer.of(on, state), Buffer.from(text, "latin1")]));
  }

  async sends(payload: Uint8Array): Promise<void> {
    this.push(lineBytes(Channel.PANEL, payload));
    await sleep(1);
  }
}

function panelOn(line: Line) {
  const panel = new Panel(new Link(line));
  const seen: string[] = [];
  panel.watchers.push({
    key: (key, down) => seen.push(`${key} ${down ? "down" : "up"}`),
    display: (text) => seen.push(`shows '${text}'`),
    power: (on) => seen.push(on ? "on" : "off"),
  });
  return { panel, seen };
}

test("keys are sent as contacts and screens come back; other frames are ignored", async () => {
  const line = new Line();
  const { panel, seen } = panelOn(line);
  await line.shows(0, 0, "\0".repeat(8));
  assert.is(await panel.shown, true);
  assert.equal([panel.on, panel.state, panel.display], [false, "OFF", ""]);
  panel.down("press");
  panel.up("press");
  panel.down("ok");
  panel.up("ok");
  panel.down("7");
  await line.shows(1, 4, "PIN>    ");
  await line.shows(1, 4, "PIN>    ");
  assert.equal([panel.on, panel.state, panel.display], [true, "PIN", "PIN>"]);
  await line.sends(Buffer.from("01074142", "hex"));
  await line.sends(Buffer.alloc(11));
  await line.shows(1, 99, "\x1b[31m{A}");
  assert.equal([panel.state, panel.display], ["unknown: 99", " [31m{A}"]);
  panel.close();
  await panel.closed;
  panel.down("1");
  assert.equal(line.heard, ["1 ", "1 0b01", "1 0b00", "1 0a01", "1 0a00", "1 0701", "1 0700"]);
  const keys = ["press down", "press up", "ok down", "ok up", "7 down"];
  assert.equal(seen, [...keys, "on", "shows 'PIN>'", "shows ' [31m{A}'", "7 up", "1 down"]);
});

test("a closed contact of a live card stays closed for its time, whenever frames come", () => {
  let now = 0;
  const moves: string[] = [];
  const card = {
    watchers: [],
    on: true,
    state: "PIN",
    display: "",
    time: 0,
    down: (key: string) => moves.push(`${now} ${key} down`),
    up: (key: string) => moves.push(`${now} ${key} up`),
    isDown: () => false,
  };
  const keypresses = new Keypresses(card);
  const frame = (ms: number) => {
    now += ms;
    keypresses.advance(ms);
  };
  keypresses.tap("1");
  keypresses.hold("press");
  for (const ms of [300, 25, 25, 25, 25, 10, 40]) frame(ms);
  assert.equal(moves, ["300 1 down", "400 1 up", "450 press down"]);
  for (const ms of [700, 299, 5, 500]) frame(ms);
  assert.equal(moves.slice(3), ["1454 press up"]);
  keypresses.grab("2");
  frame(25);
  keypresses.released();
  frame(25);
  frame(60);
  assert.equal(moves.slice(4), ["1979 2 down", "2064 2 up"]);
});

test("a card that no longer answers is detected", async () => {
  const line = new Line();
  const { panel } = panelOn(line);
  await line.shows(1, 4, "PIN>    ");
  const asked = () => line.heard.filter((frame) => frame === "1 ").length;
  while (panel.state === "PIN") await sleep(50);
  assert.is(panel.state, "no answer");
  assert.ok(asked() >= 4);
  await line.shows(1, 4, "PIN>    ");
  assert.is(panel.state, "PIN");
  panel.close();
});

test("a look waits for a new report of the screen, not for one that was under way", async () => {
  const line = new Line();
  const { panel } = panelOn(line);
  let seen: boolean | undefined;
  const looking = panel.look().then((came) => {
    seen = came;
  });
  await line.shows(1, 4, "PIN>    ");
  assert.is(seen, undefined);
  await line.shows(1, 4, "PIN>*   ");
  await looking;
  assert.is(seen, true);
  assert.is(await panel.look(1), false, "nothing comes");
  const closing = panel.look();
  panel.close();
  assert.is(await closing, false);
  assert.is(await panel.look(), false);
});

test.run();
