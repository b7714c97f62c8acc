// The command language: its table against its parser, its help, its reference in docs/SCRIPTING.md, and completion in shells.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { State } from "../../../firmware/wire.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { Card, KEYS } from "../../../sim/core/card.js";
import { Flash } from "../../../sim/core/flash.js";
import type { Report } from "../../../sim/session/cardsession.js";
import { DEMO } from "../../../sim/session/demo.js";
import { commandNames, helpLines, helpOn, titleOf } from "../../../sim/session/language/help.js";
import { scriptingDocument } from "../../../sim/session/language/scripting.js";
import { COMMANDS } from "../../../sim/session/language/table.js";
import { LineReader, linesOf } from "../../../sim/session/lines.js";
import { firstFailure } from "../../../sim/session/playing.js";
import { Session } from "../../../sim/session/session.js";
import { atLeast } from "../../support/atleast.js";
import { cardOf, MODULE } from "../../support/cards.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim } from "../../support/simprocess.js";
import { suite } from "../../support/suite.js";

const test = suite("command language");

const DOCUMENT = readFileSync(join(ROOT, "docs", "SCRIPTING.md"), "utf8");
/** Scripts in the document: one for each command, and those of its introduction. */
const LEAST_SCRIPTS = COMMANDS.length + 2;
const KEY_HEX = Buffer.from(DEMO.key).toString("hex");
const UNLOCK_HEX = Buffer.from(DEMO.unlockKey).toString("hex");
const LOCKED = ["hold press", ...Array(5).fill(["type 1111", "ok", "press"]).flat().slice(0, -1)];

function session(flash?: Flash): Session {
  const openFlash = (file: string) => {
    assert.is(file, "card.bin");
    return new Flash(cardOf(DEMO).flash.bytes);
  };
  return new Session({ module: MODULE, seed: 7, openFlash, ...(flash && { flash }) });
}

/** The reports of some lines. */
function play(lines: readonly string[], one = session()): Report[] {
  return lines.map((line, at) => one.execute(line, at + 1));
}

function last(lines: readonly string[], one?: Session): Report {
  return play(lines, one).at(-1) as Report;
}

test("docs/SCRIPTING.md is made from the table of commands", () => {
  assert.is(DOCUMENT, scriptingDocument());
  assert.is(dscSim(["help", "--markdown"]).stdout, DOCUMENT);
});

test("every script in docs/SCRIPTING.md passes, and every command is in one", () => {
  const scripts = [...DOCUMENT.matchAll(/^```dsc\n(.*?)^```/gms)].map(([, text]) =>
    (text as string).trimEnd().split("\n"),
  );
  const used = new Set<string>();
  for (const lines of atLeast(LEAST_SCRIPTS, scripts)) {
    for (const line of lines) used.add(line.split(" ")[0] as string);
    const failure = firstFailure({ name: "example", lines }, session());
    assert.is(failure, undefined, `${lines.join("\n")}\n${failure?.line}: ${failure?.error}`);
  }
  for (const { names } of COMMANDS)
    assert.ok(
      names.some((name) => used.has(name)),
      names[0],
    );
});

test("each command has an example that uses it", () => {
  for (const { names, example } of COMMANDS)
    assert.ok(
      example.some((line) => names.includes(line.split(" ")[0] as string)),
      names[0],
    );
});

test("help lists every command, and explains each with its arguments and example", () => {
  const list = helpLines().join("\n");
  for (const command of COMMANDS) {
    assert.ok(list.includes(`  ${titleOf(command)} `), titleOf(command));
    for (const name of command.names) {
      const lines = helpOn(name) as string[];
      assert.ok(command.example.every((line) => lines.includes(`  ${line}`)));
      for (const argument of command.args)
        assert.ok(
          lines.some((line) => line.trim().startsWith(argument.name)),
          name,
        );
    }
  }
  for (const line of helpLines()) assert.ok(line.length <= 110, line);
  for (const key of KEYS) assert.ok(commandNames().includes(key), key);
});

test("help of a command of dsc-sim is that command's own; of an unknown one, an error of one line with exit 2", () => {
  assert.match(dscSim(["help", "hold"]).stdout, /^hold KEY \[MS\]\n/);
  assert.match(dscSim(["help", "run"]).stdout, /^Usage: dsc-sim run /);
  const { code, stdout, stderr } = dscSim(["help", "nonsense"]);
  assert.equal([code, stdout], [2, ""]);
  assert.match(stderr, /^dsc-sim: [^\n]*"nonsense"[^\n]*\n$/);
});

