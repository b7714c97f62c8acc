// `dsc` as people and scripts call it, with a simulated card at the other end of a serial line: results, exit codes and
// files. It never prints a secret.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { openCard } from "../../../host-tools/card/port.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { until } from "../../support/deadline.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS } from "../../support/openregister.js";
import { recordIn, registerFiles, tablesIn } from "../../support/registerfiles.js";
import { scratchFolder } from "../../support/scratch.js";
import { DSC, type DscOptions, type Ended, dsc as runDsc, SimProcess } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";
import { skip } from "../../support/suite.js";
import { TerminalProgram } from "../../support/terminal.js";

const test = suiteUnless(ON_WINDOWS, "dsc with a card");

test.after(() => SimProcess.killAll());

const FOLDER = scratchFolder();
const SERIAL = "IB3000123";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";

/** Canaries: nothing that `dsc` prints or traces may hold one of these, in any form. */
const KEY = Buffer.from("c0ffee00facade11decade22fa11ed3305eed0440ddba1155ca1ab1e660ff1ce", "hex");
const PIN = "8352";
const OTHER_PIN = "7294";

const printed: string[] = [];
let scratch = 0;

/** A folder for one test, with the files that a desk has. */
async function newDesk() {
  const folder = join(FOLDER, String(++scratch));
  mkdirSync(folder);
  const put = (name: string, contents: string, mode = 0o600) => {
    const path = join(folder, name);
    writeFileSync(path, contents, { mode });
    chmodSync(path, mode);
    return path;
  };
  return {
    folder,
    put,
    path: (name: string) => join(folder, name),
    pin: put("pin", `${PIN}\n`),
    key: put("token.key", `${KEY.toString("hex")}\n`),
    transport: put("transport.key", "00112233445566778899aabbccddeeff\n"),
    other: put("other.key", "ffeeddccbbaa99887766554433221100\n"),
    db: join(folder, "register.db"),
    register: await registerFiles(folder),
  };
}
type Desk = Awaited<ReturnType<typeof newDesk>>;

/** Runs `dsc` in this process or, if options are given (even empty ones), as a separate process. */
async function dsc(args: readonly string[], options?: DscOptions): Promise<Ended> {
  const ended = await (options ? runDsc(args, options) : dscHere(args));
  printed.push(ended.stdout, ended.stderr);
  return ended;
}

/** Runs `dsc personalize` with the usual options; those of `more` take precedence. */
function personalize(sim: SimProcess, at: Desk, ...more: string[]): Promise<Ended> {
  return dsc(personalizing(sim, at, ...more));
}

function personalizing(sim: SimProcess, at: Desk, ...more: string[]): string[] {
  return ["personalize", ...portUnless(more, sim), "--serial", SERIAL, ...at.register, "--pin-file", at.pin, ...more];
}

/** The option for the card's port, unless `more` has it: it may be given only once. */
function portUnless(more: readonly string[], sim: SimProcess): string[] {
  return more.includes("--port") ? [] : ["--port", sim.port];
}

const startBlank = () => SimProcess.start(join(FOLDER, `port${++scratch}`));
const startDemo = () => SimProcess.start(join(FOLDER, `port${++scratch}`), "--demo");

/** Asserts an exit code, nothing on stdout, and one line on stderr apart from warnings and messages about waits. */
function assertRefused(ended: Ended, code: number, says: RegExp): void {
  assert.is(ended.code, code, ended.stderr);
  assert.is(ended.stdout, "");
  const lines = ended.stderr
    .trimEnd()
    .split("\n")
    .filter((line) => !line.startsWith("warning: ") && !line.startsWith("still waiting: "));
  assert.is(lines.length, 1, ended.stderr);
  assert.match(lines[0] as string, says);
  assert.match(lines[0] as string, /^dsc: /);
}

