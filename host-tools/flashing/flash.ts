// Flashing a board: checks the image, finds the board, writes, and checks what the card reports afterwards.

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CardStatus } from "../card/cardclient.js";
import { BadAnswer, CardRefused, NoAnswer, NoCard, OtherProtocol } from "../card/errors.js";
import { isUnreached } from "../card/failures.js";
import { type ListedPort, listPortsWithSerials, readStatusAt } from "../card/port.js";
import { CheckFailed, FileError, NoBoard, PortError, UsageError } from "../files/errors.js";
import { readWhole } from "../files/files.js";
import { BUILD, IS_CHECKOUT } from "../files/project.js";
import { saying, sayWaiting } from "../files/waiting.js";
import { awaitReturn, chooseDrive, copyToDrive, type Drive, findDrives, lookAt } from "./daplink.js";
import { type Firmware, firmwareOf, holdsFirmware } from "./firmwarehash.js";
import { type Block, HexError, parseIntelHex } from "./intelhex.js";
import { boardOf, checkImage, ImageError } from "./nrf51.js";
import { flashWithOpenocd } from "./openocd.js";

/** The request. */
export interface FlashRequest {
  readonly board: string;
  /** Intel HEX; default: the board's image. */
  readonly image?: string;
  /** Use the board's production image instead of the development image. */
  readonly production?: boolean;
  /** The board's drive; default: found. */
  readonly mount?: string;
  readonly openocd?: boolean;
  /** Erase the whole chip, with openocd. */
  readonly erase?: boolean;
  /** The board's serial port; default: found. */
  readonly port?: string;
  readonly verify?: boolean;
  /** The user has already confirmed that a card may be lost. */
  readonly yes?: boolean;
  /** How long to wait for the drive to come back (s). */
  readonly timeout: number;
}

/** Reports progress: a stage, and the bytes of the image done so far. */
export type OnProgress = (stage: string, bytes?: number) => void;

const MODULE = join(BUILD, "dsc.wasm");

const HOW_TO_MATCH = IS_CHECKOUT ? "npm run board" : "take an image of this release";

/** Many times the size of the chip's flash. */
const LARGEST_IMAGE = 16 * 1024 * 1024;

const DAPLINK_SERIAL = /^[0-9a-f]{48}$/i;

/** The time that the port of a freshly flashed board may take to appear (ms). */
const PORT_TIME = 15_000;
const PORT_POLL = 500;

/** Other firmware on a board may answer anything. */
const NO_CARD = [NoCard, NoAnswer, OtherProtocol, BadAnswer, CardRefused];

/** A checked image. */
export interface Image {
  readonly path: string;
  readonly text: Buffer;
  /** The number of bytes that it writes to the chip. */
  readonly bytes: number;
  /** The firmware in the image; undefined if it is not that of build/dsc.wasm. */
  readonly firmware: Firmware | undefined;
  /** The board that it names; undefined if it names none. */
  readonly board: string | undefined;
}

/** The destination. */
export interface Target {
  readonly drive: Drive | undefined;
  readonly port: string | undefined;
  /** The board's USB serial number, for openocd; undefined: openocd takes the first board that it finds. */
  readonly adapter: string | undefined;
  /** The whole chip is erased, including the card. */
  readonly erases: boolean;
  /** The board's DAPLink reports that it erases only the pages that it writes to. */
  readonly byPage: boolean;
}

/** Reads and checks an image. Throws a FileError if it must not go onto the board. */
export function readImage({ board, image, production, verify }: FlashRequest): Image {
  const kind = production ? "production" : "development";
  const path = image ?? relative(".", join(BUILD, "board", board, kind, "dsc.hex"));
  const text = readFile(path, image === undefined ? howToGet(production) : undefined);
  const blocks = checked(path, text);
  const firmware = firmwareIn(blocks);
  const named = boardOf(blocks);
  if (named === undefined ? firmware : named !== board)
    throw new FileError(`${path}: an image for ${named ? `the board "${named}"` : "another board"}, not for ${board}`);
  if (!firmware && verify)
    throw new UsageError(`${path}: not the firmware of build/dsc.wasm, so nothing to verify against; ${HOW_TO_MATCH}`);
  return { path, text, bytes: blocks.reduce((sum, { bytes }) => sum + bytes.length, 0), firmware, board: named };
}

