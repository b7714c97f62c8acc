// `dsc flash` to a model of DAPLink's drive, and through a script that prints what a real openocd would.

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { delimiter, join } from "node:path";
import * as assert from "uvu/assert";
import { openCard } from "../../../host-tools/card/port.js";
import { exitCodeOf } from "../../../host-tools/cli/exit.js";
import {
  awaitReturn,
  chooseDrive,
  copyToDrive,
  DRIVE_FILES,
  type Drive,
  type DriveFiles,
  fatMounts,
  findDrives,
  lookAt,
} from "../../../host-tools/flashing/daplink.js";
import { firmwareOf, holdsFirmware } from "../../../host-tools/flashing/firmwarehash.js";
import { choosePort } from "../../../host-tools/flashing/flash.js";
import { explainOpenocd } from "../../../host-tools/flashing/openocd.js";
import { Card } from "../../../sim/core/card.js";
import { FIRMWARE_FILE } from "../../../sim/session/firmware.js";
import { PtyLine } from "../../../sim/session/pty.js";
import { blankCard } from "../../support/cards.js";
import { DaplinkModel, type ModelOptions, UNIQUE_ID } from "../../support/daplinkmodel.js";
import { DEADLINE, until } from "../../support/deadline.js";
import { dscHere } from "../../support/dschere.js";
import { hexFile, hexLine, imageBytes } from "../../support/hexfile.js";
import { scratchFolder } from "../../support/scratch.js";
import { DSC, type DscOptions, dsc as dscAlone, type Ended, SimProcess } from "../../support/simprocess.js";
import { packageTest, testUnless } from "../../support/skipping.js";
import { skip, suite } from "../../support/suite.js";
import { TerminalProgram } from "../../support/terminal.js";

const test = suite("dsc flash");

const WINDOWS = process.platform === "win32";
/** Pseudo-terminals, signals and scripts. */
const NO_UNIX = WINDOWS ? "needs a Unix" : undefined;

const FOLDER = scratchFolder();
let scratch = 0;
const MODULE = readFileSync(FIRMWARE_FILE);
const FIRMWARE = firmwareOf(MODULE);
const HASH = Buffer.from(FIRMWARE?.hash ?? "", "hex");
const MARK = Buffer.from("DSC+ board: microbit\0");
const BYTES = imageBytes({ holds: Buffer.concat([HASH, MARK]) });
const IMAGE = writeImage(hexFile([{ address: 0, bytes: BYTES }]));

const models: DaplinkModel[] = [];
const lines: PtyLine[] = [];

test.after.each(() => {
  for (const model of models.splice(0)) model.close();
  for (const line of lines.splice(0)) line.close();
});
test.after(() => SimProcess.killAll());

function writeImage(text: string): string {
  const path = join(FOLDER, `${++scratch}.hex`);
  writeFileSync(path, text);
  return path;
}

function drive(options?: ModelOptions): DaplinkModel {
  const model = new DaplinkModel(join(FOLDER, `MICROBIT${++scratch}`), options);
  models.push(model);
  return model;
}

/** Runs `dsc` in this process, or with `options` (which may be empty) as a process of its own. */
function dsc(args: readonly string[], options?: DscOptions): Promise<Ended> {
  return options ? dscAlone(args, options) : dscHere(args);
}

/** `dsc flash` of the usual image to a drive. */
function flash(model: DaplinkModel, more: readonly string[] = ["--yes"], options?: DscOptions): Promise<Ended> {
  return dsc(["flash", "--image", IMAGE, "--mount", model.path, ...more], options);
}

/** Starts a card in this process. Returns its port. */
function cardAt(module?: Buffer): string {
  const port = join(FOLDER, `port${++scratch}`);
  const card = module ? new Card(new WebAssembly.Module(new Uint8Array(module))) : blankCard();
  lines.push(new PtyLine(card, port));
  return port;
}

/** Asserts an error in the last line on stderr, and nothing on stdout. */
function assertRefused(ended: Ended, code: number, says: RegExp): void {
  assert.is(ended.code, code, ended.stderr);
  assert.is(ended.stdout, "");
  const last = ended.stderr.trimEnd().split("\n").at(-1) as string;
  assert.match(last, /^dsc: /);
  assert.match(last, says);
  assert.not.match(ended.stderr, /\n {4}at /);
}

