// `dsc-sim --headless` and `dsc-sim run`: their commands, their lines of JSON and TAP and their exit codes (docs/DESIGN.md,
// Simulator), through real processes.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../../../host-tools/files/project.js";
import type { Report } from "../../../sim/session/cardsession.js";
import { Silence } from "../../../sim/session/conversation.js";
import { DEMO } from "../../../sim/session/demo.js";
import { blankCard, expected, seed } from "../../support/cards.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim, type Ended, LAUNCHER } from "../../support/simprocess.js";
import { NO_FULL_DISK, ON_WINDOWS, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const headless = suite("headless");

const FOLDER = scratchFolder();
const RESPONSE = expected("123456");
/** From off to a response, in commands. */
const LOGIN = ["hold press", `type ${DEMO.pin}`, "ok", "type 123456", "ok"];
const stderrSeen: string[] = [];

/** Runs commands headless; keeps stderr for the last test, which searches all of it. */
function run(commands: readonly string[], args: readonly string[] = []): Ended & { reports: Report[] } {
  const ended = dscSim(["--headless", ...args], `${commands.join("\n")}\n`);
  stderrSeen.push(ended.stderr);
  return { ...ended, reports: ended.lines.map((line) => JSON.parse(line) as Report) };
}

/** Runs command files written for the test. */
function runFiles(...files: (readonly string[])[]): Ended & { names: string[] } {
  const names = files.map((lines, i) => {
    const name = join(FOLDER, `script-${i}.dsc`);
    writeFileSync(name, `${lines.join("\n")}\n`);
    return name;
  });
  const ended = dscSim(["run", ...names]);
  stderrSeen.push(ended.stderr);
  return { ...ended, names };
}

headless("each command gives a line of JSON, in exactly this form", () => {
  const { lines, code, stderr } = run(["demo", "show", "hold press", "type 40", "cut", "flash-ops"]);
  assert.equal(lines, [
    '{"t":0,"on":false,"state":"OFF","display":""}',
    '{"t":0,"on":false,"state":"OFF","display":""}',
    '{"t":1040,"on":true,"state":"PIN","display":"PIN>"}',
    '{"t":1280,"on":true,"state":"PIN","display":"PIN>**"}',
    '{"t":1280,"on":false,"state":"OFF","display":"","cut":true}',
    '{"t":1280,"on":false,"state":"OFF","display":"","ops":0}',
  ]);
  assert.is(code, 0);
  assert.is(stderr, "");
});

headless("each command takes its documented time", () => {
  const times: [string, number][] = [
    ["press", 120],
    ["ok", 120],
    ["0", 120],
    ["9", 120],
    ["hold press", 1040],
    ["hold ok", 1040],
    ["hold press 1500", 1540],
    ["hold 5 10", 50],
    ["down 1", 0],
    ["up 1", 0],
    ["type 4071", 480],
    ["wait 2500", 2500],
    ["wait 0", 0],
    ["show", 0],
    ["serial 00ff", 0],
    ["battery 2900", 0],
    ["save here", 0],
    ["cut-at 1", 0],
    ["flash-ops", 0],
    ["expect /.*/", 0],
    ["cut", 0],
  ];
  const { reports, code } = run(times.map(([command]) => command));
  let before = 0;
  for (const [i, [command, ms]] of times.entries()) {
    const { t } = reports[i] as Report;
    assert.is(t - before, ms, command);
    before = t;
  }
  assert.is(code, 0);
});

headless("a script logs in", () => {
  const { reports, code } = run([...LOGIN, `expect ${RESPONSE}`, "expect /^[0-9]{8}$/", "press", "expect"], ["--demo"]);
  assert.equal(
    reports.map((report) => report.display),
    ["PIN>", "PIN>****", "CHALLNG>", "123456", RESPONSE, RESPONSE, RESPONSE, "", ""],
  );
  assert.is(code, 0);
});

headless("down and up are the two halves of a key", () => {
  const { reports } = run(["demo", "down press", "wait 799", "wait 1", "up press", "wait 40", "show"]);
  assert.equal(
    reports.map((report) => report.display),
    ["", "", "", "PIN>", "PIN>", "PIN>", "PIN>"],
  );
});

headless("hold reports after the key is released", () => {
  const { reports } = run(["demo", "hold press 700", "hold press 1500", "wait 25000", "show"]);
  assert.equal(
    reports.map(({ t, display }) => [t, display]),
    [
      [0, ""],
      [740, ""],
      [2280, "PIN>"],
      [27280, "PIN>"],
      [27280, "PIN>"],
    ],
  );
});

headless("blank lines and comments print nothing", () => {
  const { lines, code } = run(["", "# a comment", "   ", "  # another", "show", ""]);
  assert.is(lines.length, 1);
  assert.is(code, 0);
});

headless("a missing last newline, blanks around a command and CRLF are accepted", () => {
  const ended = dscSim(["--headless"], "demo\r\n  hold   press  \r\nshow");
  assert.is(ended.lines.length, 3);
  assert.is((JSON.parse(ended.lines[2] as string) as Report).display, "PIN>");
  assert.is(ended.code, 0);
});

headless("until: time passes until the display matches, or it is an error", () => {
  const { reports, code } = run([
    "demo",
    "hold press",
    "type 8888",
    "ok",
    "until PIN> 5000",
    "until CHALLNG> 700",
    "until PIN> 100",
    "show",
  ]);
  const [shown, , met, missed, already, last] = reports.slice(2) as Report[];
  assert.is(shown?.display, "PIN>****");
  assert.is(met?.display, "PIN>");
  assert.ok((met?.t ?? 0) - 1640 <= 2000, "as soon as it is there");
  assert.is(met?.error, undefined);
  assert.type(missed?.error, "string");
  assert.is((missed?.t ?? 0) - (met?.t ?? 0), 700, "the time has passed");
  assert.is(already?.t, missed?.t, "no time passes where it is there already");
  assert.is(already?.error, undefined);
  assert.is(last?.error, undefined);
  assert.is(code, 1);
});

headless("until returns at the moment that the display changes", () => {
  const { reports } = run(["demo", "down press", "until PIN> 5000"]);
  assert.is(reports[2]?.t, 800);
});

headless("expect: takes text, a pattern or a blank, and a different display is an error", () => {
  const commands = [
    "demo",
    "expect",
    "expect PIN>",
    "hold press",
    "expect PIN>",
    "expect",
    "expect /^PIN/",
    "expect /x/",
  ];
  const { reports, code } = run(commands);
  const failed = reports.map((report) => report.error !== undefined);
  assert.equal(failed, [false, false, true, false, false, true, false, true]);
  assert.is(code, 1);
});

headless("expect-answer: compares data and status word of the last answer", () => {
  const hello = "serial c000e1f0c0";
  const { reports, code } = run([
    "expect-answer",
    hello,
    "show",
    "expect-answer 01",
    "expect-answer /^0/",
    "expect-answer 9000",
    "expect-answer",
  ]);
  const failed = reports.map((report) => report.error !== undefined);
  assert.equal(failed, [false, false, false, false, false, true, true]);
  assert.is(code, 1);
});

headless("random: a failing source is ERROR 03 at power-on, until it works again", () => {
  const { reports } = run(["demo", "random fails", "hold press", "hold press", "random works", "hold press"]);
  assert.equal(
    reports.map(({ display }) => display),
    ["", "", "ERROR 03", "", "", "PIN>"],
  );
});

headless("cut: everything but flash is lost, and keys do nothing without a battery", () => {
  const { reports, code } = run([
    "demo",
    "hold press",
    "cut",
    "hold press",
    "type 4071",
    "down ok",
    "up ok",
    "serial 00",
    "battery 3000",
    "show",
    "hold press",
  ]);
  assert.is(reports[2]?.cut, true);
  for (const report of reports.slice(3, 10)) {
    assert.is(report.state, "OFF");
    assert.is(report.error, undefined);
    assert.is(report.cut, undefined);
  }
  assert.is(reports[10]?.display, "PIN>");
  assert.is(code, 0);
});

headless("battery: BATT LOW below 2400, off below 2100", () => {
  const { reports } = run(["demo", "battery 2300", "hold press", "wait 1000", "press", "battery 2000", "hold press"]);
  assert.equal(
    reports.map((report) => report.display),
    ["", "", "BATT LOW", "PIN>", "", "", ""],
  );
});

headless("cut-at: the Nth operation from now is cut, and the line in which that happens says so", () => {
  const { reports } = run([
    "demo",
    "hold press",
    "cut-at 2",
    "type 4071",
    "flash-ops",
    "ok",
    "flash-ops",
    "battery 3000",
    "hold press",
    "show",
  ]);
  assert.equal(
    reports.map((report) => report.cut),
    [undefined, undefined, undefined, undefined, undefined, true, undefined, undefined, undefined, undefined],
  );
  assert.is(reports[4]?.ops, 0);
  assert.is(reports[6]?.ops, 1, "clean: the second operation was not done");
  assert.is(reports[8]?.display, "PIN>");
});

headless("cut-at: a new one replaces the old one; torn is in the middle", () => {
  const { reports } = run(["demo", "hold press", "cut-at 1", "cut-at 2 torn", "type 4071", "ok", "flash-ops"]);
  assert.is(reports[5]?.cut, true);
  assert.is(reports[6]?.ops, 2, "torn: the second operation was begun");
});

headless("save and load restore the whole card", () => {
  const { reports } = run([
    "demo",
    "hold press",
    "type 40",
    "save a",
    "type 71",
    "ok",
    "type 123456",
    "flash-ops",
    "load a",
    "flash-ops",
    "type 71",
    "ok",
    "cut",
    "load a",
  ]);
  const [, , , saved] = reports as [Report, Report, Report, Report];
  const place = ({ t, on, state, display }: Report) => ({ t, on, state, display });
  assert.equal(place(reports[8] as Report), place(saved));
  assert.is(reports[7]?.ops, 2);
  assert.is(reports[9]?.ops, 0);
  assert.is(reports[11]?.display, "CHALLNG>");
  assert.equal(place(reports[13] as Report), place(saved), "also where the battery was out");
});

headless("load also restores the random source and the bits that a torn cut leaves", () => {
  const card = blankCard();
  card.save("start");
  const outcomes = [1, 2].map(() => {
    card.load("start");
    card.hold("press");
    const rootSecret = card.flash.bytes.slice();
    card.cutAt(5, "torn");
    assert.throws(
      () => seed(card, DEMO),
      (error: unknown) => error instanceof Silence,
    );
    assert.ok(card.takeCut());
    return [rootSecret, card.flash.bytes.slice()];
  });
  assert.equal(outcomes[0], outcomes[1]);
});

const MALFORMED = [
  "nonsense",
  "PRESS",
  "10",
  "4071",
  "press 1",
  "ok ok",
  "hold",
  "hold foo",
  "hold press x",
  "hold press -1",
  "hold press 1 2",
  "down",
  "down 10",
  "down ok ok",
  "up",
  "up up",
  "up 1",
  "answer",
  "answer 12345",
  "answer 123456",
  "unlock",
  "unlock 1",
  "expect-state",
  "expect-state pin",
  "expect /PIN/i",
  "expect /PIN>",
  "end now",
  "type",
  "type 12a",
  "type 12 34",
  "wait",
  "wait x",
  "wait -1",
  "wait 1.5",
  "wait 1e3",
  "wait 0x10",
  "wait 1 2",
  "until",
  "until PIN>",
  "until PIN> x",
  "until PIN> -5",
  "show 1",
  "cut now",
  "battery",
  "battery x",
  "battery -1",
  "battery 3000 mV",
  "cut-at",
  "cut-at 0",
  "cut-at x",
  "cut-at -1",
  "cut-at 1 dirty",
  "cut-at 1 torn torn",
  "flash-ops 1",
  "save",
  "save a b",
  "load",
  "load nothing",
  "serial",
  "serial 0",
  "serial zz",
  "serial 0x00",
  "expect /(/",
  "expect-answer /(/",
  "random",
  "random maybe",
  "random fails now",
  "until /(/ 5",
  "\u0000",
  "Ключ",
  "x".repeat(5000),
];

headless("an unknown or malformed command is an error in its line, and the card is not changed", () => {
  const { reports, code, stderr } = run([
    "demo",
    "hold press",
    "type 40",
    ...MALFORMED.flatMap((command) => [command, "flash-ops"]),
    "type 71",
    "ok",
    "expect CHALLNG>",
  ]);
  const at = reports[2] as Report;
  for (const [i, command] of MALFORMED.entries()) {
    const [report, after] = reports.slice(3 + 2 * i) as [Report, Report];
    assert.type(report.error, "string", command.slice(0, 40));
    assert.not.match(report.error ?? "", "\n");
    const { error: _, line: __, ...rest } = report;
    assert.equal(rest, at, `${command.slice(0, 40)}: the card`);
    assert.is(after.ops, 0, command.slice(0, 40));
  }
  assert.is(reports.at(-1)?.error, undefined);
  assert.is(code, 1);
  assert.is(stderr, "");
});

headless("an error names its command", () => {
  const { reports } = run(["expect /(/", "until /(/ 5"]);
  assert.match(reports[0]?.error ?? "", /^expect: no regular expression/);
  assert.match(reports[1]?.error ?? "", /^until: no regular expression/);
});

headless("an error says that a pattern does not match, which states exist, and that commands are in lower case", () => {
  const { reports } = run(["demo", "expect /x/", "expect-state CHALENGE", "HOLD press", "BOGUS"]);
  assert.is(reports[1]?.error, "expect: the display is blank and does not match /x/");
  assert.match(reports[2]?.error ?? "", /^expect-state: NAME is one of the states OFF, .*, CHALLENGE, /);
  assert.is(reports[3]?.error, "unknown command: HOLD; write hold");
  assert.is(reports[4]?.error, "unknown command: BOGUS; dsc-sim help lists them");
});

headless("names that every JavaScript object has are unknown commands", () => {
  const names = ["constructor", "toString", "valueOf", "hasOwnProperty", "__proto__", "isPrototypeOf"];
  for (const first of [[], ["show"]]) {
    const { reports, code, stderr } = run([...first, ...names, "show"]);
    assert.is(stderr, "");
    assert.is(reports.length, first.length + names.length + 1);
    for (const [i, name] of names.entries()) assert.type(reports[first.length + i]?.error, "string", name);
    assert.is(code, 1);
  }
});

headless("setup lines must come first; an invalid one is an error", () => {
  const { reports, code } = run(["# first", "seed 5", "", "demo", "hold press", "seed 6", "demo", "flash x", "show"]);
  const failed = reports.map((report) => report.error !== undefined);
  assert.equal(failed, [false, false, false, true, true, true, false]);
  assert.is(reports.at(-1)?.display, "PIN>");
  assert.is(code, 1);
  const wrong = run(["seed", "seed x", "seed -1", "seed 1 2", "demo now", "flash", "show"]);
  assert.equal(
    wrong.reports.map((report) => report.error !== undefined),
    [true, true, true, true, true, true, false],
  );
  assert.not(existsSync(join(FOLDER, "x")));
});

headless("a flash line with an unusable file is an error in its line", () => {
  const bad = join(FOLDER, "short.bin");
  writeFileSync(bad, "short");
  const { reports, code, stderr } = run([`flash ${bad}`, "show"]);
  assert.is(reports.length, 2);
  assert.type(reports[0]?.error, "string");
  assert.is(reports[1]?.error, undefined);
  assert.is(code, 1);
  assert.is(stderr, "");
});

headless("seed: the same seed gives the same card, another gives another", () => {
  const commands = ["hold press", ...Array(5).fill(["type 8888", "ok", "wait 2000"]).flat(), "ok"];
  const lockCode = (seed: string) => run(commands, ["--demo", "--seed", seed]);
  const [one, again, other] = [lockCode("11"), lockCode("11"), lockCode("12")];
  assert.is(one.stdout, again.stdout);
  assert.is.not(one.lines.at(-1), other.lines.at(-1));
  const byLine = run(["seed 11", "demo", ...commands]);
  assert.is(byLine.lines.at(-1), one.lines.at(-1), "a seed line is what --seed is");
});

headless("an invalid seed, an unknown option and a stray word end with exit code 2", () => {
  for (const args of [
    ["--seed", "x"],
    ["--seed", "-1"],
    ["--seed", "1.5"],
    ["--seed", ""],
    ["--seed", "4294967296"],
    ["--seed"],
    ["--nonsense"],
    ["stray"],
    ["--flash"],
    ["run"],
    ["inspect"],
    ["--flash", ""],
    ["--record", ""],
    ["--pty", ""],
    ["run", ""],
    ["inspect", ""],
  ]) {
    const { code, stdout, stderr } = dscSim(["--headless", ...args].slice(args[0]?.startsWith("-") ? 0 : 1));
    stderrSeen.push(stderr);
    assert.is(code, 2, args.join(" "));
    assert.is(stdout, "", args.join(" "));
    assert.match(stderr, /^dsc-sim: [^\n]+\n$/, args.join(" "));
    if (args.includes("") && args[0] !== "--seed") assert.match(stderr, /No name given/, args.join(" "));
  }
});

headless("--version prints the version of the package", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const { code, stdout, stderr } = dscSim(["--version"]);
  assert.equal({ code, stdout, stderr }, { code: 0, stdout: `${version}\n`, stderr: "" });
});

