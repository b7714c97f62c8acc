// The simulator in the terminal, driven in a real pseudo-terminal as a user would; and its parts.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { ROOT } from "../../../host-tools/files/project.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { UNLOCK_SUITE } from "../../../host-tools/seeds/suite.js";
import { EventLog } from "../../../sim/common/eventlog.js";
import { Keypresses } from "../../../sim/common/keypresses.js";
import { LOCK_SECONDS, REFUSALS, type Site } from "../../../sim/common/site.js";
import { Card } from "../../../sim/core/card.js";
import { personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { loadFirmware } from "../../../sim/session/firmware.js";
import { Canvas, type Rect } from "../../../sim/terminal/canvas.js";
import { InputDecoder } from "../../../sim/terminal/input.js";
import { type Layout, layout } from "../../../sim/terminal/layout.js";
import { ASCII, lineArtOf, UNICODE } from "../../../sim/terminal/lineart.js";
import { LoginPane } from "../../../sim/terminal/loginpane.js";
import { drawLog } from "../../../sim/terminal/logpane.js";
import { asciiGlyph, type GlyphDrawing, glyphWidth, lineGlyph } from "../../../sim/terminal/segments.js";
import { terminalSite } from "../../../sim/terminal/site.js";
import { until } from "../../support/deadline.js";
import { scratchFolder } from "../../support/scratch.js";
import { testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { afterwards, assertRestored, shows, TerminalProgram } from "../../support/terminal.js";

const test = suite("terminal simulator");

const ENTER = "\r";
const TAB = "\t";
const OFF = /State +OFF/;
/** The column at which the big screen begins. */
const BIG_X = 3;
const BIG_Y = 2;

/** Runs `body` with the simulator started and drawn. */
async function withSimulator(
  body: (program: TerminalProgram) => Promise<void>,
  columns = 80,
  rows = 24,
): Promise<void> {
  const program = TerminalProgram.simulator(["--demo", "--seed", "1"], columns, rows);
  try {
    await program.until(OFF);
    await body(program);
  } finally {
    await program.close();
  }
}

/** The card's screen as its segments show it. */
function bigScreen(program: TerminalProgram, draw: GlyphDrawing = lineGlyph): string {
  const lines = program.lines().slice(BIG_Y, BIG_Y + 5);
  const width = glyphWidth(1);
  const names = new Map(Array.from("ABCDEFGHIKLMNOPRTUWY>* 0123456789", (char) => [draw(char, 1).join("\n"), char]));
  return Array.from({ length: 8 }, (_, i) => {
    const x = BIG_X + i * (width + 1);
    const rows = lines.map((line) => line.padEnd(80).slice(x, x + width));
    return names.get(rows.join("\n")) ?? "?";
  }).join("");
}

async function turnOn(program: TerminalProgram): Promise<void> {
  program.send("P");
  await program.until(shows("PIN>"));
}

async function enterPin(program: TerminalProgram, pin: string, then: string): Promise<void> {
  program.send(pin);
  await program.until(shows("PIN>****"));
  program.send(ENTER);
  await program.until(shows(then));
}

// ---- as a user ----

test("a login runs from the challenge to Welcome", () =>
  withSimulator(async (program) => {
    assert.ok(program.alternate);
    await program.until(/═ Digital Security Card\+ ═/);
    program.send(`${TAB}demo${ENTER}demo`);
    await program.until(/═ Login ═/);
    await program.until(/Password {2}\*{4}/);
    program.send(ENTER);
    const [, challenge] = (await program.until(/Challenge +(\d{6})/)) as unknown as [string, string];

    program.send(TAB);
    await turnOn(program);
    assert.is(bigScreen(program), "PIN>    ");
    await enterPin(program, DEMO.pin, "CHALLNG>");
    assert.is(bigScreen(program), "CHALLNG>");
    program.send(`${challenge}${ENTER}`);
    const [, response] = (await program.until(/\[ (\d{8}) \]─/)) as unknown as [string, string];
    assert.is(response, ocra(DEMO.suite, DEMO.key, { challenge }));
    assert.is(bigScreen(program), response);

    program.send(`${TAB}${response}${ENTER}`);
    await program.until(/Welcome, demo!/);
    await program.until(/site: welcome/);
    const below = program.lines().slice(17).join("\n");
    assert.match(below, /shows a response/);
    for (const secret of [DEMO.pin, challenge, response]) assert.not.ok(below.includes(secret));
  }));

test("fast typing is not lost", () =>
  withSimulator(async (program) => {
    program.send(`P${DEMO.pin}${ENTER}123456`);
    await program.until(shows("123456"));
  }));

test("wrong PINs lock the card; the help desk's unlock code unlocks it, and a new PIN is set", () =>
  withSimulator(async (program) => {
    await turnOn(program);
    for (const left of [4, 3, 2, 1]) {
      await enterPin(program, "0000", `LEFT ${left}`);
      program.send("5");
      await program.until(shows("PIN>"));
    }
    await enterPin(program, "0000", "LOCKED");
    await program.until(/State +LOCKED/);
    program.send(ENTER);
    const [, lockCode] = (await program.until(/\[ (\d{8}) \]─/)) as unknown as [string, string];
    program.send(`h${lockCode}${ENTER}`);
    const [, unlockCode] = (await program.until(/Unlock code +(\d{8})/)) as unknown as [string, string];
    assert.is(unlockCode, ocra(UNLOCK_SUITE, DEMO.unlockKey, { challenge: lockCode }));
    program.send(`${TAB}${ENTER}`);
    await program.until(shows("UNLOCK>"));
    program.send(`${unlockCode}${ENTER}`);
    await program.until(shows("NEW>"));
    program.send(`2580${ENTER}`);
    await program.until(shows("REP>"));
    program.send(`2580${ENTER}`);
    await program.until(shows("PIN SET"));
    await program.until(shows("PIN>"));
    await enterPin(program, "2580", "CHALLNG>");
    await program.until(/Tries +5 left/);
  }));

test("the mouse presses and holds keys, and moves the focus", () =>
  withSimulator(async (program) => {
    const at = (label: string) => {
      const y = program.lines().findIndex((line) => line.includes(`  ${label}  `) && line.includes("["));
      return { x: (program.lines()[y] as string).indexOf(label), y };
    };
    const press = at("PRESS");
    program.mouse(press.x, press.y, "down");
    await program.until(/> PRESS </);
    await program.until(shows("PIN>"));
    program.mouse(press.x, press.y, "up");
    await program.until(/\[ +PRESS +\]/);
    const four = at("4");
    // Both in one piece, as they arrive from a slow line.
    program.send(`\x1b[<0;${four.x + 1};${four.y + 1}M\x1b[<0;${four.x + 1};${four.y + 1}m0`);
    await program.until(shows("PIN>**"));
    // The old form of mouse reports.
    const old = (button: number) => `\x1b[M${String.fromCharCode(32 + button, 33 + four.x, 33 + four.y)}`;
    program.send(old(0) + old(3));
    await program.until(shows("PIN>***"));
    program.mouse(60, 3, "down");
    program.mouse(60, 3, "up");
    await program.until(/═ Login ═/);
  }));

test("keys change the battery, fast-forward the time and show the help", () =>
  withSimulator(async (program) => {
    await turnOn(program);
    program.send("b");
    await program.until(/Battery +2300 mV/);
    program.send("b");
    await program.until(/Battery +2000 mV/);
    program.send("b");
    await program.until(/Battery +none/);
    await program.until(OFF);
    program.send("b");
    await program.until(/Battery +3000 mV/);
    await turnOn(program);
    program.send("f");
    await program.until(/Time .*, x30/);
    await program.until(OFF);
    program.send("f");
    await program.until(/Time +\d+ s *[│|]/);
    program.send("?");
    await program.until(/═ Help ═/);
    program.send("q");
    await program.until(/^(?![\s\S]*═ Help ═)[\s\S]*─ Login ─/);
  }));

test("every size from 80x24 to 200x60 shows everything; a smaller one says what is needed", () =>
  withSimulator(async (program) => {
    for (const [columns, rows] of [
      [100, 24],
      [80, 31],
      [113, 50],
      [114, 24],
      [200, 60],
    ] as const) {
      program.resize(columns, rows);
      await program.until(new RegExp(`^(.*\\n){${rows - 1}} \\? help.*q quit`));
      for (const part of [/Digital Security/, /─ Login ─/, /State +OFF/, /─ Log ─/, /\[ +OK +\]/])
        await program.until(part);
    }
    program.resize(79, 24);
    await program.until(/This is 79x24;\n.*needs 80x24/);
    program.resize(20, 5);
    await program.until(/20x5/);
    program.resize(80, 24);
    await program.until(/ \? help/);
    await turnOn(program);
  }));

test("a colon takes a command of the language and shows its result", () =>
  withSimulator(async (program) => {
    program.send(`:hold press${ENTER}`);
    await program.until(/done; the display is PIN>/);
    await program.until(shows("PIN>"));
    program.send(`:expect CHALLNG>${ENTER}`);
    await program.until(/expect: the display is "PIN>", not "CHALLNG>"/);
    program.send(`:bogus${ENTER}`);
    await program.until(/unknown command: bogus/);
    // The command before the last.
    program.send(":\x1b[A\x1b[A");
    await program.until(/:expect CHALLNG>_/);
    program.send("\x1b");
    await program.until(/\? help/);
    program.send("4");
    await program.until(shows("PIN>*"));
  }));

test("k keeps the card in memory, and l restores it", () =>
  withSimulator(async (program) => {
    program.send("l");
    await program.until(/no card was kept/);
    await turnOn(program);
    program.send("40");
    await program.until(shows("PIN>**"));
    program.send("k");
    await program.until(/card kept/);
    program.send("7");
    await program.until(shows("PIN>***"));
    program.send("l");
    await program.until(shows("PIN>**"));
    program.send("71");
    await program.until(shows("PIN>****"));
  }));

test("s saves a picture of the card under a free name", async () => {
  const folder = scratchFolder();
  writeFileSync(join(folder, "card-0001.txt"), "mine");
  const program = TerminalProgram.simulator(["--demo", "--seed", "1"], 80, 24, folder);
  try {
    await program.until(OFF);
    await turnOn(program);
    program.send("s");
    await program.until(/picture saved: card-0002.txt and .svg/);
  } finally {
    await program.close();
  }
  assert.is(readFileSync(join(folder, "card-0001.txt"), "utf8"), "mine");
  assert.match(readFileSync(join(folder, "card-0002.svg"), "utf8"), /^<svg [\s\S]*PIN&#62;[\s\S]*<\/svg>\s*$/);
  assert.match(readFileSync(join(folder, "card-0002.txt"), "utf8"), /Digital Security Card\+[\s\S]*\[ PIN> \]/);
});

test("the state pane names the record, the serial line and the flash file", async () => {
  const folder = scratchFolder();
  const files = ["--record", join(folder, "r.dsc"), "--pty", join(folder, "l"), "--flash", join(folder, "f.bin")];
  const program = TerminalProgram.simulator(["--demo", ...files]);
  try {
    for (const line of [/Record .*r\.dsc/, /Line .*\/l/, /File .*f\.bin/]) await program.until(line);
  } finally {
    await program.close();
  }
});

test("--ascii draws in ASCII although the locale has UTF-8", async () => {
  const program = TerminalProgram.simulator(["--demo", "--ascii", "--seed", "1"]);
  try {
    await program.until(OFF);
    await turnOn(program);
    assert.is(bigScreen(program, asciiGlyph), "PIN>    ");
    assert.match(program.lines().join(""), /^[ -~]*$/);
  } finally {
    await program.close();
  }
});

/** Long enough for it to wake several times, in ms. */
const IDLE_TIME = 1500;

test("a card that is off is not redrawn", () =>
  withSimulator(async (program) => {
    // The last line is drawn last.
    await program.until(/\? help/);
    await sleep(IDLE_TIME);
    const before = program.raw.length;
    await sleep(IDLE_TIME);
    assert.is(program.raw.length, before);
    await turnOn(program);
  }));

// ---- Ctrl-Z ----

/** The card's time in the state pane, in seconds. */
async function cardTime(program: TerminalProgram): Promise<number> {
  const [, seconds] = (await program.until(/Time +(\d+) s/)) as unknown as [string, string];
  return Number(seconds);
}

/** How long the program is stopped (ms), and how exactly it shows its time (s). */
const STOP_TIME = 3000;
const ROUNDING = 1;
const BASH = "/bin/bash";
const NO_BASH = existsSync(BASH) ? undefined : "there is no bash";

testUnless(test, NO_BASH, "Ctrl-Z returns to the shell, and the card's time stops until it is continued", async () => {
  const program = TerminalProgram.simulatorAsJob(BASH, ["--demo", "--seed", "1"]);
  try {
    await program.until(OFF);
    await turnOn(program);
    const start = performance.now();
    program.send("40");
    await program.until(shows("PIN>**"));
    const before = await cardTime(program);
    // What follows is typed to the shell, not to the card.
    program.send("\x1a71");
    await program.until(/^shell>/m);
    assert.not.ok(program.alternate);
    assertRestored(program.raw);
    const stopped = performance.now();
    await sleep(STOP_TIME);
    const stood = performance.now() - stopped;
    program.send(ENTER);
    await program.until(shows("PIN>**"));
    assert.ok(program.alternate);
    const passed = (await cardTime(program)) - before;
    const running = (performance.now() - start - stood) / 1000;
    assert.ok(passed <= running + ROUNDING, `${passed} s passed while it ran for ${running} s`);
    program.send(`71${ENTER}`);
    await program.until(shows("CHALLNG>"));
    program.send("q");
    assert.is(await program.exit, 0);
    assertRestored(program.raw);
  } finally {
    await program.close();
  }
});

test("Ctrl-Z does no harm if no shell can continue the program", () =>
  withSimulator(async (program) => {
    await turnOn(program);
    program.send("\x1a");
    await until(() => program.raw.split("\x1b[?1049h").length >= 3, "it has the screen again");
    await program.until(shows("PIN>"));
    await enterPin(program, DEMO.pin, "CHALLNG>");
  }));

test("a contact that nobody holds any more opens", () => {
  const card = new Card(loadFirmware());
  const moves = contacts(card);
  const keypresses = new Keypresses(card);
  keypresses.hold("press");
  keypresses.tap("1");
  keypresses.advance(100);
  keypresses.letGo();
  keypresses.advance(5000);
  keypresses.tap("2");
  keypresses.advance(100);
  assert.equal(moves, ["0 press down", "100 press up", "5100 2 down", "5180 2 up"]);
});

// ---- leaving ----

test("q and Ctrl-C end it and restore the terminal", async () => {
  for (const keys of ["q", "\x03", `${TAB}\x03`, "?\x03"]) {
    await withSimulator(async (program) => {
      program.send(keys);
      assert.is(await program.exit, 0);
      assertRestored(program.raw);
      assert.is(afterwards(program.raw), "");
      assert.not.match(program.raw, /error/i);
    });
  }
});

test("a signal ends it and restores the terminal", async () => {
  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGQUIT", 131],
  ] as const) {
    await withSimulator(async (program) => {
      program.kill(signal);
      assert.is(await program.exit, code);
      assertRestored(program.raw);
    });
  }
});

/** npm as a job of a shell that has the terminal again when npm ends; it writes npm's process id to its first argument. */
const NPM_IN_A_SHELL = 'npm start --silent <&0 & echo $! > "$0"; wait $!; read -p "shell> " line';

testUnless(
  test,
  NO_BASH,
  "npm start: a signal that ends npm ends the simulator and restores the terminal",
  async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const file = join(scratchFolder(), "pid");
      const program = new TerminalProgram(["-c", NPM_IN_A_SHELL, file], 80, 24, BASH);
      try {
        await program.until(OFF);
        process.kill(Number(readFileSync(file, "utf8")), signal);
        await until(() => program.raw.includes("\x1b[?1049l"), `the terminal is given back after ${signal}`);
        assertRestored(program.raw);
      } finally {
        await program.close();
      }
    }
  },
);