/** The same, and asserts that nothing was written to the drive. */
async function assertUntouched(model: DaplinkModel, run: Promise<Ended>, code: number, says: RegExp): Promise<void> {
  assertRefused(await run, code, says);
  assert.not.ok(model.isTouched);
}

test("a drive gets the image, and the report says what happened", async () => {
  const model = drive();
  const ended = await flash(model, ["--yes", "--json"], {});
  assert.is(ended.code, 0, ended.stderr);
  assert.equal(model.received, readFileSync(IMAGE));
  assert.equal(model.blocks[0]?.bytes, BYTES);
  assert.is(ended.lines.length, 1);
  assert.equal(JSON.parse(ended.stdout), {
    board: "microbit",
    method: "drive",
    drive: model.path,
    image: IMAGE,
    bytes: BYTES.length,
    firmware: FIRMWARE,
    erased: true,
    checked: ["drive"],
    verified: false,
    card: null,
    warnings: [],
  });
  assert.is(ended.stderr, "");
});

const WHAT = `firmware ${FIRMWARE?.version}, ${FIRMWARE?.hash}`;

test("by the drive: the report has the board's result and what was not checked", async () => {
  const { stdout, stderr, code } = await flash(drive());
  assert.match(stderr, /This erases the whole chip: the card comes back blank and shows NO KEY/);
  assert.is(code, 0);
  assert.is(
    stdout,
    `${WHAT}: copied, and the board's drive came back without FAIL.TXT\n` +
      "Not checked: what the chip's flash holds (--openocd reads it back), and whether the card starts (--verify asks it).\n" +
      "The card should be blank now (NO KEY): dsc personalize gives it a key.\n",
  );
});

test("if DAPLink erases by page, nothing is reported as erased", async () => {
  const { stdout, stderr } = await flash(drive({ pageErasing: true }));
  for (const text of [stdout, stderr]) assert.match(text, /may keep its keys/);
  assert.not.match(`${stdout}${stderr}`, /blank/);
  assert.is(JSON.parse((await flash(drive({ pageErasing: true }), ["--yes", "--json"])).stdout).erased, false);
});

test("without a terminal and without --yes nothing is erased", async () => {
  const model = drive();
  await assertUntouched(model, flash(model, []), 2, /erases the whole chip.*no port to ask at.*--yes/);
});

testUnless(test, NO_UNIX, "a card with a key is erased only with --yes", async () => {
  const sim = await SimProcess.start(join(FOLDER, `port${++scratch}`), "--demo");
  const model = drive();
  await assertUntouched(model, flash(model, ["--port", sim.port]), 2, /IB3000001 \(personalized\) loses its keys/);
  assert.is((await flash(model, ["--port", sim.port, "--yes"])).code, 0);
});

testUnless(test, NO_UNIX, "a blank card is flashed without a question, and --verify asks it afterwards", async () => {
  const port = cardAt();
  const ended = await flash(drive(), ["--port", port, "--verify", "--json"], {});
  assert.is(ended.code, 0, ended.stderr);
  const { checked, verified, card } = JSON.parse(ended.stdout);
  const blank = { port, serial: null, state: "blank" };
  assert.equal({ checked, verified, card }, { checked: ["drive", "card"], verified: true, card: blank });
});

testUnless(test, NO_UNIX, "--verify: a card with other firmware than the image is reported", async () => {
  const other = Buffer.from(MODULE);
  other.fill(0x5a, other.indexOf(HASH), other.indexOf(HASH) + HASH.length);
  const port = cardAt(other);
  assertRefused(
    await flash(drive(), ["--port", port, "--verify"]),
    1,
    /the card has firmware .* 5a5a5a5a5a5a5a5a, not/,
  );
});