test("bash completes commands, options and the topics of help", () => {
  const { stdout } = dscSim(["completion", "bash"]);
  const complete = (...words: string[]) => {
    const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}`;
    const script = `${stdout}\n${line}; _dsc-sim; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.trim().split("\n");
  };
  assert.equal(complete("dsc-sim", "insp"), ["inspect"]);
  assert.ok(complete("dsc-sim", "--he").includes("--headless"));
  assert.equal(complete("dsc-sim", "help", "cut"), ["cut", "cut-at"]);
  assert.equal(complete("dsc-sim", "completion", "f"), ["fish"]);
  for (const shell of ["zsh", "fish"]) assert.match(dscSim(["completion", shell]).stdout, /expect-state/);
});

// ---- commands that use the card's keys ----

test("answer: types the response that the site computes, on CHALLNG> only", () => {
  const on = ["demo", "hold press", "type 4071", "ok"];
  const right = last([...on, "answer 029014"]);
  assert.equal([right.error, right.display], [undefined, ocra(DEMO.suite, DEMO.key, { challenge: "029014" })]);
  const early = last(["demo", "hold press", "answer 123456"]);
  assert.match(early.error ?? "", /^answer: needs CHALLNG> on the display, which shows "PIN>"$/);
  assert.is(early.display, "PIN>", "nothing was typed");
  const begun = last([...on, "type 12", "answer 123456"]);
  assert.equal([begun.display, begun.error !== undefined], ["12", true]);
});

test("answer: another key gives another response, and the error has both", () => {
  const lines = [`key ${"00".repeat(32)}`, "demo", "hold press", "type 4071", "ok", "answer 123456"];
  const { error, line, expected, actual, display } = last(lines);
  assert.ok(error);
  assert.equal(
    [line, expected, actual],
    [
      6,
      ocra(DEMO.suite, new Uint8Array(32), { challenge: "123456" }),
      ocra(DEMO.suite, DEMO.key, { challenge: "123456" }),
    ],
  );
  assert.is(display, actual);
});

test("answer: uses the card's own suite, and refuses one with the PIN in it", () => {
  for (const suite of ["OCRA-1:HOTP-SHA1-8:QN06", "OCRA-1:HOTP-SHA512-8:QN06"]) {
    const { error, display } = last(
      [`key ${KEY_HEX}`, "hold press", "type 4071", "ok", "answer 123456"],
      session(new Flash(cardOf({ suite }).flash.bytes)),
    );
    assert.equal([error, display], [undefined, ocra(suite, DEMO.key, { challenge: "123456" })]);
  }
  const server = { suite: "OCRA-1:HOTP-SHA256-8:QN06-PSHA256", pinCheck: "server" } as const;
  const refused = last(
    ["hold press", "type 4071", "ok", "answer 123456"],
    session(new Flash(cardOf(server).flash.bytes)),
  );
  assert.match(refused.error ?? "", /^answer: a response of .* depends on the PIN; /);
  assert.is(refused.display, "CHALLNG>");
});

test("unlock: takes the lock code of the demo card, or of a card with a given unlock key", () => {
  assert.is(last(["demo", ...LOCKED, "ok", "unlock"]).display, "NEW>");
  const other = cardOf({ serial: "IB3000777" }).flash.bytes;
  const known = last([`key ${KEY_HEX} ${UNLOCK_HEX}`, ...LOCKED, "ok", "unlock"], session(new Flash(other)));
  assert.equal([known.error, known.display], [undefined, "NEW>"]);
});

test("unlock: an unknown unlock key or a screen without a lock code is an error, and nothing is typed", () => {
  const other = new Flash(cardOf({ serial: "IB3000777" }).flash.bytes);
  const unknown = last([...LOCKED, "ok", "unlock"], session(other));
  assert.match(unknown.error ?? "", /^unlock: the unlock key is unknown/);
  assert.is(unknown.state, "LOCK_CODE");
  const half = last([`key ${KEY_HEX}`, "demo", ...LOCKED, "ok", "unlock"]);
  assert.match(half.error ?? "", /^unlock: the unlock key is unknown/);
  const early = last(["demo", ...LOCKED, "unlock"]);
  assert.equal([early.state, early.error !== undefined], ["LOCKED", true]);
  const wrong = last([`key ${KEY_HEX} ${"00".repeat(32)}`, "demo", ...LOCKED, "ok", "unlock"]);
  assert.equal([wrong.expected, wrong.actual], ["NEW>", "WRONG"]);
});

test("key: takes bytes in hex among the setup lines, and does not change the card", () => {
  for (const wrong of ["key", "key 00", `key ${KEY_HEX}0`, `key ${KEY_HEX} 00`, `key ${"00".repeat(65)}`, "key zz"])
    assert.match(last([wrong]).error ?? "", /^key: /, wrong);
  assert.ok(last(["show", `key ${KEY_HEX}`]).error);
  assert.is(last([`key ${KEY_HEX}`, "demo", "hold press"]).display, "PIN>");
});

// ---- lines ----