/** A hash of every file in the desk's folder, and the register's tables about cards. */
async function contentsOf({ folder, db }: Desk): Promise<Record<string, string>> {
  const hash = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  const names = readdirSync(folder).filter((name) => !/\.db(-wal|-shm)?$/.test(name));
  return { ...Object.fromEntries(names.map((name) => [name, hash(name)])), register: await tablesIn(db) };
}

test("a blank card is personalized, logs in and is wiped to NO KEY", async () => {
  const sim = await startBlank();
  const at = await newDesk();
  const info = async () => JSON.parse((await dsc(["info", "--port", sim.port, "--json"], {})).stdout);
  const blank = await info();
  assert.equal([blank.serial, blank.state, blank.testKeys, blank.suite], [null, "blank", true, null]);
  assert.match(blank.firmware.version, /^\d+\.\d+\.\d+$/);

  const trace = at.path("trace");
  const given = ["--transport", at.transport, "--key-file", at.key];
  const done = await dsc(personalizing(sim, at, ...given, "--trace", trace, "--json"), {});
  assert.is(done.code, 0, done.stderr);
  assert.is(done.stderr, "");
  const { action, serial, keyset, state } = JSON.parse(done.stdout);
  assert.equal([action, serial, keyset, state], ["seed", SERIAL, 1, "done"]);
  assert.is(statSync(at.db).mode & 0o777, 0o600);
  printed.push(readFileSync(trace, "utf8"));
  for (const command of ["STORE DATA", "INTERNAL AUTHENTICATE", "PUT KEY", "SET STATUS"])
    assert.match(readFileSync(trace, "utf8"), new RegExp(`> ${command} 84......, [0-9]+ bytes not shown`));

  const record = await recordIn(at.db, SERIAL);
  assert.equal([record.state, record.suite, record.tries, record.keyset], ["done", SUITE, 5, 1]);
  assert.equal(record.key, KEY);
  for (const challenge of ["000000", "271828"])
    assert.is(await sim.login(PIN, challenge), ocra(SUITE, KEY, { challenge }));

  const card = await info();
  assert.equal([card.serial, card.state, card.keyset, card.testKeys], [SERIAL, "personalized", 1, false]);
  const text = await dsc(["info", "--port", sim.port], {});
  assert.match(text.stdout, "checked by the card, 5 of 5 tries left");
  assert.match(text.stdout, /^transport keys +version 1$/m);

  const again = await dsc(personalizing(sim, at, ...given), {});
  assert.is(again.code, 0);
  assert.match(again.stdout, "nothing was done, and its PIN was not changed");

  const wiped = await dsc(["wipe", "--port", sim.port, "--transport", at.transport, "--json"], {});
  assert.is(wiped.code, 0, wiped.stderr);
  assert.equal(JSON.parse(wiped.stdout), { port: sim.port, serial: SERIAL, wiped: true, warnings: [] });
  assert.is((await sim.run("show")).on, true);
  await sim.run("hold press");
  assert.is((await sim.run("hold press")).display, "NO KEY");
  await sim.stop();
});