testUnless(test, NO_UNIX, "--verify confirms the firmware of a board whose drive does not come back", async () => {
  const port = cardAt();
  const ended = await flash(drive({ ends: "never" }), ["--port", port, "--verify", "--timeout", "1"]);
  assert.is(ended.code, 0, ended.stderr);
  assert.is(
    ended.stdout,
    `${WHAT}: copied, but the board's drive did not come back; ` +
      `the card at ${port} answers with this version and hash\n` +
      "Not checked: whether the board took this copy, or had this firmware before.\n" +
      "The card is blank (NO KEY): dsc personalize gives it a key.\n",
  );
});

testUnless(test, NO_UNIX, "--verify: a card that kept its keys was not flashed, whatever firmware it has", async () => {
  const sim = await SimProcess.start(join(FOLDER, `port${++scratch}`), "--demo");
  const more = ["--port", sim.port, "--verify", "--yes", "--timeout", "1"];
  assertRefused(await flash(drive({ ends: "never" }), more), 1, /still personalized: the board did not take the image/);
});

test("an image that is no build of this firmware is refused with --verify, and gives a warning without", async () => {
  const model = drive();
  const image = writeImage(hexFile([{ address: 0, bytes: imageBytes() }]));
  await assertUntouched(model, flash(model, ["--yes", "--image", image, "--verify"]), 2, /nothing to verify against/);
  const ended = await flash(model, ["--yes", "--image", image, "--json"]);
  assert.is(ended.code, 0);
  assert.is(JSON.parse(ended.stdout).firmware, null);
  assert.match(JSON.parse(ended.stdout).warnings[0], /but an unknown one/);
});

testUnless(test, NO_UNIX, "a busy or missing port is reported before anything is written", async () => {
  const sim = await SimProcess.start(join(FOLDER, `port${++scratch}`));
  const model = drive();
  const busy = await openCard(sim.port);
  await assertUntouched(model, flash(model, ["--yes", "--port", sim.port]), 3, /in use by another program/);
  await busy.close();
  await assertUntouched(model, flash(model, ["--yes", "--port", join(FOLDER, "none")]), 3, /no such port/);
});

test("FAIL.TXT is reported; one left by an earlier copy is ignored", async () => {
  assertRefused(
    await flash(drive({ ends: "fails" }), ["--yes"], {}),
    1,
    /Checksum calculation failure occurred\. \(transient, user\)/,
  );
  assert.is((await flash(drive({ failed: "An error has occurred" }))).code, 0);
});

test("without a remount count, DAPLink is done when its drive has left and come back", async () => {
  assert.is((await flash(drive({ remounts: null }))).code, 0);
  assertRefused(await flash(drive({ remounts: null, ends: "fails" })), 1, /Checksum calculation/);
  assertRefused(await flash(drive({ remounts: null, ends: "never" }), ["--yes", "--timeout", "1"]), 1, /not come back/);
});

test("a drive that does not come back and an unplugged board are errors", async () => {
  assertRefused(await flash(drive({ ends: "never" }), ["--yes", "--timeout", "1"]), 1, /not come back within 1 s/);
  assertRefused(await flash(drive({ ends: "unplugged" })), 1, /was unplugged before it was done/);
  assertRefused(
    await flash(drive({ ends: "unplugged", remounts: 0 }), ["--yes", "--timeout", "4"]),
    1,
    /was unplugged/,
  );
});

test("another board, MAINTENANCE mode and a folder that is no drive are refused", async () => {
  const refuse = async (options: ModelOptions, says: RegExp) => {
    const model = drive(options);
    await assertUntouched(model, flash(model), 3, says);
  };
  await refuse({ uniqueId: UNIQUE_ID.V2 }, /a BBC micro:bit V2; the image is for a BBC micro:bit V1/);
  await refuse({ uniqueId: UNIQUE_ID.OTHER }, /a board of kind 0240/);
  await refuse({ bootloader: true }, /MAINTENANCE mode/);
  const empty = join(FOLDER, "empty");
  mkdirSync(empty);
  assertRefused(await dsc(["flash", "--image", IMAGE, "--mount", empty, "--yes"]), 3, /no DAPLink drive/);
  assertRefused(await dsc(["flash", "--image", IMAGE, "--mount", join(FOLDER, "none")]), 3, /no such folder/);
});