test("TERM=dumb gives one line that names --headless, and no escape sequence", async () => {
  const program = TerminalProgram.simulator(["--demo"], 80, 24, undefined, { TERM: "dumb" });
  assert.is(await program.exit, 2);
  assert.match(program.raw, /^dsc-sim: [^\n]*--headless[^\n]*\r?\n$/);
  assert.not.ok(program.raw.includes("\x1b"));
  await program.close();
});

test("with NO_COLOR or a terminal of eight colours no colour is used, and the focus still shows", async () => {
  const environments: Record<string, string>[] = [{ NO_COLOR: "1" }, { TERM: "xterm" }, { TERM: "linux" }];
  for (const env of environments) {
    const program = TerminalProgram.simulator(["--demo", "--seed", "1"], 80, 24, undefined, env);
    try {
      await program.until(OFF);
      program.send(TAB);
      await program.until(/[═=] Login [═=]/);
      const cells = program.cells().flat();
      assert.ok(
        cells.every(({ fg, bg }) => fg === undefined && bg === undefined),
        JSON.stringify(env),
      );
      assert.ok(program.raw.includes("\x1b[7m"), "something is inverse");
    } finally {
      await program.close();
    }
  }
});

test("a paste is not taken for keys: the card ignores it, a field takes what fits, and the log says so", () =>
  withSimulator(async (program) => {
    const paste = (text: string) => program.send(`\x1b[200~${text}\x1b[201~`);
    await turnOn(program);
    program.resize(130, 50);
    paste("1111\r".repeat(2000));
    await program.until(/pasted: 0 of 10000 taken/);
    paste("q");
    await program.until(/pasted: 0 of 1 /);
    await program.until(shows("PIN>"));
    await program.until(/Tries +5 left/);
    program.send(TAB);
    paste("demo\rand more");
    await program.until(/User +demo_/);
    await program.until(/pasted: 4 of 13 /);
    program.send("\tht");
    paste("12345678 9");
    await program.until(/pasted: 8 of 10 /);
    await program.until(/Lock code +12345678/);
    program.send("\t:");
    paste("show\nand more");
    await program.until(/:show_/);
    program.send("\x03");
    assert.is(await program.exit, 0);
    assertRestored(program.raw);
  }));