test("a card is personalized again with other transport keys, and wrong ones are tried once", async () => {
  const sim = await startBlank();
  const at = await newDesk();
  assert.is((await personalize(sim, at, "--transport", at.transport)).code, 0);
  const first = (await recordIn(at.db, SERIAL)).key;
  const elsewhere = await newDesk();
  const before = [await contentsOf(at), await contentsOf(elsewhere)];

  const anew = [...elsewhere.register, "--reseed"];
  assertRefused(await personalize(sim, at, ...anew, "--transport", at.other), 4, /does not have these/);
  assertRefused(await personalize(sim, at, ...anew), 4, /--transport/);
  const withoutReseed = [...elsewhere.register, "--transport", at.transport];
  assertRefused(await personalize(sim, at, ...withoutReseed), 5, /IB3000123 is personalized.*--reseed/);
  assertRefused(await personalize(sim, at, "--reseed", "--transport", at.other), 4, /check value .*nothing was sent/);
  assertRefused(await dsc(["wipe", "--port", sim.port, "--transport", at.other]), 4, /does not have these/);
  assertRefused(await dsc(["wipe", "--port", sim.port], {}), 4, /--transport/);
  assert.equal([await contentsOf(at), await contentsOf(elsewhere)], before);
  assert.is(await sim.login(PIN, "271828"), ocra(SUITE, first, { challenge: "271828" }));

  const changed = ["--reseed", "--transport", at.other, "--transport-old", at.transport, "--tries", "3"];
  const done = await personalize(sim, at, ...changed);
  assert.is(done.code, 0, done.stderr);
  assert.match(done.stderr, "warning: IB3000123 was personalized already");
  const record = await recordIn(at.db, SERIAL);
  assert.equal([record.keyset, record.tries], [2, 3]);
  assert.not.equal(record.key, first);
  assert.is(await sim.login(PIN, "271828"), ocra(SUITE, record.key, { challenge: "271828" }));
  await sim.stop();
});

test("without --transport there is a warning; the register takes a second card; a card may have the server's PIN check", async () => {
  const at = await newDesk();
  const one = await startBlank();
  const done = await personalize(one, at);
  assert.is(done.code, 0);
  assert.match(done.stderr, "warning: the card keeps the public GlobalPlatform test keys");
  assert.not.match(done.stderr, "--pin-file");
  await one.stop();

  const two = await SimProcess.start(join(FOLDER, `port${++scratch}`), "--seed", "7");
  const before = await contentsOf(at);
  assertRefused(await personalize(two, at), 6, /has IB3000123 as done, bound to the card with id .*--reseed/);
  assert.equal(await contentsOf(at), before);
  const added = await personalize(two, at, "--serial", "IB3000124", "--suite", `${SUITE}-PSHA512`);
  assert.is(added.code, 0);
  assert.match(added.stderr, "warning: --pin-file is not used");
  const { key, pinCheck } = await recordIn(at.db, "IB3000124");
  assert.is(pinCheck, "server");
  const expected = ocra(`${SUITE}-PSHA512`, key, { challenge: "271828", pin: OTHER_PIN });
  assert.is(await two.login(OTHER_PIN, "271828"), expected);
  await two.stop();
});

test("--dry-run says what would be done and changes nothing", async () => {
  const sim = await startBlank();
  const at = await newDesk();
  const before = await contentsOf(at);
  // Let the card start once, because its first start writes flash.
  await dsc(["info", "--port", sim.port]);
  const { ops } = await sim.run("flash-ops");
  const { code, stdout } = await personalize(sim, at, "--transport", at.transport, "--dry-run");
  assert.is(code, 0);
  assert.equal(JSON.parse(stdout).steps, ["channel", "keep", "store", "prove", "rotate", "finish", "mark"]);
  assert.equal(await contentsOf(at), before);
  assert.is((await sim.run("flash-ops")).ops, ops);
  assert.is(JSON.parse((await dsc(["info", "--port", sim.port, "--json"])).stdout).state, "blank");
  await sim.stop();
});

test("after a simulator that dies in the middle, and after Ctrl-C, a second run finishes with the register's key", async () => {
  const at = await newDesk();
  const flash = at.path("flash");
  const port = join(FOLDER, `port${++scratch}`);
  const args = ["--transport", at.transport];
  for (const end of ["kill", "SIGINT"] as const) {
    const sim = await SimProcess.start(port, "--flash", flash);
    const { code, stdout, stderr } = await cutShort(sim, at, args, end);
    // On a busy machine the command may have finished before the kill.
    assert.ok(code === 0 || code === (end === "kill" ? 3 : 130), `${end}: ${code} ${stderr}`);
    if (code === 3) assert.is(stdout, "");
    // Some drivers report that the other end of a line is gone, others do not.
    const gone =
      /port\d+: the card (is gone \(unplugged\?\)|does not answer); run the command again with the same arguments/;
    if (code === 3) assert.match(stderr, gone);
    if (code === 130) assert.match(stderr, "dsc: interrupted: run the command again with the same arguments to finish");
    if (end === "SIGINT") await sim.stop();
  }
  const sim = await SimProcess.start(port, "--flash", flash);
  const done = await personalize(sim, at, ...args);
  assert.is(done.code, 0, done.stderr);
  assert.is(await sim.login(PIN, "271828"), ocra(SUITE, (await recordIn(at.db, SERIAL)).key, { challenge: "271828" }));
  await sim.stop();
});