test("an image that is missing, broken or for another chip never reaches the board", async () => {
  const model = drive();
  const refuse = (image: string, says: RegExp) =>
    assertUntouched(model, flash(model, ["--yes", "--image", image]), 6, says);
  const whole = readFileSync(IMAGE, "utf8");
  await refuse(join(FOLDER, "none.hex"), /no such file/);
  await refuse(FOLDER, /not a file/);
  await refuse(writeImage(whole.slice(0, 5000)), /line \d+: /);
  await refuse(writeImage(whole.replace("firmware", "Firmware").replace(/^(:10.{9})../m, "$1FF")), /checksum/);
  await refuse(writeImage(hexFile([{ address: 0, bytes: imageBytes({ stack: 0x20020000 }) }])), /another chip/);
  await refuse(writeImage(hexFile([{ address: 0, bytes: imageBytes({ size: 0x40000 }) }])), /the card's own/);
  const universal = hexLine(0x0a, 0, Buffer.from("9900c0de", "hex"));
  await refuse(writeImage(whole.replace("\r\n", `\r\n${universal}\r\n`)), /line 2: a universal hex/);
});

test("an image for another board, or without the name of a board, never reaches the board", async () => {
  const model = drive();
  const refuse = (mark: string, holds: Buffer, says: RegExp) => {
    const bytes = imageBytes({ holds: Buffer.concat([holds, Buffer.from(mark)]) });
    const image = writeImage(hexFile([{ address: 0, bytes }]));
    return assertUntouched(model, flash(model, ["--yes", "--image", image]), 6, says);
  };
  await refuse("", HASH, /an image for another board, not for microbit/);
  await refuse("DSC+ board: stm32l0\0", HASH, /an image for the board "stm32l0", not for microbit/);
  await refuse("DSC+ board: stm32l0\0", Buffer.alloc(0), /an image for the board "stm32l0", not for microbit/);
});

test("the default is the build's image of each kind; if it is missing, the error says how to make it", async () => {
  const model = drive();
  for (const [kind, args, maker] of [
    ["development", [], "npm run board"],
    ["production", ["--production"], "npm run board -- --production"],
  ] as const) {
    const image = join(FIRMWARE_FILE, "..", "board", "microbit", kind, "dsc.hex");
    const ended = await flashDefault(model, args);
    if (existsSync(image)) assert.match(ended.stderr, /erases the whole chip/);
    else assertRefused(ended, 6, new RegExp(`${kind}/dsc\\.hex: .*no such file.*; make it with: ${maker}$`));
  }
  await assertUntouched(model, flash(model, ["--yes", "--production"]), 2, /name two images/);
});

/** Flashes the default image, up to the question, which nobody answers. */
function flashDefault({ path }: DaplinkModel, args: readonly string[]): Promise<Ended> {
  return dsc(["flash", "--mount", path, ...args]);
}

testUnless(test, NO_UNIX, "Ctrl-C while the board is busy says what the board may hold", async () => {
  const model = drive({ ends: "never" });
  const interrupt: DscOptions["during"] = (running) => {
    void until(() => model.received !== undefined, "the image arrives").then(() => running.kill("SIGINT"));
  };
  assertRefused(await flash(model, ["--yes"], { during: interrupt }), 130, /the board may hold half an image/);
});

testUnless(test, NO_UNIX, "at a terminal it asks, and shows a bar", async () => {
  const model = drive();
  const args = [DSC, "flash", "--image", IMAGE, "--mount", model.path];
  const refusing = new TerminalProgram(args, 200);
  await refusing.until(/Go on\? \(yes\/no\)/);
  refusing.send("no\r");
  assert.is(await refusing.exit, 2);
  assert.not.ok(model.isTouched);
  const going = new TerminalProgram(args, 200);
  await going.until(/Go on\? \(yes\/no\)/);
  going.send("yes\r");
  assert.is(await going.exit, 0);
  assert.match(going.raw, /100 % waiting for the drive/);
  assert.ok(model.received);
  await Promise.all([refusing.close(), going.close()]);
});

const ROOT_ONLY =
  process.platform !== "linux" || process.getuid?.() !== 0 ? "needs root, to mount a small drive" : undefined;

testUnless(test, ROOT_ONLY, "a drive without room is reported before anything is written", async () => {
  const path = join(FOLDER, "small");
  mkdirSync(path);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=32k", "tmpfs", path]).status !== 0)
    skip("mount is not allowed here");
  try {
    writeFileSync(join(path, "DETAILS.TXT"), `Unique ID: ${UNIQUE_ID.V1}\r\n`);
    const ended = await dsc(["flash", "--image", IMAGE, "--mount", path, "--yes"]);
    assertRefused(ended, 6, /the drive is full; nothing was written/);
    assert.not.ok(existsSync(join(path, "dsc.hex")));
  } finally {
    spawnSync("umount", [path]);
  }
});

const NEVER = new AbortController().signal;

function failing(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(code), { code }));
}