test("P held down by a keyboard is one hold", () =>
  withSimulator(async (program) => {
    for (let i = 0; i < 30; i++) program.send("P");
    await program.until(shows("PIN>"));
    const before = program.lines().join("\n");
    program.send("4");
    await program.until(shows("PIN>*"));
    assert.not.match(before, /power off/);
  }));

test("a crash restores the terminal first, then says what happened", async () => {
  for (const where of ["frame", "promise"]) {
    const program = new TerminalProgram([join(ROOT, "build/js/test/support/terminalcrash.js"), where]);
    try {
      await program.until(OFF);
      program.send("1");
      assert.is(await program.exit, 1);
      assertRestored(program.raw);
      assert.match(afterwards(program.raw), /^dsc-sim: Error: a failure that the test made\r?\n/);
    } finally {
      await program.close();
    }
  }
});

test("if stdout is no terminal, one line names --headless", () => {
  const run = spawnSync(process.execPath, [join(ROOT, "sim/dsc-sim.mjs"), "--demo"], { encoding: "utf8" });
  assert.is(run.status, 2);
  assert.is(run.stdout, "");
  assert.match(run.stderr, /^dsc-sim: .*--headless.*\n$/);
});

// ---- the site ----

/** A site whose clock shows `clock.now`. */
function siteWithClock(): { site: Site; clock: { now: number } } {
  const clock = { now: 1000 };
  return { site: terminalSite(undefined, () => clock.now), clock };
}