/** Personalizes, and ends the simulator or interrupts `dsc` as soon as the keys are being sent to the card. */
function cutShort(sim: SimProcess, at: Desk, args: readonly string[], end: "kill" | "SIGINT"): Promise<Ended> {
  const trace = at.path(`trace-${end}`);
  return dsc(personalizing(sim, at, "--trace", trace, ...args), {
    during: async (running) => {
      const stored = () => existsSync(trace) && readFileSync(trace, "utf8").includes("STORE DATA");
      await until(() => running.exitCode !== null || stored(), "the keys are on their way", 1);
      if (end === "kill") await sim.kill();
      else running.kill("SIGINT");
    },
  });
}

test("Ctrl-C ends the command while no card answers", async () => {
  const sim = await startBlank();
  await sim.run("cut");
  const trace = (await newDesk()).path("trace");
  const ended = await dsc(["info", "--port", sim.port, "--trace", trace], {
    during: async (running) => {
      await until(() => existsSync(trace) && readFileSync(trace).length > 0, "the card is asked");
      running.kill("SIGINT");
    },
  });
  // If dsc had given up by itself, it would say that no card answers.
  assertRefused(ended, 130, /interrupted/);
  await sim.stop();
});

test("no answer, a busy port and a path that is no port are errors", async () => {
  const sim = await startDemo();
  const held = await openCard(sim.port);
  assertRefused(await dsc(["info", "--port", sim.port], {}), 3, /in use by another program/);
  await held.close();
  assert.is((await dsc(["info", "--port", sim.port])).code, 0);

  const at = await newDesk();
  const before = await contentsOf(at);
  assertRefused(await dsc(["info", "--port", at.path("none")]), 3, /no such port/);
  assertRefused(await dsc(["info", "--port", at.pin]), 3, /not a serial port/);
  assertRefused(await dsc(["info", "--port", at.folder]), 3, /not a serial port/);
  assertRefused(await dsc(["info", "--port", "/dev/null"]), 3, /not a serial port/);
  const { stdout } = await dsc(["ports", "--port", sim.port, "--port", at.pin, "--json"]);
  const found = JSON.parse(stdout).ports.slice(-2);
  assert.equal(found[0], { port: sim.port, card: true, serial: "IB3000001", state: "personalized" });
  assert.equal(found[1], { port: at.pin, card: false, reason: "not a serial port" });

  await sim.run("cut");
  assertRefused(await dsc(personalizing(sim, at), {}), 3, /no card answers/);
  assert.equal(await contentsOf(at), before);
  await sim.stop();
});

test("a port is used as soon as its last user releases it", async () => {
  const sim = await startDemo();
  const held = await openCard(sim.port);
  const next = openCard(sim.port);
  await sleep(30);
  await held.close();
  await (await next).close();
  await sim.stop();
});

/** Root can open every port, so root runs this test as user nobody, if that user can read this checkout. */
test("a port without permission is reported", async () => {
  const sim = await startDemo();
  const root = process.getuid?.() === 0;
  chmodSync(sim.port, 0o600);
  chmodSync(FOLDER, 0o755);
  const nobody = root ? { uid: 65534 } : {};
  const able = await runDsc(["--version"], nobody);
  if (!root) chmodSync(sim.port, 0o000);
  const ended = able.code === 0 && (await dsc(["info", "--port", sim.port], nobody));
  await sim.stop();
  if (!ended) skip("only root can read this checkout");
  assertRefused(ended, 3, /dialout.*PROVISIONING\.md/);
});