/** Copies the usual image with some of the file operations replaced. */
async function copyWith(files: Partial<DriveFiles>, signal = NEVER): Promise<boolean> {
  const chosen = lookAt(drive({ ends: "never" }).path) as Drive;
  return copyToDrive(chosen, readFileSync(IMAGE), { signal, files: { ...DRIVE_FILES, ...files } });
}

async function fails(run: Promise<unknown>, code: number, says: RegExp): Promise<void> {
  try {
    await run;
  } catch (error) {
    assert.is(exitCodeOf(error), code, String(error));
    assert.match((error as Error).message, says);
    return;
  }
  assert.unreachable("done");
}

/** Writes normally, except that the write with this number fails. */
function writesUntil(number: number, code: string): Partial<DriveFiles> {
  let count = 0;
  const write = (file: FileHandle, bytes: Uint8Array) =>
    ++count === number ? failing(code)() : DRIVE_FILES.write(file, bytes);
  return { write };
}

test("a drive that is pulled or full in the middle of the copy is reported", async () => {
  for (const number of [1, 3]) {
    await fails(
      copyWith(writesUntil(number, "EIO")),
      1,
      /went away while it was written \(EIO\).*no complete firmware/,
    );
    await fails(copyWith(writesUntil(number, "ENODEV")), 1, /went away while it was written/);
    await fails(copyWith(writesUntil(number, "ENOSPC")), 6, /is full; the board may have no complete firmware/);
  }
  await fails(copyWith({ sync: failing("ENOSPC") }), 6, /is full/);
});

test("if a drive cannot be opened, the error says that nothing was written", async () => {
  await fails(copyWith({ open: failing("ENOENT") }), 3, /went away \(ENOENT\); nothing was written/);
  await fails(copyWith({ open: failing("EROFS") }), 6, /cannot be written to \(EROFS\); nothing was written/);
  await fails(copyWith({ open: failing("ENOSPC") }), 6, /is full; nothing was written/);
  await fails(copyWith({ free: () => Promise.resolve(1000) }), 6, /is full; nothing was written/);
  assert.ok(await copyWith({ free: failing("ENOSYS") }));
});

test("an interrupted copy stops and leaves no file", async () => {
  const abort = new AbortController();
  const model = drive({ ends: "never" });
  const write = (file: FileHandle, bytes: Uint8Array) => {
    abort.abort();
    return DRIVE_FILES.write(file, bytes);
  };
  const files = { ...DRIVE_FILES, write };
  await fails(copyToDrive(lookAt(model.path) as Drive, BYTES, { signal: abort.signal, files }), 130, /interrupted/);
  assert.not.ok(model.isTouched);
});

test("if the sync fails, the board's remount count decides", async () => {
  const waiting = { signal: NEVER, synced: false, find: () => [] };
  const counting = drive();
  const before = lookAt(counting.path) as Drive;
  assert.not.ok(await copyToDrive(before, readFileSync(IMAGE), failingSync()));
  assert.ok(await awaitReturn(before, { ...waiting, time: DEADLINE }));

  const silent = drive({ remounts: null });
  const old = lookAt(silent.path) as Drive;
  assert.not.ok(await copyToDrive(old, readFileSync(IMAGE), failingSync()));
  await fails(awaitReturn(old, { ...waiting, time: DEADLINE }), 1, /went away while it was written/);

  const pulled = drive({ ends: "never" });
  const gone = lookAt(pulled.path) as Drive;
  pulled.close();
  await fails(awaitReturn(gone, { ...waiting, time: 300 }), 1, /went away while it was written/);
});

