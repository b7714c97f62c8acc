// How `dsc-sim api` and `dsc-sim monkey` end, by each signal and with the process that started them, and which files they
// leave.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as assert from "uvu/assert";
import { SIGNALS } from "../../../sim/session/signals.js";
import { until } from "../../support/deadline.js";
import { endingWith } from "../../support/leftovers.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim, LAUNCHER } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "end of api and monkey");
const ending = endingWith(test);

const FOLDER = scratchFolder();
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;
/** Long ago. */
const OLD = new Date(0);

let folders = 0;

function newFolder(): string {
  const folder = join(FOLDER, String(++folders));
  mkdirSync(folder);
  return folder;
}

/** A card that listens, with a record, a flash file and a line, all in `folder`. */
const API = ["api", "--flash", "card.bin", "--demo", "--record", "session.dsc", "--pty", "line"];
const MONKEY = ["monkey", "--seed", "1", "--for", "1h"];
/** The files that locks leave by design, and the user's files. */
const KEPT = ["card.bin", "card.bin.lock", "line.lock", "session.dsc", "session.dsc.flash"];

/** Starts a program and waits for its first line. Returns it, and the port that `api` prints there. */
async function start(command: string, args: readonly string[], cwd: string) {
  const child = ending(spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] }));
  const isApi = /\bapi --flash/.test(args.join(" "));
  const [line] = (await once(createInterface({ input: isApi ? child.stdout : child.stderr }), "line")) as [string];
  return { child, port: isApi ? Number(new URL((JSON.parse(line) as { url: string }).url).port) : 0 };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** A zombie, which has ended but was not reaped, does not count as running. */
function isRunning(id: number): boolean {
  try {
    process.kill(id, 0);
    return !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${id}/stat`, "latin1"));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" && process.platform !== "linux";
  }
}

test("the tested signals are those that terminals and services send", () => {
  assert.equal([...SIGNALS].sort(), Object.keys(NUMBERS).sort());
});

for (const signal of SIGNALS) {
  test(`${signal}: each program ends with its code, and leaves no port and no file`, async () => {
    const folder = newFolder();
    const [api, monkey] = await Promise.all([
      start(process.execPath, [LAUNCHER, ...API], folder),
      start(process.execPath, [LAUNCHER, ...MONKEY], folder),
    ]);
    assert.ok(await isListening(api.port));
    assert.ok(existsSync(join(folder, "line")));
    for (const { child } of [api, monkey]) {
      const ended = once(child, "exit");
      child.kill(signal);
      assert.equal(await ended, [128 + NUMBERS[signal], null]);
    }
    assert.not.ok(await isListening(api.port));
    assert.equal(
      readdirSync(folder).filter((name) => !KEPT.includes(name)),
      [],
    );
  });
}

for (const [name, args] of [
  ["api", API],
  ["monkey", MONKEY],
] as const) {
  test(`${name} ends with the process that started it, however that ends`, async () => {
    const folder = newFolder();
    // Two commands, so that the shell stays the parent.
    const shell = `'${process.execPath}' '${LAUNCHER}' ${args.join(" ")} & echo $! > id; wait`;
    const { child, port } = await start("/bin/sh", ["-c", shell], folder);
    const id = Number(readFileSync(join(folder, "id"), "utf8"));
    assert.ok(isRunning(id));
    child.kill("SIGKILL");
    await until(() => !isRunning(id), `${name} ends with its parent`);
    if (port > 0) await until(async () => !(await isListening(port)), "its port is closed");
    assert.equal(
      readdirSync(folder).filter((left) => ![...KEPT, "id"].includes(left)),
      [],
    );
  });
}

test("the next start cleans up after a killed api, and removes old temporary files", async () => {
  const folder = newFolder();
  const killed = await start(
    process.execPath,
    [LAUNCHER, ...API.filter((arg) => arg !== "--record" && arg !== "session.dsc")],
    folder,
  );
  killed.child.kill("SIGKILL");
  await once(killed.child, "exit");
  assert.ok(lstatSync(join(folder, "line")).isSymbolicLink());
  const abandoned = ["card.bin.0123abcd.new", "monkey-7.dsc.0123abcd.new", "monkey-7-2.dsc.flash.0123abcd.new"];
  const others = ["other.bin.0123abcd.new", "card.bin.new", "monkey-x.dsc.0123abcd.new"];
  for (const name of [...abandoned, ...others]) {
    writeFileSync(join(folder, name), "");
    utimesSync(join(folder, name), OLD, OLD);
  }
  const fresh = "monkey-8.dsc.0123abcd.new";
  writeFileSync(join(folder, fresh), "");

  const again = await start(process.execPath, [LAUNCHER, ...API], folder);
  assert.ok(await isListening(again.port));
  again.child.kill("SIGTERM");
  await once(again.child, "exit");
  assert.is(dscSim(["monkey", "--seed", "1", "--runs", "1"], "", folder).code, 0);
  const left = readdirSync(folder).filter((name) => !KEPT.includes(name));
  assert.equal(left.sort(), [...others, fresh].sort());
});

test.run();