/** Signs in and returns the right response. */
function signIn(site: Site): string {
  const answer = site.signIn("demo", "demo");
  if (answer.outcome !== "challenge") throw new Error(`no challenge: ${answer.text}`);
  assert.match(answer.challenge, /^\d{6}$/);
  return ocra(DEMO.suite, DEMO.key, { challenge: answer.challenge });
}

test("the site accepts the right response once", () => {
  const { site } = siteWithClock();
  const response = signIn(site);
  assert.is(site.respond(response).outcome, "welcome");
  assert.is(site.respond(response).outcome, "refused");
  signIn(site);
  assert.is(site.respond("").outcome, "refused");
  assert.is(site.respond(response).outcome, "refused");
});

test("a wrong response spends the challenge", () => {
  const { site } = siteWithClock();
  const response = signIn(site);
  const wrong = String((Number(response[0]) + 1) % 10) + response.slice(1);
  assert.is(site.respond(wrong).outcome, "refused");
  assert.is(site.respond(response).outcome, "refused");
});

test("a new sign-in and starting over void the challenge", () => {
  const { site } = siteWithClock();
  const response = signIn(site);
  site.cancel();
  assert.is(site.respond(response).outcome, "refused");
  const old = signIn(site);
  assert.is(site.signIn("demo", "Demo").outcome, "refused");
  assert.is(site.respond(old).outcome, "refused");
  assert.is(site.signIn("", "").outcome, "refused");
});