headless("the example in README.md runs, and cuts the power", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const [, options = "", commands = ""] = /dsc-sim --headless (.*) <<'END'\n(.*?)\nEND\n/s.exec(readme) ?? [];
  const { reports, code } = run(commands.split("\n"), options.split(" "));
  assert.ok(reports.length > 0);
  assert.is(reports.filter((report) => report.cut).length, 1);
  assert.is(code, 0);
});

/** Runs `dsc-sim` from a shell with these redirections. */
function inShell(args: string, redirection: string): { code: number | null; stdout: string; stderr: string } {
  const command = `exec "$0" "$1" ${args} ${redirection}`;
  const ran = spawnSync("sh", ["-c", command, process.execPath, LAUNCHER], { encoding: "utf8", cwd: FOLDER });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

testUnless(headless, ON_WINDOWS, "unreadable input is an error of one line with exit code 2", () => {
  writeFileSync(join(FOLDER, "empty"), "");
  for (const redirection of ["</", "0>>empty"]) {
    const { code, stdout, stderr } = inShell("--headless --record unread.dsc", redirection);
    assert.match(stderr, /^dsc-sim: cannot read the commands on stdin: it is (a folder|not open for that)\n$/);
    assert.is(stdout, "");
    assert.is(code, 2);
    assert.not.ok(existsSync(join(FOLDER, "unread.dsc")));
  }
});

testUnless(headless, NO_FULL_DISK, "unwritable output is an error of one line with exit code 2", () => {
  writeFileSync(join(FOLDER, "ok.dsc"), "show\n");
  writeFileSync(join(FOLDER, "full.bin"), blankCard().flash.bytes);
  for (const args of ["--headless", "run ok.dsc", "inspect full.bin", "--help"]) {
    const { code, stderr } = inShell(args, "<ok.dsc >/dev/full");
    assert.is(stderr, "dsc-sim: cannot write the output: the disk is full\n", args);
    assert.is(code, 2, args);
  }
  const { code, stdout } = inShell("--headless", "</ 2>/dev/full");
  assert.equal({ code, stdout }, { code: 2, stdout: "" }, "where it cannot be said either");
});

testUnless(headless, ON_WINDOWS, "a signal ends it with that signal, and only the lock files stay", async () => {
  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGQUIT", 131],
  ] as const) {
    const folder = scratchFolder();
    const options = ["--flash", join(folder, "flash.bin"), "--pty", join(folder, "line")];
    const child = spawn(process.execPath, [LAUNCHER, "--headless", ...options], { stdio: "pipe" });
    child.stdin.write("show\n");
    await once(child.stdout, "data");
    assert.equal(readdirSync(folder), ["flash.bin", "flash.bin.lock", "line", "line.lock"]);
    child.kill(signal);
    assert.equal(await once(child, "exit"), [code, null]);
    assert.equal(readdirSync(folder), ["flash.bin", "flash.bin.lock", "line.lock"]);
  }
});

