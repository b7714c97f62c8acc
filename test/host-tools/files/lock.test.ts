// Locks on real files between real processes: one holder at a time under any name of the file, and none left behind.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import * as assert from "uvu/assert";
import { LockError, tryLockFile, tryLockName } from "../../../host-tools/files/lock.js";
import { FLASH_SIZE } from "../../../sim/core/flash.js";
import { openFlashFile } from "../../../sim/session/flashfile.js";
import { cardOf } from "../../support/cards.js";
import { endingWith } from "../../support/leftovers.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim } from "../../support/simprocess.js";
import { ON_WINDOWS, testUnless, UNBOUND } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("locks");
const started = endingWith(test);

const LOCK = new URL("../../../host-tools/files/lock.js", import.meta.url).href;
const FLASHFILE = new URL("../../../sim/session/flashfile.js", import.meta.url).href;

/** Starts a program in a PID namespace of its own, where it is process 1. */
const OWN_PIDS = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
/** Starts a shell that may mount. */
const OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];

/** Why tests in these namespaces are skipped; undefined if the script runs there. */
function unlessRuns([program = "", ...args]: readonly string[], script: string): string | undefined {
  const { status } = spawnSync(program, [...args, script], { stdio: "ignore" });
  return status === 0 ? undefined : "namespaces cannot be made here (unshare)";
}

const LAST_WORD = FLASH_SIZE - 4;

const FOLDER = scratchFolder();
let folders = 0;

function newFolder(): string {
  const folder = join(FOLDER, String(++folders));
  mkdirSync(folder);
  return folder;
}

/** A file with a card's flash, so that simulator and tools can both lock it. */
function newFile(): string {
  const path = join(newFolder(), "file");
  writeFileSync(path, cardOf().flash.bytes);
  return path;
}

interface Holder {
  readonly process: ChildProcessWithoutNullStreams;
  /** Whether it has the lock. */
  readonly has: boolean;
  end(signal?: NodeJS.Signals): Promise<void>;
}

/**
 * A process that runs `take` and keeps running. `take` sets `has` to whether it got the lock; `inside` is a program that
 * starts the process, in a namespace for instance.
 */
async function holderOf(take: string, inside: readonly string[] = []): Promise<Holder> {
  const script = `${take}\nprocess.stdout.write(has + "\\n"); process.stdin.resume();`;
  const [program = "", ...args] = [...inside, process.execPath, "--input-type=module", "-e", script];
  const child = started(spawn(program, args));
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, "line"), ended]);
  const end = async (signal?: NodeJS.Signals) => {
    if (signal) child.kill(signal);
    else child.stdin.end();
    await ended;
  };
  return { process: child, has: line === "true", end };
}

function toolOn(path: string, inside?: readonly string[]): Promise<Holder> {
  const take = `
    import { tryLockFile } from ${JSON.stringify(LOCK)};
    globalThis.lock = tryLockFile(${JSON.stringify(path)});
    const has = globalThis.lock !== undefined;`;
  return holderOf(take, inside);
}

/** A simulator that uses the file. If `word` is given, it also programs the last word of the flash. */
function simulatorOn(path: string, inside?: readonly string[], word?: number): Promise<Holder> {
  const program = word === undefined ? "" : `.program(${LAST_WORD}, ${word})`;
  const take = `
    import { openFlashFile } from ${JSON.stringify(FLASHFILE)};
    let has = true;
    try { openFlashFile(${JSON.stringify(path)})${program}; } catch { has = false; }`;
  return holderOf(take, inside);
}

const HOLDERS = { tool: toolOn, simulator: simulatorOn } as const;

for (const [first, hold] of Object.entries(HOLDERS)) {
  for (const [second, ask] of Object.entries(HOLDERS)) {
    test(`a ${second} cannot lock the file of a ${first}, and can as soon as that is killed`, async () => {
      const path = newFile();
      const holder = await hold(path);
      assert.ok(holder.has);
      const refused = await ask(path);
      assert.not(refused.has);
      await holder.end("SIGKILL");
      const next = await ask(path);
      assert.ok(next.has);
      await Promise.all([refused.end(), next.end()]);
    });
  }
}

test("of eight processes that start at once, one gets a lock left behind", async () => {
  const path = newFile();
  await (await toolOn(path)).end("SIGKILL");
  assert.ok(existsSync(`${path}.lock`), "nothing was left behind");
  const all = await Promise.all(
    Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? toolOn(path) : simulatorOn(path))),
  );
  assert.is(all.filter(({ has }) => has).length, 1);
  await Promise.all(all.map((any) => any.end()));
});