test("refusals in a row lock the site for its time; a welcome resets the count", () => {
  const { site, clock } = siteWithClock();
  for (let i = 1; i < REFUSALS; i++) assert.is(site.signIn("demo", "no").outcome, "refused");
  assert.is(site.respond(signIn(site)).outcome, "welcome");
  for (let i = 1; i < REFUSALS; i++) assert.is(site.signIn("demo", "no").outcome, "refused");
  assert.is(site.signIn("who", "demo").outcome, "locked");
  assert.is(site.lockedFor, LOCK_SECONDS);
  clock.now += LOCK_SECONDS * 1000 - 1;
  assert.is(site.signIn("demo", "demo").outcome, "locked");
  clock.now += 1;
  assert.is(site.lockedFor, 0);
  assert.is(site.respond(signIn(site)).outcome, "welcome");
});

// ---- the parts ----

/** The drawing of a view, as plain text. */
function drawn(width: number, height: number, draw: (canvas: Canvas) => void): string {
  const canvas = new Canvas(width, height);
  draw(canvas);
  return canvas.tagged().replace(/\{[^}]*\}/g, "");
}

function demoCard(): Card {
  const card = new Card(loadFirmware(), { seed: 1 });
  personalize(card, DEMO);
  return card;
}

test("the log has no digit that was typed or shown", () => {
  const card = demoCard();
  const log = new EventLog(card);
  const area = { x: 0, y: 0, width: 60, height: 60 };
  card.hold("press");
  card.type("9999");
  card.press("ok");
  card.wait(2100);
  card.type(DEMO.pin);
  card.press("ok");
  card.type("777888");
  card.press("ok");
  const response = card.display;
  card.hold("press");
  log.poll();
  const entries = drawn(60, 60, (canvas) => drawLog(canvas, area, log))
    .split("\n")
    .map((line) => line.replace(/^\| +\d+\.\d{3} /, ""));
  const text = entries.join("\n");
  for (const part of [
    "power on",
    "shows PIN>",
    "digit x4",
    "LEFT 4",
    "CHALLNG>",
    "shows a response",
    "flash: ",
    "PRESS held 1.0 s",
  ]) {
    assert.ok(text.includes(part), part);
  }
  for (const secret of ["9999", DEMO.pin, "777888", response]) assert.not.ok(text.includes(secret));
  assert.not.match(text, /digit \d|shows \d/);
});