headless("--demo on a card that is not blank gives a line on stderr, and does not change the card", () => {
  const flash = join(FOLDER, "demo.bin");
  const first = run(
    [...LOGIN, "press", "hold press", "type 4071", "ok", "hold ok", "type 7394", "ok", "type 7394", "ok"],
    ["--demo", "--flash", flash],
  );
  assert.is(first.reports.at(-1)?.display, "PIN SET");
  const second = run(["hold press", "type 7394", "ok", "expect CHALLNG>"], ["--demo", "--flash", flash]);
  assert.is(second.code, 0);
  assert.match(second.stderr, /^[^\n]*not blank[^\n]*\n$/);
});

headless("without a terminal one line names --headless, with exit code 2", () => {
  const { code, stdout, stderr } = dscSim(["--demo"]);
  assert.is(code, 2);
  assert.is(stdout, "");
  assert.match(stderr, /^[^\n]*--headless[^\n]*\n$/);
});

headless("if the reader goes away, the exit code is 141, or 1 after a failure", async () => {
  const child = spawn(process.execPath, [LAUNCHER, "--headless"], { stdio: "pipe" });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => {});
  child.stdout.once("data", () => child.stdout.destroy());
  child.stdin.end("show\n".repeat(200_000));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on("close", (...how) => resolve(how));
  });
  assert.equal([code, signal], [141, null]);
  assert.is(stderr, "");
});

