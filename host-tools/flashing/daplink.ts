// The drive of a board's DAPLink: finds it, writes to it, and reads the result.
//
//   copy, sync | the board erases the chip and programs it | the drive leaves | it comes back, with FAIL.TXT
//                                                                             | or without: programmed
//
// The board counts how often its drive came back (DETAILS.TXT, "Remount count"). The count distinguishes a drive that
// left unseen from one that never left, and a finished board from one that was unplugged, which counts from 0 again.

import { constants, existsSync, readdirSync } from "node:fs";
import { type FileHandle, open, rm, statfs } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CheckFailed, FileError, NoBoard } from "../files/errors.js";
import { readWhole } from "../files/files.js";
import { Interrupted } from "../files/interruption.js";

/** A drive's report about its board. */
export interface Drive {
  readonly path: string;
  /** The board's unique number, in hexadecimal, which is also its USB serial number. */
  readonly uniqueId: string;
  /** In bootloader mode a copied file goes into DAPLink's own chip. */
  readonly bootloader: boolean;
  /** DAPLink erases only the pages that it writes to, not the whole chip. */
  readonly pageErasing: boolean;
  /** How often the drive has come back since power-on. Old versions of DAPLink do not report it. */
  readonly remounts: number | undefined;
  /** The contents of FAIL.TXT; undefined if there is none. */
  readonly failure: string | undefined;
}

/** The first four digits of a unique ID: the kind of board. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["9900", "BBC micro:bit V1"],
  ["9901", "BBC micro:bit V1"],
  ["9903", "BBC micro:bit V2"],
  ["9904", "BBC micro:bit V2"],
  ["9905", "BBC micro:bit V2"],
  ["9906", "BBC micro:bit V2"],
]);
const WANTED_KIND = "BBC micro:bit V1";

/** It is passed to openocd's interpreter, so it must be only a number. */
const UNIQUE_ID = /^[0-9a-f]{8,64}$/;
const MAINTENANCE = /^MAINTENANCE/;
const IMAGE_NAME = "dsc.hex";
const CHUNK_SIZE = 16_384;
const POLL_TIME = 100;
const LONGEST_FAILURE = 300;
/** The most bytes that are read of DETAILS.TXT and similar files, many times their size. */
const LONGEST_TEXT = 65_536;

// Windows has no O_NONBLOCK.
const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK = 0 } = constants;

/** The DAPLink drives in these folders, each board once. */
export function findDrives(folders: readonly string[] = mountPoints()): Drive[] {
  const drives = folders.flatMap((folder) => lookAt(folder) ?? []);
  return [...new Map(drives.toReversed().map((drive) => [drive.uniqueId, drive])).values()].toReversed();
}

/** The drive in a folder; undefined if there is no DAPLink drive, or it cannot be read right now. */
export function lookAt(path: string): Drive | undefined {
  const details = readText(join(path, "DETAILS.TXT"));
  const values = details === undefined ? undefined : parseDetails(details);
  const uniqueId = values?.get("unique id")?.toLowerCase() ?? "";
  if (!values || !UNIQUE_ID.test(uniqueId)) return undefined;
  const remounts = Number(values.get("remount count") || Number.NaN);
  return {
    path,
    uniqueId,
    bootloader: values.get("daplink mode")?.toLowerCase() === "bootloader" || MAINTENANCE.test(basename(path)),
    pageErasing: values.get("page erasing") === "1",
    remounts: Number.isInteger(remounts) ? remounts : undefined,
    failure: readFailure(path),
  };
}