testUnless(
  test,
  unlessRuns(OWN_PIDS, "true"),
  "of four processes in their own PID namespaces, one gets the lock",
  async () => {
    const path = newFile();
    const all = await Promise.all(
      Array.from({ length: 4 }, (_, index) => (index % 2 === 0 ? toolOn : simulatorOn)(path, OWN_PIDS)),
    );
    assert.is(all.filter(({ has }) => has).length, 1);
    const outside = await toolOn(path);
    assert.not(outside.has);
    await Promise.all([...all, outside].map((any) => any.end()));
    const next = await toolOn(path);
    assert.ok(next.has);
    await next.end();
  },
);

test("of eight simulators that start at once on a missing file, one creates and locks it", async () => {
  const path = join(newFolder(), "new");
  const all = await Promise.all(Array.from({ length: 8 }, (_, index) => simulatorOn(path, [], index)));
  const winner = all.findIndex(({ has }) => has);
  assert.is(all.filter(({ has }) => has).length, 1);
  assert.is(readFileSync(path).readUInt32LE(LAST_WORD), winner);
  await Promise.all(all.map((any) => any.end()));
  assert.equal(readdirSync(join(path, "..")).sort(), ["new", "new.lock"]);
});

test("a process gets a lock once, whichever thread asks", async () => {
  const path = newFile();
  const lock = tryLockFile(path);
  assert.ok(lock);
  assert.is(tryLockFile(path), undefined);
  const script = `
    import { parentPort } from "node:worker_threads";
    import { tryLockFile } from ${JSON.stringify(LOCK)};
    parentPort.postMessage(tryLockFile(${JSON.stringify(path)}) !== undefined);`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`));
  assert.equal(await once(worker, "message"), [false]);
  await worker.terminate();
  // The other attempts in this process must not have released it.
  const other = await toolOn(path);
  assert.not(other.has);
  await other.end();
  lock.release();
  lock.release();
  const again = tryLockFile(path);
  assert.ok(again);
  again.release();
});

test("the lock file is empty, only the owner can read it, and it stays after the release", () => {
  const path = newFile();
  const lock = tryLockFile(path);
  const looksRight = () => {
    assert.equal(readdirSync(join(path, "..")).sort(), ["file", "file.lock"]);
    assert.is(statSync(`${path}.lock`).size, 0);
    if (process.platform !== "win32") assert.is(statSync(`${path}.lock`).mode & 0o777, 0o600);
  };
  looksRight();
  lock?.release();
  looksRight();
});

// ---- names ----

testUnless(test, ON_WINDOWS, "a symbolic link to a file has the file's lock", async () => {
  const path = newFile();
  const link = `${path}.link`;
  symlinkSync(path, link);
  const holder = await simulatorOn(link);
  assert.ok(holder.has);
  assert.is(tryLockFile(path), undefined);
  await holder.end();
});

test("a file with two names is refused under both until one is removed", () => {
  const path = newFile();
  const other = join(path, "..", "other");
  linkSync(path, other);
  for (const name of [path, other]) {
    const error = caught(() => tryLockFile(name));
    assert.match(error, /^[^\n]*has more than one name \(hard links, as cp -l makes\)[^\n]*$/);
    const { code, stdout, stderr } = dscSim(["--headless", "--flash", name], "show\n");
    assert.equal([code, stdout], [2, ""]);
    assert.match(stderr, /^dsc-sim: [^\n]*has more than one name \(hard links, as cp -l makes\)[^\n]*\n$/);
  }
  rmSync(other);
  const lock = tryLockFile(path);
  assert.ok(lock);
  lock.release();
});

test("a second name that is made while the file is in use is refused", async () => {
  const path = newFile();
  const holder = await simulatorOn(path);
  linkSync(path, `${path}.b`);
  const second = await simulatorOn(`${path}.b`);
  assert.equal([holder.has, second.has], [true, false]);
  await Promise.all([holder.end(), second.end()]);
});

test("the temporary name that a process killed while making the file left does not count as a second name", () => {
  const path = newFile();
  linkSync(path, `${path}.0badcafe.new`);
  const lock = tryLockFile(path);
  assert.ok(lock);
  lock.release();
  linkSync(path, `${path}.b`);
  assert.match(
    caught(() => tryLockFile(path)),
    "has more than one name",
  );
});

test("a missing file can be locked, and then made", () => {
  const path = join(newFolder(), "new");
  const lock = tryLockFile(path);
  assert.ok(lock);
  assert.is(tryLockFile(path), undefined);
  writeFileSync(path, "x");
  lock.verify();
  lock.release();
});

/** Mounts a file under another name and runs a program there. */
const MOUNTED = [...OWN_MOUNTS, 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh"];

testUnless(
  test,
  unlessRuns(OWN_MOUNTS, "mount --bind /etc/hostname /etc/hostname"),
  "a file that is itself a mount, as in a container, is refused; a file in a mounted folder keeps its lock",
  async () => {
    const path = newFile();
    const folder = newFolder();
    // The list of mounts escapes white space and backslashes.
    const place = join(folder, "a b\\c");
    writeFileSync(place, "");
    const holder = await toolOn(path);
    const byItself = await toolOn(place, [...MOUNTED, path, place]);
    const alone = await simulatorOn(place, [...MOUNTED, path, place]);
    const inFolder = await toolOn(join(folder, basename(path)), [...MOUNTED, join(path, ".."), folder]);
    assert.equal([holder.has, byItself.has, alone.has, inFolder.has], [true, false, false, false]);
    await holder.end();
    const next = await toolOn(join(folder, basename(path)), [...MOUNTED, join(path, ".."), folder]);
    const still = await toolOn(place, [...MOUNTED, path, place]);
    assert.equal([next.has, still.has], [true, false]);
    await Promise.all([byItself, alone, inFolder, next, still].map((any) => any.end()));
  },
);

testUnless(test, ON_WINDOWS, "a link to a missing file is refused, and stays", () => {
  const link = join(newFolder(), "link");
  symlinkSync("nowhere", link);
  const { code, stderr } = dscSim(["--headless", "--flash", link], "show\n");
  assert.is(code, 2);
  assert.match(stderr, /^dsc-sim: [^\n]*: a link to a file that is not there; [^\n]*\n$/);
  assert.equal(readdirSync(join(link, "..")), ["link"]);
});

// ---- a lock that no longer protects its file ----

/** Ways to make a file free for a second simulator. Each returns the path of the file after it. */
const TAKEN_AWAY: Record<string, (path: string) => string> = {
  "its lock is deleted": (path) => {
    rmSync(`${path}.lock`);
    return path;
  },
  "it is renamed": (path) => {
    renameSync(path, `${path}.b`);
    return `${path}.b`;
  },
  "it is replaced": (path) => {
    writeFileSync(`${path}.b`, cardOf().flash.bytes);
    renameSync(`${path}.b`, path);
    return path;
  },
};

for (const [what, takeAway] of Object.entries(TAKEN_AWAY)) {
  testUnless(test, ON_WINDOWS, `a simulator stops writing to its file once ${what}`, async () => {
    const path = newFile();
    const flash = openFlashFile(path);
    const place = takeAway(path);
    const before = readFileSync(place);
    assert.throws(() => flash.program(LAST_WORD, 0), /^[^\n]* while it was in use[^\n]*; the card lost power there$/);
    assert.equal(readFileSync(place), before);
  });
}

// ---- files that are not locks ----

for (const [what, contents] of [
  ["of version 0.2.0's tools", '{"process":3,"host":"here"}'],
  ["of version 0.2.0's simulator", "4711\n"],
  ["that is somebody's database", "SQLite format 3\0"],
] as const) {
  test(`a lock file ${what} is refused in one line that says what to do, and is not changed`, () => {
    const path = newFile();
    writeFileSync(`${path}.lock`, contents);
    const error = caught(() => tryLockFile(path));
    assert.match(error, /^[^\n]*file\.lock is not a lock of this version; [^\n]*delete it$/);
    const { code, stdout, stderr } = dscSim(["--headless", "--flash", path], "show\n");
    assert.equal([code, stdout], [2, ""]);
    assert.match(stderr, /^dsc-sim: [^\n]*is not a lock of this version; [^\n]*\n$/);
    assert.is(readFileSync(`${path}.lock`, "utf8"), contents);
  });
}

testUnless(test, ON_WINDOWS, "a lock file that is a folder or a link is refused", () => {
  const path = newFile();
  mkdirSync(`${path}.lock`);
  assert.throws(
    () => tryLockName(path),
    (error: unknown) => error instanceof LockError,
  );
  const other = newFile();
  symlinkSync("/dev/null", `${other}.lock`);
  assert.throws(
    () => tryLockName(other),
    (error: unknown) => error instanceof LockError,
  );
});

testUnless(test, UNBOUND, "a folder without write permission is an error of one line", () => {
  const path = newFile();
  const folder = join(path, "..");
  chmodSync(folder, 0o500);
  try {
    assert.throws(
      () => openFlashFile(path),
      /^[^\n]*: cannot be reserved: you have no permission; choose a folder you may write$/,
    );
    assert.equal(readdirSync(folder), [basename(path)]);
  } finally {
    chmodSync(folder, 0o700);
  }
});

testUnless(test, UNBOUND, "a lock file of another user, as sudo leaves it, is named in the error", () => {
  const path = newFile();
  writeFileSync(`${path}.lock`, "", { mode: 0o000 });
  assert.match(
    caught(() => tryLockFile(path)),
    /^file\.lock belongs to another user; [^\n]*$/,
  );
  assert.match(
    dscSim(["--headless", "--flash", path], "").stderr,
    /^dsc-sim: [^\n]*: file\.lock belongs to another user; /,
  );
});

/** The message of the LockError. */
function caught(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LockError) return error.message;
    throw error;
  }
  throw new Error("no error");
}

test.run();