testUnless(
  headless,
  ON_WINDOWS,
  "if nobody reads, the exit code of every command says so, and so it does for a failure",
  () => {
    for (const [name, text] of [
      ["good.dsc", "show\n"],
      ["bad.dsc", "expect X\n"],
    ] as const)
      writeFileSync(join(FOLDER, name), text);
    writeFileSync(join(FOLDER, "unread.bin"), blankCard().flash.bytes);
    for (const [args, code] of [
      ["--help", 141],
      ["--version", 141],
      ["help", 141],
      ["help --markdown", 141],
      ["completion bash", 141],
      ["inspect unread.bin", 141],
      ["run good.dsc", 141],
      ["run good.dsc bad.dsc good.dsc", 1],
      ["--headless <good.dsc", 141],
      ["--headless <bad.dsc", 1],
    ] as const) {
      // Make a pipe and close its only reader before anything is written.
      const script = `rm -f pipe; mkfifo pipe; exec 5<>pipe 4>pipe 5>&-; "$0" "$1" ${args} >&4; echo $?`;
      const ran = spawnSync("sh", ["-c", script, process.execPath, LAUNCHER], { encoding: "utf8", cwd: FOLDER });
      assert.is(Number(ran.stdout), code, `${args}: ${ran.stderr}`);
      assert.is(ran.stderr, "", args);
    }
  },
);