/** The lines "name: value" of DETAILS.TXT; names in lower case. */
function parseDetails(text: string): Map<string, string> {
  const lines = text.matchAll(/^([^:#\r\n]+):[ \t]*([^\r\n]*)/gm);
  return new Map([...lines].map(([, name = "", value = ""]) => [name.trim().toLowerCase(), value.trim()]));
}

/** The kind of board, for people. */
function kindOf({ uniqueId }: Drive): string {
  const id = uniqueId.slice(0, 4);
  return KINDS.get(id) ?? `board of kind ${id}`;
}

/** The drive to copy to: the one at `mount`, or the only one. Throws NoBoard. */
export function chooseDrive(mount: string | undefined, find: () => Drive[] = findDrives): Drive {
  const drive = mount === undefined ? onlyOne(find()) : (lookAt(mount) ?? refuseFolder(mount));
  if (drive.bootloader)
    throw new NoBoard(`${drive.path}: the board is in MAINTENANCE mode; plug it in again without holding its button`);
  if (kindOf(drive) !== WANTED_KIND)
    throw new NoBoard(`${drive.path}: a ${kindOf(drive)}; the image is for a ${WANTED_KIND}`);
  return drive;
}

function refuseFolder(mount: string): never {
  const reason = existsSync(mount) ? "no DAPLink drive (it has no DETAILS.TXT with a unique ID)" : "no such folder";
  throw new NoBoard(`${mount}: ${reason}`);
}

function onlyOne(drives: readonly Drive[]): Drive {
  const [drive, ...others] = drives;
  if (!drive) throw new NoBoard("no DAPLink drive found: plug the board in, mount its drive, or say where (--mount)");
  if (others.length > 0) {
    const list = drives.map((each) => `${each.path} (${kindOf(each)}, ${each.uniqueId})`).join(", ");
    throw new NoBoard(`more than one board; choose one with --mount: ${list}`);
  }
  return drive;
}

/** Where drives may be mounted on this computer. */
function mountPoints(): string[] {
  if (process.platform === "win32") return [..."DEFGHIJKLMNOPQRSTUVWXYZ"].map((letter) => `${letter}:\\`);
  if (process.platform === "darwin") return inside("/Volumes");
  const automatic = ["/media", "/run/media"].flatMap((parent) =>
    inside(parent).flatMap((user) => [user, ...inside(user)]),
  );
  return [...new Set([...fatMounts(readText("/proc/self/mounts") ?? ""), ...automatic])];
}

/** Where FAT file systems are mounted, from the text of /proc/self/mounts (fstab(5)). */
export function fatMounts(mounts: string): string[] {
  const fields = mounts.split("\n").map((line) => line.split(" "));
  return fields.flatMap(([, path, type]) => (path && /^(vfat|msdos)$/.test(type ?? "") ? [unescaped(path)] : []));
}

/** Blanks and similar characters are octal escapes there. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function inside(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readWhole(path, LONGEST_TEXT).toString();
  } catch {
    return undefined;
  }
}

/** "error" and "type" of FAIL.TXT in one line. */
function readFailure(path: string): string | undefined {
  const text = readText(join(path, "FAIL.TXT"));
  if (text === undefined) return undefined;
  const values = parseDetails(text);
  const error = values.get("error") ?? text.trim().replace(/\s+/g, " ");
  const type = values.get("type");
  return printable(type ? `${error} (${type})` : error);
}

/** A drive's text for a terminal. */
function printable(text: string): string {
  return text.slice(0, LONGEST_FAILURE).replace(/[^ -~]/g, "?");
}

/** The drive operations that are used, so that a test can fail at each. They throw like node:fs. */
export interface DriveFiles {
  /** Free space (bytes). */
  free(folder: string): Promise<number>;
  open(path: string): Promise<FileHandle>;
  write(file: FileHandle, bytes: Uint8Array): Promise<void>;
  sync(file: FileHandle): Promise<void>;
  remove(path: string): Promise<void>;
}

export const DRIVE_FILES: DriveFiles = {
  free: async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  // Not blocking, since a folder that is no drive may have a pipe of that name.
  open: (path) => open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK),
  write: (file, bytes) => file.writeFile(bytes),
  sync: (file) => file.sync(),
  remove: (path) => rm(path, { force: true }),
};

export interface CopyOptions {
  readonly signal: AbortSignal;
  /** Called with the bytes written so far. */
  readonly onProgress?: (bytes: number) => void;
  readonly files?: DriveFiles;
}

/**
 * Copies an image to the drive. Returns whether the system confirmed the whole copy. A board that is done may remove
 * its drive before that, so awaitReturn() decides.
 */
export async function copyToDrive(drive: Drive, image: Uint8Array, options: CopyOptions): Promise<boolean> {
  const { files = DRIVE_FILES } = options;
  const path = join(drive.path, IMAGE_NAME);
  const file = await openOn(drive, image.length, path, files);
  try {
    await writeAll(file, image, options);
    return await synced(file, files);
  } catch (error) {
    await files.remove(path).catch(() => {});
    throw error instanceof Interrupted ? error : explained(drive, error as NodeJS.ErrnoException);
  } finally {
    await file.close().catch(() => {});
  }
}

async function openOn(drive: Drive, size: number, path: string, files: DriveFiles): Promise<FileHandle> {
  try {
    if ((await files.free(drive.path).catch(() => Number.POSITIVE_INFINITY)) < size)
      throw full(drive, "nothing was written");
    return await files.open(path);
  } catch (error) {
    if (error instanceof FileError) throw error;
    const { code = "failed" } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC") throw full(drive, "nothing was written");
    if (["EACCES", "EPERM", "EROFS"].includes(code))
      throw new FileError(`${drive.path}: the drive cannot be written to (${code}); nothing was written`, "denied");
    throw new NoBoard(`${drive.path}: the drive went away (${code}); nothing was written`);
  }
}

async function writeAll(file: FileHandle, image: Uint8Array, options: CopyOptions): Promise<void> {
  const { signal, onProgress, files = DRIVE_FILES } = options;
  for (let at = 0; at < image.length; at += CHUNK_SIZE) {
    if (signal.aborted) throw new Interrupted();
    await files.write(file, image.subarray(at, at + CHUNK_SIZE));
    onProgress?.(Math.min(at + CHUNK_SIZE, image.length));
  }
}

/** Synced only once, at the end: DAPLink needs the file's bytes in order and without other writes in between. */
async function synced(file: FileHandle, files: DriveFiles): Promise<boolean> {
  try {
    await files.sync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") throw error;
    return false;
  }
}

function explained(drive: Drive, error: NodeJS.ErrnoException): Error {
  if (error.code === "ENOSPC") return full(drive, "the board may have no complete firmware");
  return wentAway(drive, error.code);
}

function full({ path }: Drive, consequence: string): FileError {
  return new FileError(`${path}: the drive is full; ${consequence}`, "full");
}

function wentAway({ path }: Drive, code?: string): CheckFailed {
  const because = code ? ` (${code})` : "";
  return new CheckFailed(
    `${path}: the drive went away while it was written${because}; the board may have no complete firmware; copy again`,
  );
}

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** How long to wait for the drive (ms). */
  readonly time: number;
  /** Whether the copy certainly reached the drive. */
  readonly synced: boolean;
  readonly find?: () => Drive[];
}

/**
 * Waits until the drive has left and come back, and returns whether it did. Throws CheckFailed if the board reports a
 * failure, was unplugged, or took only a part.
 */
export async function awaitReturn(before: Drive, options: WaitOptions): Promise<boolean> {
  const { signal, time, synced, find = findDrives } = options;
  const end = Date.now() + time;
  let left = false;
  while (Date.now() < end) {
    if (signal.aborted) throw new Interrupted();
    const now = findAgain(before, find);
    left ||= now === undefined;
    if (now && hasReturned(before, now, left)) {
      judge(before, now, synced);
      return true;
    }
    await sleep(POLL_TIME);
  }
  if (!synced) throw wentAway(before);
  // The drive left, but its count did not change.
  if (left && lookAt(before.path)) throw unplugged();
  return false;
}

/** The drive of the same board, which may have another name now. */
function findAgain({ path, uniqueId }: Drive, find: () => Drive[]): Drive | undefined {
  const same = (drive: Drive | undefined) => drive?.uniqueId === uniqueId;
  const here = lookAt(path);
  return same(here) ? here : find().find(same);
}

/** A board without a count is believed if its drive was seen to leave. */
function hasReturned(before: Drive, now: Drive, left: boolean): boolean {
  return hasCounts(before, now) ? now.remounts !== before.remounts : left;
}

function hasCounts(before: Drive, now: Drive): boolean {
  return before.remounts !== undefined && now.remounts !== undefined;
}

function judge(before: Drive, now: Drive, synced: boolean): void {
  if (now.failure !== undefined)
    throw new CheckFailed(`the board refused the image or failed: ${now.failure}; it may have no complete firmware`);
  const counts = hasCounts(before, now);
  if (counts && (now.remounts as number) < (before.remounts as number)) throw unplugged();
  // Without a count, a drive that failed and came back may also have been unplugged.
  if (!synced && !counts) throw wentAway(before);
}

function unplugged(): CheckFailed {
  return new CheckFailed("the board was unplugged before it was done; it may have no complete firmware; copy again");
}
