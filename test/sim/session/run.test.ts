// `dsc-sim run`: its options, its results as TAP and JUnit, its coverage, truncated records, and boards.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { DOMParser } from "@xmldom/xmldom";
import * as assert from "uvu/assert";
import { Link } from "../../../host-tools/card/link.js";
import { version } from "../../../host-tools/files/project.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Card, type CardOptions } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import { STATES, TRANSITIONS } from "../../../sim/core/model/transitions.js";
import { BoardSession, type Pass } from "../../../sim/session/boardsession.js";
import { Coverage } from "../../../sim/session/coverage.js";
import { DEMO } from "../../../sim/session/demo.js";
import { COMMANDS } from "../../../sim/session/language/table.js";
import { Panel } from "../../../sim/session/panel.js";
import { firstFailure } from "../../../sim/session/playing.js";
import { hashOf } from "../../../sim/session/recordmarks.js";
import { junitDocument } from "../../../sim/session/results/junit.js";
import { tapHead, tapResult } from "../../../sim/session/results/tap.js";
import type { Result } from "../../../sim/session/run.js";
import { Session } from "../../../sim/session/session.js";
import { cardOf, MODULE } from "../../support/cards.js";
import { freshSession, scenarios } from "../../support/scenarios.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim } from "../../support/simprocess.js";
import { suite } from "../../support/suite.js";

const test = suite("run");

const FOLDER = scratchFolder();
const FIRMWARE = hashOf(MODULE);
const TURNS_ON_TO = (display: string) => ["hold press", `expect ${display}`];
let files = 0;