/** How to get the board's own image. */
function howToGet(production = false): string {
  if (IS_CHECKOUT) return `make it with: npm run board${production ? " -- --production" : ""}`;
  return "name one with --image; every release has the images of the boards";
}

/** `remedy`: the advice if the file is missing and the user did not name one. */
function readFile(path: string, remedy: string | undefined): Buffer {
  try {
    return readWhole(path, LARGEST_IMAGE);
  } catch (error) {
    if (!(error instanceof FileError) || error.reason !== "missing" || remedy === undefined) throw error;
    throw new FileError(`${error.message}; ${remedy}`, "missing");
  }
}

function checked(path: string, text: Buffer): Block[] {
  try {
    const blocks = parseIntelHex(text.toString("latin1"));
    checkImage(blocks);
    return blocks;
  } catch (error) {
    if (!(error instanceof HexError || error instanceof ImageError)) throw error;
    throw new FileError(`${path}: ${error.message}`);
  }
}

function firmwareIn(blocks: readonly Block[]): Firmware | undefined {
  const firmware = firmwareOf(readFileSync(MODULE));
  return firmware && holdsFirmware(blocks, firmware) ? firmware : undefined;
}

/** Decides which board to flash. Throws NoBoard or PortError if that is not clear. */
export async function findTarget(options: FlashRequest): Promise<Target> {
  const drive = options.openocd ? driveOfAdapter(options.mount) : chooseDrive(options.mount);
  const ports = await listPortsWithSerials();
  const port = choosePort(ports, options.port, drive);
  if (options.verify && port === undefined && ports.length === 0)
    throw new PortError("--verify: this computer has no serial port to ask the card at (--port)");
  const usbSerial = ports.find(({ path }) => path === port)?.usbSerial ?? "";
  const adapter = drive?.uniqueId ?? (DAPLINK_SERIAL.test(usbSerial) ? usbSerial : undefined);
  const byPage = !options.openocd && drive?.pageErasing === true;
  return { drive, port, adapter, erases: !options.openocd || options.erase === true, byPage };
}

/** openocd needs no drive, but a drive identifies the board. */
function driveOfAdapter(mount: string | undefined): Drive | undefined {
  return mount === undefined && findDrives().length === 0 ? undefined : chooseDrive(mount);
}

/** The requested port, otherwise that of the board with this drive. Throws if it belongs to another board. */
export function choosePort(
  ports: readonly ListedPort[],
  asked: string | undefined,
  drive: Drive | undefined,
): string | undefined {
  if (!drive) return asked;
  if (asked === undefined) return ports.find(({ usbSerial }) => usbSerial?.toLowerCase() === drive.uniqueId)?.path;
  const other = ports.find(({ path, usbSerial }) => path === asked && isOther(usbSerial, drive));
  if (other)
    throw new NoBoard(
      `${asked} is the port of another board (${other.usbSerial}) than ${drive.path}; name the right one with --port`,
    );
  return asked;
}

/** Serial numbers of other makes do not identify a DAPLink board. */
function isOther(usbSerial: string | undefined, { uniqueId }: Drive): boolean {
  return usbSerial?.length === uniqueId.length && usbSerial.toLowerCase() !== uniqueId;
}

/**
 * The status of the card at the board's port; undefined if none answers or it is not needed. A requested port that
 * cannot be used is an error before anything is written.
 */
export async function askCard({ port, erases }: Target, options: FlashRequest): Promise<CardStatus | undefined> {
  const isNeeded = options.port !== undefined || options.verify === true;
  if (port === undefined || !(isNeeded || (erases && !options.yes))) return undefined;
  try {
    return await readStatusAt(port);
  } catch (error) {
    const isNoCard = NO_CARD.some((known) => error instanceof known);
    if (isNoCard || (error instanceof PortError && !isNeeded)) return undefined;
    throw error;
  }
}