test("wrong options are refused, and nothing is changed", async () => {
  const sim = await startBlank();
  const demo = await startDemo();
  const at = await newDesk();
  const bad = {
    pin: at.put("no.pin", "12345\n"),
    weak: at.put("weak.pin", "1234\n"),
    short: at.put("short.key", "00112233\n"),
    notHex: at.put("nothex.key", "these are not hexadecimal digits\n"),
    shared: at.put("shared.key", KEY.toString("hex"), 0o644),
    exists: at.put("exists", "not a register"),
    trace: at.put("trace", "here already"),
  };
  const before = await contentsOf(at);
  const cases: [number, RegExp, string[]][] = [
    [2, /no serial number/, ["--serial", "IB300012"]],
    [2, /no serial number/, ["--serial", "ib3000123"]],
    [2, /--no-such/, ["--no-such"]],
    [2, /tries/, ["--tries", "2"]],
    [2, /--suite: /, ["--suite", "OCRA-1:HOTP-MD5-8:QN06"]],
    [2, /--pin-check/, ["--pin-check", "nobody"]],
    [2, /--pin-check server/, ["--pin-check", "server", "--suite", SUITE]],
    [2, /--pin-check card/, ["--pin-check", "card", "--suite", `${SUITE}-PSHA1`]],
    [2, /--transport-old/, ["--transport-old", at.transport]],
    [2, /easy to guess/, ["--pin-file", bad.weak]],
    [2, /only one secret/, ["--pin-file", "-", "--site-key", "-"]],
    [5, /does not support/, ["--suite", "OCRA-1:HOTP-SHA256-6:QN08"]],
    [5, /this card is IB3000001, not IB3000123/, ["--port", demo.port]],
    [5, /IB3000001 is personalized.*--reseed/, ["--port", demo.port, "--serial", "IB3000001"]],
    [4, /with --transport-old .*nothing was sent/, ["--transport", at.other, "--transport-old", at.transport]],
    [6, /four digits/, ["--pin-file", bad.pin]],
    [6, /cannot read/, ["--pin-file", at.path("none")]],
    [6, /4 bytes/, ["--key-file", bad.short]],
    [6, /not hexadecimal/, ["--key-file", bad.notHex]],
    [6, /chmod 600/, ["--key-file", bad.shared]],
    [6, /16 are expected/, ["--transport", at.key]],
    [6, /is not a register/, ["--register", bad.exists]],
    [6, /no such file/, ["--register", at.path("none.db")]],
    [6, /no such file/, ["--desk-key", at.path("none")]],
    [6, /exists already/, ["--trace", bad.trace]],
  ];
  for (const [code, says, more] of cases) {
    assertRefused(await personalize(sim, at, ...more), code, says);
    assert.equal(await contentsOf(at), before, more.join(" "));
  }
  assertRefused(await dsc(["personalize", "--serial", SERIAL]), 2, /--port/);
  const given = ["personalize", "--port", sim.port, "--serial", SERIAL];
  assertRefused(await dsc([...given, "--pin-file", at.pin]), 2, /no register is named/);
  const noKeys = [...given, "--pin-file", at.pin, "--register", at.db];
  assertRefused(await dsc(noKeys), 6, /key is needed/);
  assertRefused(await dsc([...given, ...at.register]), 2, /--pin-file/);
  assert.equal(await contentsOf(at), before);
  assert.is(JSON.parse((await dsc(["info", "--port", sim.port, "--json"])).stdout).state, "blank");
  const insists = ["--allow-weak-pin", "--pin-file", bad.weak, "--key-file", bad.shared, "--insecure-key-file"];
  assert.is((await personalize(sim, at, ...insists)).code, 0);
  await sim.stop();
  await demo.stop();
});