test("the log keeps only the last entries, however long the card is used", () => {
  const log = new EventLog(demoCard());
  const height = 2000;
  for (let entry = 1; entry < height; entry++) log.add(`entry ${entry}`);
  const kept = drawn(60, height, (canvas) => drawLog(canvas, { x: 0, y: 0, width: 60, height }, log)).match(
    /entry \d+/g,
  );
  assert.is(kept?.length, 500);
  assert.is(kept?.[0], `entry ${height - 500}`);
  assert.is(kept?.at(-1), `entry ${height - 1}`);
});

test("the login pane masks the password, takes only digits as a response, and counts down the lockout", () => {
  const log: string[] = [];
  const { site, clock } = siteWithClock();
  const pane = new LoginPane((text) => log.push(text), site);
  const type = (...texts: string[]) => {
    for (const text of texts) for (const name of text === "enter" ? [text] : text) pane.key(name);
  };
  const text = () => drawn(30, 12, (canvas) => pane.draw(canvas, { x: 0, y: 0, width: 30, height: 12 }, true));
  type("demo", "enter", "{s3{", "enter");
  assert.match(text(), /Refused: wrong user name/);
  assert.not.match(text(), /s3/);
  type("demo", "enter", "demo");
  assert.match(text(), /\*\*\*\*_/);
  pane.key("enter");
  type("12ab345678999");
  assert.match(text(), /Response +12345678_/);
  pane.key("enter");
  assert.match(text(), /Refused: wrong response/);
  for (let i = 2; i < REFUSALS; i++) type("a", "enter", "b", "enter");
  assert.match(text(), /again in 60 s\./);
  clock.now += 30_000;
  assert.match(text(), /again in 30 s\./);
  clock.now += 30_000;
  assert.not.match(text(), /Locked/);
  assert.equal(log, [
    "site: refused",
    "site: challenge",
    "site: refused",
    "site: refused",
    "site: refused",
    "site: locked",
  ]);
});