/** Writes the image. Returns whether the board confirmed it; throws if the board reported a failure. */
export function writeImage(
  image: Image,
  target: Target,
  request: FlashRequest,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<boolean> {
  const write = request.openocd ? viaOpenocd : viaDrive;
  return write(image, target, request, signal, onProgress);
}

async function viaDrive(
  image: Image,
  { drive: chosen }: Target,
  request: FlashRequest,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<boolean> {
  // The user may have taken long to confirm.
  const drive = chosen && lookAt(chosen.path);
  if (!drive || drive.uniqueId !== chosen.uniqueId)
    throw new NoBoard(`${chosen?.path}: the drive went away; nothing was written`);
  onProgress("copying", 0);
  const copied = (bytes: number) => onProgress(bytes < image.text.length ? "copying" : "onto the board", bytes);
  const synced = await copyToDrive(drive, image.text, { signal, onProgress: copied });
  onProgress("waiting for the drive");
  const wait = `the board's drive to go away and come back (for up to ${request.timeout} s)`;
  const time = request.timeout * 1000;
  return saying(
    () => sayWaiting(wait),
    () => awaitReturn(drive, { signal, synced, time }),
  );
}

async function viaOpenocd(
  image: Image,
  { adapter }: Target,
  request: FlashRequest,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<boolean> {
  const stages = ["erasing", "programming", "verifying"];
  const step = image.text.length / stages.length;
  const onStage = (stage: string) => onProgress(stage, stages.indexOf(stage) * step);
  await flashWithOpenocd(image.text, { signal, erase: request.erase === true, adapter, onStage });
  return true;
}

/** If the drive does not come back, only the card can tell, and a card that still has keys was never erased. */
export function checkWithoutDrive(found: Found | undefined, { byPage }: Target, { timeout }: FlashRequest): void {
  if (!found)
    throw new CheckFailed(
      `the drive did not come back within ${timeout} s: it is unknown whether the board is done; plug it in again, ` +
        "look for FAIL.TXT, or ask the card (dsc info)",
    );
  if (found.status.life !== "blank" && !byPage)
    throw new CheckFailed(`the card is still ${found.status.life}: the board did not take the image`);
}

/** A card, and the port that it is on. */
export interface Found {
  readonly port: string;
  readonly status: CardStatus;
}

/** The card's status once it has come back. Throws if it has other firmware than the image, or does not answer. */
export async function verify({ firmware }: Image, { port, drive }: Target): Promise<Found> {
  const found = await saying(
    () => sayWaiting(`a card to answer on the board (for up to ${PORT_TIME / 1000} s)`),
    () => findOnceThere(() => (port === undefined ? findOnlyCard(drive) : findAt(port))),
  );
  const { version, hash } = found.status.firmware;
  if (version !== firmware?.version || hash !== firmware.hash)
    throw new CheckFailed(`the card has firmware ${version}, ${hash}, not ${firmware?.version}, ${firmware?.hash}`);
  return found;
}

/** The port may disappear and come back with the drive. */
async function findOnceThere(find: () => Promise<Found>): Promise<Found> {
  for (const end = Date.now() + PORT_TIME; ; await sleep(PORT_POLL)) {
    try {
      return await find();
    } catch (error) {
      const again = isUnreached(error) && Date.now() < end;
      if (!again) throw error;
    }
  }
}

async function findAt(port: string): Promise<Found> {
  return { port, status: await readStatusAt(port) };
}

/** The only card, at no port of another board. */
async function findOnlyCard(drive: Drive | undefined): Promise<Found> {
  const ports = (await listPortsWithSerials()).filter(({ usbSerial }) => !(drive && isOther(usbSerial, drive)));
  const tried = await Promise.allSettled(ports.map(({ path }) => findAt(path)));
  const [found, ...others] = tried.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  if (!found) throw new PortError("no card answers at any serial port; which is the board's? (--port)");
  if (others.length > 0)
    throw new UsageError("--verify: cards answer at several ports; which is the board's? (--port)");
  return found;
}
