// Writing files: after a kill, a loss of power or an error at any operation, a file has its old or its new contents.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { Exit, exitCodeOf } from "../../../host-tools/cli/exit.js";
import { FileError } from "../../../host-tools/files/errors.js";
import { createExclusive, DISK, readWhole, replaceAtomically } from "../../../host-tools/files/files.js";
import { atLeast } from "../../support/atleast.js";
import { MemoryDisk } from "../../support/memorydisk.js";
import { ON_WINDOWS, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";

const test = suite("files");

const OLD = "the old contents";
const NEW = "the new and longer contents";
const PATH = "/seeds.xml";

function diskWithOld(): MemoryDisk {
  const disk = new MemoryDisk();
  createExclusive(PATH, OLD, disk);
  disk.operations = [];
  return disk;
}

function operationsOf(make: () => MemoryDisk, run: (disk: MemoryDisk) => void): number {
  const disk = make();
  run(disk);
  return disk.operations.length;
}

/** Runs `run` with a fault at each of its operations in turn. */
function atEach(
  code: string,
  make: () => MemoryDisk,
  run: (disk: MemoryDisk) => void,
  check: (disk: MemoryDisk) => void,
) {
  const count = operationsOf(make, run);
  assert.ok(count >= 5);
  for (let at = 1; at <= count; at++) {
    const disk = make();
    disk.fault = { at, code };
    try {
      run(disk);
    } catch (error) {
      assert.instance(error, FileError);
    }
    check(disk);
  }
}

const replace = (disk: MemoryDisk) => replaceAtomically(PATH, NEW, disk);
const create = (disk: MemoryDisk) => createExclusive(PATH, NEW, disk);
const leftovers = (disk: MemoryDisk) => [...disk.names.keys()].filter((name) => name !== PATH);

test("a replaced file has its old or its new contents, wherever a kill or a loss of power falls", () => {
  atEach("killed", diskWithOld, replace, (disk) => {
    for (const contents of atLeast(1, disk.outcomes(PATH))) assert.ok(contents === OLD || contents === NEW, contents);
  });
});

test("a new file is complete or missing, wherever a kill or a loss of power falls", () => {
  atEach(
    "killed",
    () => new MemoryDisk(),
    create,
    (disk) => {
      for (const contents of atLeast(1, disk.outcomes(PATH)))
        assert.ok(contents === undefined || contents === NEW, contents);
    },
  );
});

test("a call that returns without an error has its data on the disk", () => {
  const replaced = diskWithOld();
  replace(replaced);
  assert.equal(replaced.outcomes(PATH), [NEW, NEW, NEW]);
  const created = new MemoryDisk();
  create(created);
  assert.equal(created.outcomes(PATH), [NEW, NEW, NEW]);
});

for (const [code, reason] of [
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
  ["EACCES", "denied"],
  ["EROFS", "denied"],
  ["EIO", "other"],
] as const) {
  test(`${code} at any operation leaves the old or the new file and nothing else, and is reported`, () => {
    atEach(code, diskWithOld, replace, (disk) => {
      assert.ok([OLD, NEW].includes(disk.outcomes(PATH)[0] ?? ""));
      assert.equal(leftovers(disk), []);
    });
    const disk = diskWithOld();
    disk.fault = { at: 2, code };
    const error = caught(() => replace(disk));
    assert.is(error.reason, reason);
    assert.is(exitCodeOf(error), Exit.FILE);
    assert.match(error.message, /^\/seeds\.xml: cannot write it: [^\n]+$/);
    assert.not.match(error.message, NEW);
  });
}

test("a new file never overwrites, also on a file system without hard links", () => {
  const fresh = new MemoryDisk();
  fresh.hasLinks = false;
  create(fresh);
  assert.equal(fresh.outcomes(PATH), [NEW, NEW, NEW]);
  const taken = diskWithOld();
  taken.hasLinks = false;
  assert.is(caught(() => create(taken)).reason, "exists");
  assert.is(taken.outcomes(PATH)[0], OLD);
  assert.equal(leftovers(taken), []);
});

test("without hard links an error at the rename removes the new name", () => {
  const disk = new MemoryDisk();
  disk.hasLinks = false;
  disk.fault = { at: 8, code: "EIO" };
  caught(() => create(disk));
  assert.is(disk.operations[7], "rename");
  assert.is(disk.names.size, 0);
});

test("real files: a new file never overwrites, a replaced one has the new contents, only the owner can read them", () => {
  inFolder((folder) => {
    const path = join(folder, "seeds.xml");
    createExclusive(path, OLD);
    assert.is(caught(() => createExclusive(path, NEW)).reason, "exists");
    assert.is(readWhole(path, 100).toString(), OLD);
    replaceAtomically(path, NEW);
    assert.is(readFileSync(path, "utf8"), NEW);
    if (process.platform !== "win32") assert.is(statSync(path).mode & 0o777, 0o600);
    assert.equal(readdirSync(folder), ["seeds.xml"]);
  });
});

test("real files: reading a missing file, a folder or a file that is too large is an error of one line", () => {
  inFolder((folder) => {
    writeFileSync(join(folder, "large"), "x".repeat(11));
    assert.is(caught(() => readWhole(join(folder, "none"), 10)).reason, "missing");
    assert.match(caught(() => readWhole(folder, 10)).message, /: (not a file|cannot read it)/);
    assert.match(caught(() => readWhole(join(folder, "large"), 10)).message, "11 bytes");
    assert.is(caught(() => createExclusive(join(folder, "none", "x"), NEW)).reason, "missing");
  });
});

testUnless(test, ON_WINDOWS, "real files: replacing a file by its symbolic link keeps the link", () => {
  inFolder((folder) => {
    writeFileSync(join(folder, "file"), OLD);
    symlinkSync(join(folder, "file"), join(folder, "link"));
    replaceAtomically(join(folder, "link"), NEW);
    assert.is(readFileSync(join(folder, "file"), "utf8"), NEW);
    assert.is(DISK.resolve(join(folder, "link")), DISK.resolve(join(folder, "file")));
  });
});

function caught(run: () => unknown): FileError {
  try {
    run();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error("no error");
}

function inFolder(run: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "dsc-files-"));
  assert.is(dirname(folder), tmpdir());
  try {
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test.run();