test("keys and mouse reports are distinguished however their bytes arrive", () => {
  const input =
    "a\x1b[<0;3;4M\x1b[<0;3;4m7\x1b[A\x1bOB\x1b[<35;1;1M\x1b[<64;1;1M\r\t\x7f\x03\x1b[M #$\x1b[M##$\x1b[15;2~\xe9z";
  const expected = [
    { kind: "key", name: "a" },
    { kind: "mouse", down: true, x: 2, y: 3 },
    { kind: "mouse", down: false, x: 2, y: 3 },
    ...["7", "up", "down", "enter", "tab", "backspace", "ctrl-c"].map((name) => ({ kind: "key", name })),
    { kind: "mouse", down: true, x: 2, y: 3 },
    { kind: "mouse", down: false, x: 2, y: 3 },
    { kind: "key", name: "z" },
  ];
  assert.equal(new InputDecoder().feed(input), expected);
  const decoder = new InputDecoder();
  assert.equal(
    [...input].flatMap((byte) => decoder.feed(byte)),
    expected,
  );
  assert.not.ok(decoder.pending);
  assert.equal(decoder.feed("\x1b"), []);
  assert.ok(decoder.pending);
  assert.equal(decoder.flush(), [{ kind: "key", name: "escape" }]);
});

test("only the left button presses, also with Shift, Alt or Ctrl; releasing another button releases nothing", () => {
  const sgr = (button: number, end: string) => `\x1b[<${button};3;4${end}`;
  for (const button of [1, 2, 3, 5, 6, 32, 34, 64, 65, 66, 128, 129])
    assert.equal(new InputDecoder().feed(sgr(button, "M") + sgr(button, "m")), [], `button ${button}`);
  for (const modifiers of [0, 4, 8, 16, 28])
    assert.is(new InputDecoder().feed(sgr(modifiers, "M") + sgr(modifiers, "m")).length, 2, `modifiers ${modifiers}`);
  const old = (button: number) => `\x1b[M${String.fromCharCode(32 + button)}##`;
  assert.equal(new InputDecoder().feed(old(1) + old(2) + old(64)), []);
  assert.equal(
    new InputDecoder().feed(old(0) + old(3)).map((event) => event.kind === "mouse" && event.down),
    [true, false],
  );
});

test("a paste is one event however its bytes arrive, ends with its end mark, and is limited", () => {
  const text = "12\x1b[A\x1b[200~\x1b[201q\r".repeat(500);
  const input = `a\x1b[200~${text}\x1b[201~b`;
  for (const size of [1, 2, 3, 7, 1000, input.length]) {
    const decoder = new InputDecoder();
    const pieces = Array.from({ length: Math.ceil(input.length / size) }, (_, at) =>
      input.slice(at * size, (at + 1) * size),
    );
    const events = pieces.flatMap((piece) => decoder.feed(piece));
    const paste = { kind: "paste", length: text.length, start: text.slice(0, 64) };
    assert.equal(events, [{ kind: "key", name: "a" }, paste, { kind: "key", name: "b" }], `in pieces of ${size}`);
    assert.not.ok(decoder.pending);
  }
  const cut = new InputDecoder();
  assert.equal(cut.feed("\x1b[200~abc\x1b[20"), []);
  assert.ok(cut.pasting && cut.pending);
  assert.equal(cut.flush(), [{ kind: "paste", length: 7, start: "abc\x1b[20" }]);
  assert.equal(cut.feed("x"), [{ kind: "key", name: "x" }]);
});

test("a repeated hold is the same hold; the queue is short; forgetting empties it", () => {
  let now = 0;
  let full = 0;
  const card = new Card(loadFirmware());
  const moves = contacts(card);
  const keypresses = new Keypresses(card, { clock: () => now, full: () => full++ });
  for (let i = 0; i < 30; i++) {
    keypresses.hold("press");
    now += i === 0 ? 500 : 33;
  }
  keypresses.advance(20_000);
  assert.equal(moves, ["0 press down", "1000 press up"]);
  now += 700;
  keypresses.hold("press");
  keypresses.hold("ok");
  keypresses.advance(5000);
  assert.is(moves.length, 6, "another hold, and one of another key");
  for (let i = 0; i < 100; i++) keypresses.tap("1");
  assert.is(full, 84);
  keypresses.advance(60);
  keypresses.forget();
  keypresses.advance(5000);
  assert.equal(moves.length, 8, "the one that was down");
});

/** The contacts of a card as they move, with the times. */
function contacts(card: Card): string[] {
  const moves: string[] = [];
  card.watchers.push({ key: (key, down) => moves.push(`${card.time} ${key} ${down ? "down" : "up"}`) });
  return moves;
}