test("a line ends with LF, CRLF or CR, in a file and on stdin; a byte-order mark is ignored", () => {
  const text = "\ufeffdemo\rhold press\r\n\n\rexpect PIN>\n";
  const lines = ["demo", "hold press", "", "", "expect PIN>", ""];
  assert.equal(linesOf(text), lines);
  for (let size = 1; size <= text.length; size++) {
    const reader = new LineReader();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    );
    const read = pieces.flatMap((piece) => reader.feed(piece));
    assert.equal([...read, ...reader.end()], lines.slice(0, -1), `in pieces of ${size}`);
  }
  const reader = new LineReader();
  assert.equal(reader.feed("show\r"), ["show"], "at once, whatever follows");
  assert.equal([...reader.feed("\n"), ...reader.feed("x"), ...reader.end()], ["x"]);
});

test("a lone CR is a line end in --headless and in run", () => {
  const text = "demo\rhold press\rexpect PIN>\r";
  const headless = dscSim(["--headless"], text);
  assert.equal([headless.code, headless.lines.length], [0, 3]);
  const file = join(scratchFolder(), "cr.dsc");
  writeFileSync(file, text);
  assert.is(dscSim(["run", file]).code, 0);
  writeFileSync(file, text.replace("PIN>", "NEVER"));
  assert.match(dscSim(["run", file]).stdout, /cr\.dsc:3/);
});

// ---- other commands ----

test("expect-state: takes every state's name, and the error has both states", () => {
  const names = Object.values(State).filter((value): value is string => typeof value === "string");
  for (const name of names) assert.is(last([`expect-state ${name}`]).error === undefined, name === "OFF", name);
  const { error, expected, actual } = last(["demo", "hold press", "expect-state CHALLENGE"]);
  assert.equal([expected, actual], ["CHALLENGE", "PIN"]);
  assert.match(error ?? "", /"PIN"/);
  for (const wrong of ["expect-state", "expect-state pin", "expect-state PIN OFF"])
    assert.ok(last([wrong]).error, wrong);
});

test("up: a key that is up is an error; cut and load keep the contacts", () => {
  assert.match(last(["demo", "up press"]).error ?? "", /^up: press is not down$/);
  assert.is(last(["down 1", "up 1"]).error, undefined);
  assert.ok(last(["down 1", "up 1", "up 1"]).error);
  assert.ok(last(["down 1", "up 2"]).error);
  assert.is(last(["down 1", "cut", "battery 3000", "up 1"]).error, undefined);
  assert.is(last(["down 1", "save a", "up 1", "load a", "up 1"]).error, undefined);
  assert.ok(last(["hold 1 50", "up 1"]).error);
});

test("end: only comments may follow, and the card does not change", () => {
  const reports = play(["demo", "hold press", "end", "5", "seed 1", "end", "nonsense"]);
  assert.equal(
    reports.map(({ error }) => error !== undefined),
    [false, false, false, true, true, true, true],
  );
  for (const report of reports.slice(2)) assert.is(report.display, "PIN>");
  const { code } = dscSim(["--headless"], "end\n\n# the end\n");
  assert.is(code, 0);
});

test("an error has its line, and those of expect and until what was expected and what was shown", () => {
  const { lines } = dscSim(
    ["--headless"],
    "demo\n# a comment\n\nhold press\nexpect PIN\nuntil /^CH/ 500\nexpect\nnonsense\n",
  );
  const failed = lines.map((line) => JSON.parse(line) as Report).filter(({ error }) => error !== undefined);
  assert.equal(
    failed.map(({ line, expected, actual }) => [line, expected, actual]),
    [
      [5, "PIN", "PIN>"],
      [6, "/^CH/", "PIN>"],
      [7, "", "PIN>"],
      [8, undefined, undefined],
    ],
  );
  assert.match(failed[0]?.error ?? "", /^expect: the display is "PIN>", not "PIN"$/);
});

test("a pattern is written between slashes without flags; an invalid one is refused", () => {
  for (const wrong of ["/PIN/i", "/PIN>", "/", "//", "/(/", "/PIN/ x"]) {
    for (const line of [`expect ${wrong}`, `until ${wrong} 5`, `expect-answer ${wrong}`]) {
      const { error, t } = last(["demo", "hold press", line]);
      assert.match(error ?? "", /(no pattern|no regular expression)/, line);
      assert.is(t, 1040, "no time passed");
    }
  }
  assert.is(last(["demo", "hold press", "expect /^P.N/"]).error, undefined);
});

test("a card reports which contacts are closed", () => {
  const card = new Card(MODULE);
  assert.not.ok(card.isDown("press"));
  card.down("press");
  assert.ok(card.isDown("press"));
  card.up("press");
  assert.not.ok(card.isDown("press"));
});

test.run();