function fileOf(lines: readonly string[], name = `run-${++files}.dsc`): string {
  const path = join(FOLDER, name);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

function result(name: string, lines: readonly string[]): Result {
  const script = { name, lines };
  const failure = firstFailure(script, new Session({ module: MODULE, seed: 1, openFlash: () => new Flash() }));
  return { script, failures: failure ? [failure] : [], seconds: 0.25 };
}

// ---- options ----

test("--keep-going: every failing line is reported, and the lines between them are played", () => {
  const file = fileOf(["demo", "hold press", "expect X", "type 4071", "nonsense", "ok", "expect CHALLNG>", "expect Y"]);
  const { stdout, code } = dscSim(["run", "--keep-going", file]);
  assert.is(code, 1);
  assert.equal(
    [...stdout.matchAll(/^ +(?:- )? *at: "(.*)"$/gm)].map(([, at]) => at),
    [3, 5, 8].map((line) => `${file}:${line}`),
  );
  assert.equal(
    [...stdout.matchAll(/^ +(?:expected|actual): (.*)$/gm)].map(([, text]) => text),
    ['"X"', '"PIN>"', '"Y"', '"CHALLNG>"'],
  );
  assert.equal(stdout.match(/^not ok/gm)?.length, 1);
});

test("--demo and --seed apply to files without those lines; a file's own line and a record win", () => {
  const silent = fileOf(TURNS_ON_TO("PIN>"));
  const own = fileOf(["seed 7", "demo", ...TURNS_ON_TO("PIN>")]);
  const record = fileOf([
    `# Record of dsc-sim ${version()}, firmware ${FIRMWARE}`,
    "seed 1",
    ...TURNS_ON_TO("NO KEY"),
    "end",
  ]);
  const flash = fileOf(["flash blank.bin", ...TURNS_ON_TO("NO KEY")]);
  writeFileSync(join(FOLDER, "blank.bin"), new Flash().bytes);
  const { code, stdout } = dscSim(["run", "--demo", "--seed", "7", silent, own, record, flash]);
  assert.is(code, 0, stdout);
  assert.is(dscSim(["run", silent]).code, 1, "without --demo");
  const lockCode = (args: string[]) => {
    const wrong = Array(5).fill(["type 1111", "ok", "press"]).flat().slice(0, -1);
    const { stdout: told } = dscSim(["run", ...args, fileOf(["hold press", ...wrong, "ok", "expect"])]);
    return /actual: "(\d{8})"/.exec(told)?.[1];
  };
  const seven = lockCode(["--demo", "--seed", "7"]);
  assert.ok(seven);
  assert.is(lockCode(["--seed", "7", "--demo"]), seven);
  assert.is.not(lockCode(["--demo", "--seed", "8"]), seven);
});

test("an option that run does not know, or that stands before it, is a usage error", () => {
  const file = fileOf(["show"]);
  for (const args of [
    ["run", "--flash", "x", file],
    ["run", "--record", "x", file],
    ["run", "--headless", file],
    ["--demo", "run", file],
    ["--seed", "1", "run", file],
    ["--port", "x", "run", file],
    ["--headless", "run", file],
    ["--record", "x", "run", file],
    ["--flash", "x", "inspect", "x"],
    ["--demo", "help"],
    ["run", "--port", "x", "--seed", "1", file],
    ["run", "--seed", "x", file],
    ["run", "--junit", "", file],
    ["run", "--junit", join(FOLDER, "no", "folder"), file],
  ]) {
    const { code, stdout, stderr } = dscSim(args);
    assert.equal([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, /^dsc-sim: [^\n]+\n$/, args.join(" "));
  }
});

// ---- results ----

const ODD_NAMES = [
  "a # TODO x.dsc",
  "a\\#b",
  "two\nlines",
  "\u001b[31mred",
  "\u2028\u0085\u0000",
  'quo"te\\',
  "Ключ é",
];

test("TAP: no name becomes a directive or more than a line, and a parser reads the names back", () => {
  for (const name of ODD_NAMES) {
    const text = tapResult(3, result(name, ["expect X"]));
    const [point = "", ...block] = text.trimEnd().split("\n");
    assert.not.match(text.replaceAll("\n", ""), /[\p{Cc}\u2028\u2029]/u, JSON.stringify(name));
    // As TAP 14 reads a description: up to a number sign without a backslash before it, escapes taken off.
    const [, status, described = "", directive = ""] = /^(not ok|ok) 3 - ((?:\\.|[^\\#])*)(#.*)?$/.exec(point) ?? [];
    assert.equal([status, directive], ["not ok", ""], point);
    const plain = described.replace(/\\(.)/g, "$1");
    if (!/\p{Cc}|\u2028/u.test(name)) assert.is(plain, name);
    assert.is(block[0], "  ---");
    assert.is(block.at(-1), "  ...");
    const yaml = new Map(block.slice(1, -1).map((line) => line.trim().split(/: (.*)/s, 2) as [string, string]));
    assert.is(JSON.parse(yaml.get("file") as string), name, "YAML takes JSON's strings");
    assert.is(JSON.parse(yaml.get("at") as string), `${name}:1`);
    assert.equal([yaml.get("line"), yaml.get("expected"), yaml.get("actual")], ["1", '"X"', '""']);
  }
});

test("TAP: the version is 14, and 13 under Perl's harness, which refuses 14", () => {
  assert.is(tapHead(2, {}), "TAP version 14\n1..2\n");
  assert.is(tapHead(2, { HARNESS_ACTIVE: "1" }), "TAP version 13\n1..2\n");
});

test("JUnit: has counts, a case for each file, and failures with file, line, expected and actual, for any name", () => {
  const crashed: Result = {
    ...result("trap", []),
    failures: [{ line: 4, error: "the firmware trapped", crashed: true }],
  };
  const results = [
    ...ODD_NAMES.map((name) => result(name, ["show", "expect X\u0001"])),
    result("fine", ["show"]),
    crashed,
  ];
  const document = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  }).parseFromString(junitDocument(results, FIRMWARE), "text/xml");
  const all = (name: string) => Array.from(document.getElementsByTagName(name));
  for (const name of ["testsuites", "testsuite"]) {
    const [element] = all(name);
    const counts = ["tests", "failures", "errors"].map((count) => Number(element?.getAttribute(count)));
    assert.equal(counts, [results.length, ODD_NAMES.length, 1]);
    assert.is(element?.getAttribute("time"), (results.length * 0.25).toFixed(3));
  }
  assert.is(all("testcase").length, results.length);
  assert.is(all("failure").length, ODD_NAMES.length);
  assert.is(all("error").length, 1);
  const properties = all("property").map((one) => [one.getAttribute("name"), one.getAttribute("value")]);
  assert.equal(properties, [
    ["simulator", version()],
    ["firmware", FIRMWARE],
  ]);
  const [failure] = all("failure");
  assert.match(failure?.textContent ?? "", /^a # TODO x\.dsc:2: expect: .*\nexpected: X\\u0001\nactual: \n/);
  const names = all("testcase").map((one) => one.getAttribute("name"));
  assert.ok(names.includes('quo"te\\') && names.includes("Ключ é") && names.includes("two\\nlines"));
});

test("--junit writes the file in addition to TAP, and a failure is in both", () => {
  const [good, bad] = [fileOf(["show"]), fileOf(["show", "expect X"])];
  const xml = join(FOLDER, "results.xml");
  writeFileSync(xml, "results of another run");
  const { code, stdout } = dscSim(["run", "--junit", xml, good, bad]);
  assert.is(code, 1);
  assert.match(stdout, /^TAP version 14\n1\.\.2\nok 1 [\s\S]*not ok 2 /);
  const document = new DOMParser().parseFromString(readFileSync(xml, "utf8"), "text/xml");
  assert.is(document.documentElement?.getAttribute("failures"), "1");
});

// ---- coverage ----

function covered(lines: readonly string[]): Coverage {
  const coverage = new Coverage();
  const openFlash = () => new Flash();
  const session = new Session({ module: MODULE, seed: 1, openFlash, onStart: (card) => coverage.watch(card) });
  assert.is(firstFailure({ name: "x", lines }, session), undefined);
  return coverage;
}

test("coverage: lists what was visited, in per cent and by name", () => {
  const coverage = covered(["demo", "hold press", "type 4071", "ok", "answer 123456", "ok", "press"]);
  assert.equal([...coverage.states], ["OFF", "PIN", "CHALLENGE", "RESPONSE"]);
  const expected = [
    "OFF to PIN",
    "PIN to CHALLENGE",
    "CHALLENGE to RESPONSE",
    "RESPONSE to CHALLENGE",
    "CHALLENGE to OFF",
  ];
  assert.equal([...coverage.transitions], expected);
  const lines = coverage.lines();
  assert.is(lines[0], `states: 4 of ${STATES.length}, ${Math.floor(400 / STATES.length)} %`);
  assert.ok(lines.includes("  visited: OFF, PIN, CHALLENGE, RESPONSE"));
  assert.ok(lines.includes(`transitions: 5 of ${TRANSITIONS.length}, ${Math.floor(500 / TRANSITIONS.length)} %`));
  assert.match(lines.at(-1) as string, /^ {2}not visited: .*OFF to BATT_LOW/);
});

test("coverage: cuts of any kind and a loaded card are no transitions", () => {
  const on = ["demo", "hold press", "save a", "type 4071"];
  for (const cut of [["cut"], ["cut-at 1", "ok"], ["cut-at 2 torn", "ok"], ["battery 0"]])
    assert.equal([...covered([...on, ...cut, "expect-state OFF"]).transitions], ["OFF to PIN"], cut[0]);
  assert.equal([...covered([...on, "press", "press", "load a", "wait 1"]).transitions], ["OFF to PIN", "PIN to OFF"]);
});

test("coverage: the scenarios use every transition by keys and time, and only transitions of the table", () => {
  const coverage = new Coverage();
  for (const script of scenarios()) {
    const session = new Session({
      ...{ module: MODULE, seed: 0, openFlash: () => new Flash(), onStart: (card: Card) => coverage.watch(card) },
    });
    assert.is(firstFailure(script, session), undefined);
  }
  for (const name of coverage.transitions) assert.ok(TRANSITIONS.includes(name), name);
  const elsewhere = /SERIAL|TEST|ERROR/;
  const byHand = [...STATES, ...TRANSITIONS].filter((name) => !elsewhere.test(name));
  assert.ok(byHand.length > 50);
  const visited = new Set([...coverage.states, ...coverage.transitions]);
  assert.equal(
    byHand.filter((name) => !visited.has(name)),
    [],
  );
  assert.is(new Set(TRANSITIONS).size, TRANSITIONS.length);
});

test("--coverage is printed as comments of the TAP", () => {
  const { stdout, code } = dscSim(["run", "--coverage", fileOf(["demo", "hold press"])]);
  assert.is(code, 0);
  assert.match(stdout, /\nok 1 [^\n]*\n# states: 2 of \d+, \d+ %\n# {3}visited: OFF, PIN\n/);
});

// ---- records ----

/** A record of a session. */
function recorded(commands: readonly string[], args: readonly string[] = ["--demo"]): { file: string; text: string } {
  const file = join(FOLDER, `record-${++files}`);
  assert.is(dscSim(["--headless", "--record", file, ...args], `${commands.join("\n")}\n`).code, 0);
  return { file, text: readFileSync(file, "utf8") };
}

test("a truncated record fails with the reason, wherever it was cut; the whole one replays", () => {
  const { text } = recorded(["hold press", "type 4071", "ok", "wait 500"]);
  const play = (part: string) => firstFailure({ name: "record", lines: part.split("\n") }, freshSession(MODULE));
  assert.is(play(text), undefined);
  assert.is(play(text.trimEnd()), undefined, "its last line is whole");
  const head = text.indexOf(version());
  for (let length = head; length < text.length - 1; length++) {
    assert.match(
      play(text.slice(0, length))?.error ?? "",
      /^the record was cut off/,
      `${length} bytes of ${text.length}`,
    );
  }
});

test("a record first names simulator and firmware, and has the time up to its end", () => {
  const { file, text } = recorded(["hold press", "wait 500"]);
  const lines = text.trimEnd().split("\n");
  assert.is(lines[0], `# Record of dsc-sim ${version()}, firmware ${FIRMWARE}`);
  assert.match(lines[1] as string, /^# .*PIN/);
  assert.equal(lines.slice(-2), ["wait 540", "end"]);
  const same = dscSim(["run", file]);
  assert.equal([same.code, same.stderr], [0, ""]);
  writeFileSync(file, text.replace(FIRMWARE, "0123456789abcdef"));
  const other = dscSim(["run", file]);
  assert.is(other.code, 0);
  assert.is(
    other.stderr,
    `dsc-sim: warning: ${file} was recorded with the firmware 0123456789abcdef, but this is ${FIRMWARE}\n`,
  );
});

test("a script written by hand needs no end", () => {
  assert.is(firstFailure({ name: "x", lines: ["# Records are nice", "show"] }, freshSession(MODULE)), undefined);
});

// ---- on a board ----

/** A card at the other end of a line, whose time passes only as the session waits. */
class Bench {
  readonly card: Card;
  readonly panel: Panel;
  /** How much later the panel gets what the card sends, in ms of the card. */
  delay = 0;
  readonly #line: Duplex;
  readonly #onTheWay: { at: number; bytes: Uint8Array }[] = [];

  constructor(options: CardOptions = {}) {
    this.card = new Card(MODULE, { seed: 1, flash: new Flash(cardOf(DEMO).flash.bytes), ...options });
    const { card } = this;
    this.#line = new Duplex({
      read: () => {},
      write: (bytes, _, done) => {
        card.receive(bytes);
        done();
      },
    });
    card.watchers.push({
      sent: (bytes) => {
        this.#onTheWay.push({ at: card.time + this.delay, bytes: bytes.slice() });
        this.#deliver();
      },
    });
    this.panel = new Panel(new Link(this.#line));
  }

  readonly pass: Pass = async ({ ms, until = () => false }) => {
    for (let left = ms; left > 0 && !until(); left -= 10) {
      this.card.wait(Math.min(10, left));
      this.#deliver();
      for (let i = 0; i < 4; i++) await turn();
    }
    return until();
  };

  #deliver(): void {
    while (this.#onTheWay[0] && this.#onTheWay[0].at <= this.card.time)
      this.#line.push(Buffer.from((this.#onTheWay.shift() as { bytes: Uint8Array }).bytes));
  }

  hangUp(): void {
    this.#line.push(null);
  }
}

async function onBoard(lines: readonly string[], options: { demo?: boolean } = {}, bench = new Bench()) {
  await bench.panel.shown;
  const session = await BoardSession.begin(bench.panel, { ...options, pass: bench.pass });
  const reports = [];
  for (const [at, line] of lines.entries()) reports.push(await session.execute(line, at + 1));
  bench.panel.close();
  return { reports, bench };
}

test("a board: a login and an unlocking use the same lines", async () => {
  const wrong = Array(5).fill(["type 1111", "ok", "until /^(PIN>|LOCKED)$/ 3000"]).flat();
  const lines = ["demo", "hold press", "type 4071", "ok", "answer 123456", "expect-state RESPONSE", "press", "expect"];
  const locked = [
    "hold press",
    ...wrong,
    "expect LOCKED",
    "ok",
    "unlock",
    "type 2580",
    "ok",
    "type 2580",
    "ok",
    "expect PIN SET",
    "end",
  ];
  const { reports } = await onBoard([...lines, ...locked]);
  assert.equal(
    reports.filter(({ error }) => error !== undefined),
    [],
  );
  assert.is(reports[4]?.display, ocra(DEMO.suite, DEMO.key, { challenge: "123456" }));
});

test("a board: answer and unlock wait for a late screen", async () => {
  const bench = new Bench();
  await bench.panel.shown;
  bench.delay = 400;
  const lines = ["demo", "hold press", "type 4071", "ok", "answer 123456", "expect /^[0-9]{8}$/", "press", "expect"];
  const wrong = Array(4).fill(["type 1111", "ok", "expect /^LEFT/", "until PIN> 3000"]).flat();
  const unlocking = ["hold press", "expect PIN>", ...wrong, "type 1111", "ok", "expect LOCKED", "ok", "unlock"];
  const { reports } = await onBoard([...lines, ...unlocking], {}, bench);
  assert.equal(
    reports.filter(({ error }) => error !== undefined),
    [],
  );
});

test("a board: an error has line, expected and actual, and an invalid line is never sent", async () => {
  const { reports } = await onBoard([
    "hold press",
    "expect CHALLNG>",
    "up 1",
    "until LOCKED 100",
    "expect-state LOCKED",
    "x",
  ]);
  assert.equal(
    reports.map(({ line, expected, actual }) => [line, expected, actual]),
    [
      [undefined, undefined, undefined],
      [2, "CHALLNG>", "PIN>"],
      [3, undefined, undefined],
      [4, "LOCKED", "PIN>"],
      [5, "LOCKED", "PIN"],
      [6, undefined, undefined],
    ],
  );
});

test("a board: every command that only a simulator can do is one clear error", async () => {
  const commands = COMMANDS.filter(({ simulatorOnly }) => simulatorOnly);
  const lines = commands.map(
    ({ names, example }) => example.find((line) => line.startsWith(names[0] as string)) as string,
  );
  assert.ok(lines.length >= 10);
  const { reports, bench } = await onBoard(lines);
  for (const [at, { error }] of reports.entries())
    assert.is(error, `${commands[at]?.names[0]}: only a simulated card can do this, not a board on a port`);
  assert.equal([bench.card.battery, bench.card.on], [3000, false]);
});

test("a board: unlock needs the keys, given by demo or key", async () => {
  const bench = new Bench();
  const wrong = Array(5).fill(["type 1111", "ok", "until /^(PIN>|LOCKED)$/ 3000"]).flat();
  const { reports } = await onBoard(["hold press", ...wrong, "ok", "unlock"], {}, bench);
  assert.match(reports.at(-1)?.error ?? "", /^unlock: the unlock key is unknown/);
});

test("a board that is on when a file begins is turned off first, and closed contacts are opened", async () => {
  const bench = new Bench();
  bench.card.hold("press");
  assert.ok(bench.card.on);
  const { reports } = await onBoard(["expect", "hold press", "expect PIN>", "down 4"], {}, bench);
  assert.equal(
    reports.map(({ error }) => error),
    [undefined, undefined, undefined, undefined],
  );
});

test("a board that goes away ends the run", async () => {
  const bench = new Bench();
  await bench.panel.shown;
  const session = await BoardSession.begin(bench.panel, { pass: bench.pass });
  bench.hangUp();
  await bench.panel.closed;
  await session.execute("wait 10").then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /the card is gone/),
  );
});

test("--port with an unknown port is an error of one line, exit 3, without TAP", () => {
  const { code, stdout, stderr } = dscSim(["run", "--port", join(FOLDER, "nothing"), fileOf(["show"])]);
  assert.equal([code, stdout], [3, ""]);
  assert.match(stderr, /: no such port\n$/);
});

test.run();