test("keys become contacts one after another, for any steps of time", () => {
  for (const step of [1, 7, 25, 750, 5000]) {
    const card = new Card(loadFirmware());
    const moves = contacts(card);
    const keypresses = new Keypresses(card);
    keypresses.hold("press");
    keypresses.tap("1");
    keypresses.tap("1");
    while (card.time < 5000) keypresses.advance(step);
    assert.equal(moves, ["0 press down", "1000 press up", "1040 1 down", "1120 1 up", "1160 1 down", "1240 1 up"]);
  }
});

test("a click is long enough, a hold as long as the button is down, and a lost release ends", () => {
  const card = new Card(loadFirmware());
  const moves = contacts(card);
  const keypresses = new Keypresses(card);
  keypresses.grab("5");
  keypresses.released();
  keypresses.advance(200);
  keypresses.grab("press");
  keypresses.advance(900);
  keypresses.released();
  keypresses.advance(100);
  assert.equal(moves, ["0 5 down", "80 5 up", "200 press down", "1100 press up"]);
  keypresses.grab("6");
  keypresses.advance(20_000);
  assert.not.ok(keypresses.holding);
  assert.is(moves.at(-1)?.endsWith("6 up"), true);
  moves.length = 0;
  keypresses.grab("7");
  keypresses.advance(200);
  assert.equal(moves, ["21200 7 down", "21280 7 up"]);
});

test("the big characters differ, in both drawings and both sizes", () => {
  for (const draw of [lineGlyph, asciiGlyph]) {
    for (const size of [1, 2] as const) {
      const glyphs = new Map<string, string>();
      for (const char of "123456789ABCDEFGHIJKLMNOPQRTUVWXYZ>* ") {
        const rows = draw(char, size);
        assert.is(rows.length, glyphWidth(size));
        assert.ok(rows.every((row) => row.length === glyphWidth(size)));
        if (draw === asciiGlyph) assert.match(rows.join(""), /^[ -~]*$/);
        assert.not.ok(glyphs.has(rows.join("\n")), `${char} looks like ${glyphs.get(rows.join("\n"))}`);
        glyphs.set(rows.join("\n"), char);
      }
    }
  }
});

test("locales with UTF-8 get line drawing, all others ASCII", () => {
  for (const [environment, art] of [
    [{ LANG: "en_US.UTF-8" }, UNICODE],
    [{ LANG: "C.utf8" }, UNICODE],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, ASCII],
    [{ LC_ALL: "", LC_CTYPE: "ja_JP.UTF-8", LANG: "C" }, UNICODE],
    [{ LANG: "de_DE.ISO-8859-15" }, ASCII],
    [{}, ASCII],
  ] as const)
    assert.is(lineArtOf(environment), art, JSON.stringify(environment));
});

/** The panes that must not overlap. */
function panesOf({ card, login, desk, state, log, keys, line }: Layout): Rect[] {
  return [card, login, desk === login ? undefined : desk, state, log, keys, line].filter((area) => area !== undefined);
}

/** Every cell is in one pane at most. */
function assertApart(areas: readonly Rect[], width: number, height: number): void {
  const taken = new Uint8Array(width * height);
  for (const area of areas) {
    const fits = area.x + area.width <= width && area.y + area.height <= height && area.height > 0;
    assert.ok(fits, `a pane leaves the terminal at ${width}x${height}`);
    for (let y = area.y; y < area.y + area.height; y++) {
      if (taken.subarray(y * width + area.x, y * width + area.x + area.width).some((cell) => cell === 1))
        throw new Error(`panes overlap at ${width}x${height}`);
      taken.fill(1, y * width + area.x, y * width + area.x + area.width);
    }
  }
}

test("panes never overlap and never leave the terminal", () => {
  for (let width = 80; width <= 200; width += 1) {
    for (let height = 24; height <= 60; height += 1) {
      for (const site of [true, false]) {
        const places = layout(width, height, { login: site, desk: site });
        if (!places) throw new Error(`no layout for ${width}x${height}`);
        assertApart(panesOf(places), width, height);
      }
    }
  }
  assert.is(layout(79, 24, { login: true, desk: true }), undefined);
  assert.is(layout(80, 23, { login: true, desk: true }), undefined);
});

test.run();