function failingSync() {
  return { signal: NEVER, files: { ...DRIVE_FILES, sync: failing("EIO") } };
}

test("a drive that comes back at another path is found by its unique ID", async () => {
  const there = drive({ remounts: 4 });
  const before = { ...(lookAt(there.path) as Drive), path: join(FOLDER, "gone"), remounts: 3 };
  const find = () => findDrives([there.path]);
  assert.ok(await awaitReturn(before, { signal: NEVER, synced: true, time: 1000, find }));
});

test("each drive is found once; several need a choice, and none is an error", () => {
  const one = drive();
  const two = drive({ uniqueId: UNIQUE_ID.V1_OTHER });
  const folders = [FOLDER, one.path, join(FOLDER, "none"), one.path, two.path];
  const found = findDrives(folders);
  assert.equal(
    found.map(({ path }) => path),
    [one.path, two.path],
  );
  const message = (drives: Drive[]) => {
    try {
      return chooseDrive(undefined, () => drives).path;
    } catch (error) {
      assert.is(exitCodeOf(error), 3);
      return (error as Error).message;
    }
  };
  assert.is(message(found.slice(0, 1)), one.path);
  assert.match(message([]), /no DAPLink drive found/);
  assert.match(message(found), /more than one board; choose one with --mount/);
  assert.ok([one.path, two.path, UNIQUE_ID.V1, UNIQUE_ID.V1_OTHER].every((part) => message(found).includes(part)));
});

test("the texts of a drive are limited and printable", async () => {
  const model = drive({ uniqueId: "9900[exec reboot]" });
  await assertUntouched(model, flash(model), 3, /no DAPLink drive/);
  const escaping = lookAt(drive({ failed: "\u001b[2Jbad" }).path);
  assert.is(escaping?.failure, "?[2Jbad (transient, user)");
});

test("the list of mounts is read as fstab(5) defines it", () => {
  const mounts = [
    "/dev/sda1 / ext4 rw 0 0",
    "/dev/sdb /media/me/MICROBIT vfat rw 0 0",
    "/dev/sdc /media/me/MICRO\\040BIT\\1341 vfat rw 0 0",
    "",
  ];
  assert.equal(fatMounts(mounts.join("\n")), ["/media/me/MICROBIT", "/media/me/MICRO BIT\\1"]);
});

test("the port of a board is the one with its USB serial number, and never another board's", () => {
  const board = { uniqueId: UNIQUE_ID.V1, path: "drive" } as Drive;
  const [a, b, c] = [
    { path: "a" },
    { path: "b", usbSerial: UNIQUE_ID.V2 },
    { path: "c", usbSerial: UNIQUE_ID.V1.toUpperCase() },
  ];
  const uart = { path: "d", usbSerial: "A9007UX1" };
  assert.is(choosePort([a, b, c], undefined, board), "c");
  assert.is(choosePort([a, b], undefined, board), undefined);
  assert.is(choosePort([a, b, c], undefined, undefined), undefined);
  for (const asked of ["a", "c", "d", "unlisted"]) assert.is(choosePort([a, b, c, uart], asked, board), asked);
  assert.throws(() => choosePort([a, b, c], "b", board), /b is the port of another board/);
});

test("the firmware of a module is identified by its hash, also inside an image", () => {
  assert.ok(FIRMWARE);
  assert.is(MODULE.toString("hex", MODULE.indexOf(HASH), MODULE.indexOf(HASH) + 8), FIRMWARE?.hash);
  const other = Buffer.from(MODULE);
  other.writeUInt8((other[MODULE.length - 1] as number) ^ 1, MODULE.length - 1);
  for (const wrong of [other, MODULE.subarray(0, 2000), Buffer.from("nothing"), Buffer.alloc(0)])
    assert.is(firmwareOf(wrong), undefined);
  const firmware = FIRMWARE as NonNullable<typeof FIRMWARE>;
  assert.ok(holdsFirmware([{ address: 0, bytes: BYTES }], firmware));
  assert.not.ok(holdsFirmware([{ address: 0, bytes: imageBytes() }], firmware));
});