// ---- run ----

headless("run: it prints TAP, plays each file on a fresh card, and ends with exit code 0", () => {
  const { code, stdout, names, stderr } = runFiles(
    ["demo", ...LOGIN, `expect ${RESPONSE}`],
    ["# on a fresh card", "hold press", "expect NO KEY"],
  );
  assert.is(stdout, `TAP version 14\n1..2\nok 1 - ${names[0]}\nok 2 - ${names[1]}\n`);
  assert.is(code, 0);
  assert.is(stderr, "");
});

headless("run: the first difference is located, the other files still run, and the exit code is 1", () => {
  const { code, lines, names } = runFiles(
    ["demo", "# three lines", "", "hold press", "expect CHALLNG>", "expect NEVER"],
    ["hold press", "expect NO KEY"],
    ["demo", "hold presss"],
  );
  assert.equal(
    lines.filter((line) => /^(not )?ok /.test(line)),
    [`not ok 1 - ${names[0]}`, `ok 2 - ${names[1]}`, `not ok 3 - ${names[2]}`],
  );
  assert.ok(
    lines.some((line) => line.includes(`${names[0]}:5`)),
    "file and line of the first difference",
  );
  assert.ok(
    lines.some((line) => line.includes("PIN>")),
    "what the display was",
  );
  assert.ok(lines.some((line) => line.includes(`${names[2]}:2`)));
  assert.not(lines.some((line) => line.includes(`${names[0]}:6`)));
  assert.is(code, 1);
});

headless("run: an unreadable file is an error of one line with exit code 2", () => {
  const { code, stdout, stderr } = dscSim(["run", join(FOLDER, "missing.dsc")]);
  assert.is(code, 2);
  assert.is(stdout, "");
  assert.match(stderr, /^[^\n]*missing\.dsc[^\n]*\n$/);
});

headless("run: a setup line after the first command fails the file", () => {
  const { code, lines, names } = runFiles(["show", "demo"]);
  assert.is(code, 1);
  assert.ok(lines.some((line) => line.includes(`${names[0]}:2`)));
});

headless("no PIN and no response is printed to stderr", () => {
  assert.ok(stderrSeen.length > 20);
  for (const text of stderrSeen) {
    assert.not.match(text, DEMO.pin);
    assert.not.match(text, RESPONSE);
    assert.not.match(text, "7394");
  }
});

headless.run();