test("with a master key, a card that claims the public test keys is left alone", async () => {
  const at = await newDesk();
  const blank = await startBlank();
  const demo = await startDemo();
  const operations = async () => [(await blank.run("flash-ops")).ops, (await demo.run("flash-ops")).ops];
  for (const { port } of [blank, demo]) await dsc(["info", "--port", port]);
  const before = await operations();
  const says =
    /the public test keys; with --transport it must have .* its own: nothing was sent; .*leave out --transport/;
  assertRefused(await dsc(["wipe", "--port", demo.port, "--transport", at.transport]), 4, says);
  assertRefused(await dsc(["test", "--port", blank.port, "--transport", at.transport]), 4, says);
  assert.equal(await operations(), before);
  assert.is((await dsc(["wipe", "--port", demo.port])).code, 0);
  await blank.stop();
  await demo.stop();
});

test("the bench test runs its steps without a person, and refuses a personalized card", async () => {
  const sim = await startBlank();
  const good = await dsc(["test", "--port", sim.port, "--json"], {});
  assert.is(good.code, 0, good.stderr);
  const results = JSON.parse(good.stdout).tests.map(({ test, result }: Record<string, string>) => `${test} ${result}`);
  const expected = ["battery good", "random good", "crypto good", "flash good", "screen left out", "keys left out"];
  assert.equal(results, expected);
  assert.match(JSON.parse(good.stdout).warnings[1], "keys: left out");
  await sim.run("battery 2350");
  const low = await dsc(["test", "--port", sim.port]);
  assert.is(low.code, 1);
  assert.match(low.stderr, /bad: battery/);
  await sim.stop();
  const demo = await startDemo();
  assertRefused(await dsc(["test", "--port", demo.port], {}), 5, /is personalized/);
  await demo.stop();
});

test("at a terminal the bench test asks a person, a PIN is typed unseen, and wipe asks first", async () => {
  const sim = await startBlank();
  const at = await newDesk();
  const program = new TerminalProgram([DSC, "test", "--port", sim.port], 200);
  await program.until(/Does the screen show/);
  assert.is((await sim.run("show")).display, "********");
  program.send("yse\r");
  await program.until(/Answer yes or no\.\s+Does the screen show/);
  program.send("yes\r");
  await program.until(/Press each key/);
  for (const key of ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]) await sim.run(key);
  await program.until(/: OK PRESS$/m);
  for (const key of ["ok", "press"]) await sim.run(key);
  assert.is(await program.exit, 0);

  const given = ["--serial", SERIAL, ...at.register];
  const person = new TerminalProgram([DSC, "personalize", "--port", sim.port, ...given], 200);
  const steps: [RegExp, string][] = [
    [/^PIN:$/m, "12a4\r"],
    [/four digits\.\nPIN:$/m, `${PIN}\r`],
    [/digits\.\nPIN:\nPIN again:$/m, "8353\r"],
    [/try again\.\nPIN:$/m, "1234\r"],
    [/easy to guess; choose another one\.\nPIN:$/m, `8353\x7f2\r`],
    [/another one\.\nPIN:\nPIN again:$/m, `${PIN}\r`],
  ];
  for (const [shown, typed] of steps) {
    await person.until(shown);
    person.send(typed);
  }
  assert.is(await person.exit, 0);
  printed.push(person.raw);
  assert.is(await sim.login(PIN, "271828"), ocra(SUITE, (await recordIn(at.db, SERIAL)).key, { challenge: "271828" }));

  // No PIN is asked for if the port, the card or the register shows that none is needed.
  for (const [more, code, says] of [
    [[], 0, /nothing was done/],
    [["--port", at.path("none")], 3, /no such port/],
    [["--serial", "IB3000124"], 5, /this card is IB3000123/],
  ] as const) {
    const nobody = new TerminalProgram([DSC, "personalize", ...portUnless(more, sim), ...given, ...more], 200);
    assert.is(await nobody.exit, code);
    assert.match(nobody.raw, says);
    assert.not.match(nobody.raw, "PIN:");
  }

  for (const [typed, code, state] of [
    ["no\r", 0, "personalized"],
    ["\x03", 130, "personalized"],
    ["yes\r", 0, "blank"],
  ] as const) {
    const wipe = new TerminalProgram([DSC, "wipe", "--port", sim.port], 200);
    await wipe.until(/Wipe IB3000123/);
    wipe.send(typed);
    assert.is(await wipe.exit, code);
    assert.is(JSON.parse((await dsc(["info", "--port", sim.port, "--json"])).stdout).state, state);
  }
  await sim.stop();
});