/** Runs `run` with this script as the first `openocd` in PATH. */
function withOpenocd<T>(script: string, run: () => Promise<T>): Promise<T> {
  const folder = join(FOLDER, `bin${++scratch}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "openocd"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "openocd"), 0o755);
  return withPath(`${folder}${delimiter}${process.env.PATH}`, run);
}

async function withPath<T>(path: string, run: () => Promise<T>): Promise<T> {
  const before = process.env.PATH;
  process.env.PATH = path;
  try {
    return await run();
  } finally {
    process.env.PATH = before;
  }
}

const OPENOCD_ARGS = ["flash", "--openocd", "--image", IMAGE];
const openocd = (...more: string[]) => dsc([...OPENOCD_ARGS, ...more]);
const GOOD = 'echo "** Programming Started **" >&2; echo "** Verify Started **" >&2; echo "** Verified OK **" >&2';

testUnless(test, NO_UNIX, "openocd programs the checked image and keeps the card's pages", async () => {
  const seen = join(FOLDER, `seen${++scratch}`);
  const script = `echo "$@" > ${seen}; cat dsc.hex > ${seen}.hex; ${GOOD}`;
  const ended = await withOpenocd(script, () => dsc([...OPENOCD_ARGS, "--json"], {}));
  assert.is(ended.code, 0, ended.stderr);
  const { method, erased, checked, drive: none, firmware } = JSON.parse(ended.stdout);
  assert.equal(
    { method, erased, checked, none, firmware },
    { method: "openocd", erased: false, checked: ["read-back"], none: null, firmware: FIRMWARE },
  );
  const { stdout } = await withOpenocd(script, () => openocd());
  assert.is(
    stdout,
    `${WHAT}: programmed, and openocd read it back\n` +
      "Not checked: whether the card starts (--verify asks it).\n" +
      "The card's own pages were left out: a card on it should still have its keys.\n",
  );
  assert.equal(readFileSync(`${seen}.hex`), readFileSync(IMAGE));
  const args = readFileSync(seen, "utf8");
  assert.match(args, /^-f interface\/cmsis-dap\.cfg -f target\/nrf51\.cfg -f flash\.tcl -c .*dsc_flash 0/);
});

testUnless(test, NO_UNIX, "openocd --erase asks like a drive, and --mount selects the board", async () => {
  const seen = join(FOLDER, `seen${++scratch}`);
  const script = `echo "$@" > ${seen}; ${GOOD}`;
  assertRefused(await withOpenocd(script, () => openocd("--erase")), 2, /erases the whole chip/);
  assert.not.ok(existsSync(seen));
  const { path } = drive();
  assert.is((await withOpenocd(script, () => openocd("--erase", "--yes", "--mount", path))).code, 0);
  assert.match(readFileSync(seen, "utf8"), new RegExp(`-c adapter serial ${UNIQUE_ID.V1} .*dsc_flash 1`));
  assertRefused(await dsc(["flash", "--image", IMAGE, "--erase"]), 2, /--erase needs --openocd/);
});

testUnless(test, NO_UNIX, "a failing or missing openocd is an error of one line", async () => {
  const failed = (output: string, status = 1) => withOpenocd(`echo '${output}' >&2; exit ${status}`, () => openocd());
  assertRefused(await failed("Error: unable to find a matching CMSIS-DAP device"), 3, /finds no CMSIS-DAP adapter/);
  assertRefused(await failed("** Programming Started **", 0), 1, /openocd failed.*no complete firmware/);
  assertRefused(await withOpenocd("kill -9 $$", () => openocd()), 1, /openocd failed: it does not say why/);
  const nothing = join(FOLDER, "nothing");
  mkdirSync(nothing);
  assertRefused(await withPath(nothing, () => openocd()), 1, /openocd is not installed/);
});

test("openocd's output is turned into a reason and an exit code", () => {
  const cases: [string, number, RegExp][] = [
    ["Error: dsc: other chip", 3, /does not have the 256 pages of 1 KB .*; nothing was written$/],
    [
      "Warn : JTAG tap: nrf51.cpu       UNEXPECTED: 0x2ba01477\nError:  expected 1 of 1: 0x0bb11477",
      3,
      /not an nRF51 .*nothing was written$/,
    ],
    ["Error: dsc: protected", 1, /protected against reading back; --erase/],
    ["Error: Error connecting DP: cannot read IDR", 3, /does not reach its chip; nothing was written$/],
    ["** Programming Started **\nError: cannot read IDR", 1, /its chip; the board may have no complete firmware/],
    ["dsc: erasing\nError: cannot read IDR", 1, /its chip; the chip may be erased/],
    ["Error: libusb_open() failed with LIBUSB_ERROR_ACCESS", 3, /may not open/],
    ["Error: Can't find interface/cmsis-dap.cfg", 1, /has no interface\/cmsis-dap\.cfg/],
    ["** Verify Started **\nError: checksum mismatch\nError: ** Verify Failed **", 1, /differ from the image/],
    ["Error: UICR cannot be erased separately. Please issue mass erase", 1, /UICR.*--erase/],
    ["Error: failed erasing sectors 0 to 39\nError: ** Programming Failed **", 1, /: failed erasing sectors 0 to 39; /],
    ["", 1, /does not say why; whether anything was written is not known/],
  ];
  for (const [output, code, says] of cases) {
    const error = explainOpenocd(output);
    assert.is(exitCodeOf(error), code, output);
    assert.match(error.message, says);
  }
});

/** For the real openocd: replacements of the commands that need a board, which print what they would do. */
const STUBS = `
proc init {} {}
proc reset {how} { echo "reset $how" }
proc mww {address value} { echo "mww $address $value" }
proc mrw {address} { if {$address == 0x10000010} { return $::env(PAGE_SIZE) }; return $::env(PAGES) }
proc program {args} { echo "** Programming Started **"; echo "program $args"; echo "** Verified OK **" }
`;
const REAL = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "openocd"));
const OPENOCD = REAL.find((path) => existsSync(path));
const NO_OPENOCD = OPENOCD ? undefined : "apt-get install openocd";

/** Runs openocd's script on a chip that reports these sizes. */
async function scripted(pageSize: number, pages: number, ...more: string[]): Promise<Ended & { log: string }> {
  const stubs = join(FOLDER, `stubs${++scratch}.tcl`);
  writeFileSync(stubs, STUBS);
  const environment = `PAGE_SIZE=${pageSize} PAGES=${pages}`;
  const script = `${environment} ${OPENOCD} -f ${stubs} "$@" > ${stubs}.log 2>&1; status=$?; cat ${stubs}.log; exit $status`;
  const ended = await withOpenocd(script, () => openocd("--yes", ...more));
  return { ...ended, log: readFileSync(`${stubs}.log`, "utf8") };
}

packageTest(test, NO_OPENOCD, "openocd's script checks the chip before it writes", async () => {
  const good = await scripted(0x400, 256);
  assert.is(good.code, 0, good.log);
  assert.match(good.log, /reset halt\n\*\* Programming Started \*\*\nprogram dsc\.hex verify reset\n/);
  assert.not.match(good.log, /^mww /m);
  for (const [pageSize, pages, code, says] of [
    [4096, 128, 3, /does not have the 256 pages/],
    [1024, 128, 3, /does not have the 256 pages/],
    [0, 0, 1, /protected against reading back/],
  ] as const) {
    const ended = await scripted(pageSize, pages);
    assertRefused(ended, code, says);
    assert.not.match(ended.log, /^(program|mww) /m);
  }
  const erased = await scripted(0, 0, "--erase");
  assert.is(erased.code, 0, erased.log);
  assert.match(erased.log, /mww 0x4001e504 2\nmww 0x4001e50c 1\nmww 0x4001e504 0\nreset halt\n.*\nprogram/);
  assert.not.match((await scripted(4096, 128, "--erase")).log, /^(program|mww) /m);
});

test("completion has the command and its options", async () => {
  const { stdout } = await dsc(["completion", "bash"]);
  assert.match(stdout, /'flash'\) words='.*--mount.*--openocd/);
});

test.after(() => rmSync(join(FOLDER, "small"), { recursive: true, force: true }));

test.run();