test("every command has help with examples; there is a version and completion", async () => {
  const help = (await dsc(["--help"])).stdout;
  const names = [...help.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1] as string).filter((n) => n !== "help");
  assert.equal(names.sort(), [
    "approve",
    "batch",
    "card",
    "challenge",
    "check",
    "completion",
    "flash",
    "info",
    "journal",
    "keys",
    "ocra",
    "operator",
    "order",
    "personalize",
    "ports",
    "pskc",
    "register",
    "settings",
    "test",
    "unlock",
    "verify",
    "wipe",
  ]);
  const withCommands = ["batch", "card", "journal", "keys", "operator", "order", "pskc", "register"];
  for (const name of names.filter((any) => !withCommands.includes(any))) {
    const { code, stdout } = await dsc([name, "--help"]);
    assert.is(code, 0);
    assert.match(stdout, /Examples:\n {2}\$ /, name);
  }
  assert.match((await dsc(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  assert.is((await dsc([])).code, 2);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { stdout } = await dsc(["completion", shell]);
    for (const word of ["personalize", "pskc", "csv", "transport-old", "pin-check"]) assert.match(stdout, word);
  }
  assertRefused(await dsc(["completion", "tcsh"]), 2, /tcsh/);
});

test("bash completes commands and options", async () => {
  const { stdout } = await dsc(["completion", "bash"]);
  const at = await newDesk();
  for (const name of ["our seeds.xml", "our *"]) at.put(name, "");
  const completed = (...words: string[]) => {
    const set = `COMP_WORDS=(dsc ${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length}`;
    const script = `${stdout}\n${set}; _dsc; IFS="|"; echo "\${COMPREPLY[*]}"`;
    const { status, stdout: said } = spawnSync("bash", ["-c", script], { cwd: at.folder });
    return status === 0 ? said.toString().trim() : undefined;
  };
  if (completed("pe") === undefined) skip("there is no bash");
  assert.is(completed("pe"), "personalize");
  assert.is(completed("pskc", "s"), "show");
  assert.is(completed("personalize", "--tra"), "--trace|--transport|--transport-old");
  assert.is(completed("personalize", "--key-file", "our s"), "our seeds.xml");
  assert.is(completed("pskc", "show", "our"), "our seeds.xml|our *");
  assert.is(completed("info", "--port", "/dev/nul"), "/dev/null");
  assert.is(completed("personalize", "--pin-check", ""), "card|server");
  assert.is(completed("completion", "z"), "zsh");
});

test("no canary was printed", () => {
  const everything = printed.join("\n");
  assert.ok(everything.length > 10_000);
  for (const key of [KEY, ...Object.values(KEYS)]) {
    for (const form of ["hex", "base64", "latin1"] as const) {
      const text = key.toString(form).toLowerCase();
      assert.not.ok(everything.toLowerCase().includes(text.slice(0, 12)), form);
    }
  }
  for (const pin of [PIN, OTHER_PIN]) assert.not.match(everything, new RegExp(`\\b${pin}\\b`));
});

test.run();
