// `dsc flash`: puts the firmware onto a board, by its drive or through openocd, and says what came of it.

import { readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { SingleBar } from "cli-progress";
import { type Command, Option } from "commander";
import { BadAnswer, CardRefused } from "../apdu.js";
import type { CardStatus } from "../cardclient.js";
import { awaitReturn, chooseDrive, copyToDrive, type Drive, findDrives, lookAt } from "../daplink.js";
import { CheckFailed, NoBoard, PortError, UsageError } from "../errors.js";
import { Exit, exitCodeOf } from "../exit.js";
import { FileError } from "../files.js";
import { type Firmware, firmwareOf, holdsFirmware } from "../firmwarehash.js";
import { type Block, HexError, parseIntelHex } from "../intelhex.js";
import { leaving } from "../interruption.js";
import { NoAnswer, OtherProtocol } from "../link.js";
import { checkImage, ImageError } from "../nrf51.js";
import { flashWithOpenocd } from "../openocd.js";
import { show, warn } from "../output.js";
import { type ListedPort, listPortsWithSerials, NoCard, readStatusAt } from "../port.js";
import { startBar } from "../progress.js";
import { askYes, isInteractive } from "../prompt.js";
import { printing, wholeNumber } from "./options.js";

interface Options {
  board: string;
  image?: string;
  mount?: string;
  openocd?: boolean;
  erase?: boolean;
  port?: string;
  verify?: boolean;
  yes?: boolean;
  timeout: number;
  json?: boolean;
}

const BOARDS = ["microbit"];
/** This file runs from build/js/host-tools/commands. */
const BUILD = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const MODULE = join(BUILD, "dsc.wasm");

const DAPLINK_SERIAL = /^[0-9a-f]{48}$/i;

/** How long the port of a board that was just flashed may take to come (ms). */
const PORT_TIME = 15_000;
const PORT_POLL = 500;

/** Whatever else runs on a board may answer anything. */
const NO_CARD = [NoCard, NoAnswer, OtherProtocol, BadAnswer, CardRefused];

const HALF = "the board may hold half an image; flash it again";
const UNVERIFIED = "the board has the image, but nobody asked it";

const BLANK = "The card is blank (NO KEY): dsc personalize gives it a key.";

const EXAMPLES = [
  "dsc flash",
  "dsc flash --mount /media/me/MICROBIT --port /dev/ttyACM0 --verify",
  "dsc flash --openocd --image release.hex --json",
];
const NOTES = `
A copy to the drive erases the whole chip: a card on it loses its key and comes back as NO KEY. At a terminal it asks
first; without one --yes is needed, unless the card at the board's port answers that it has no key. --openocd leaves
the card's pages alone, unless --erase is given.

Exit codes here: 1 the board or openocd failed, or the card does not answer as it must; 2 somebody has to say yes;
3 no board, more than one, another kind of board, or a port that is busy; 6 an image that is missing, broken or
for another chip, or a drive that is full.`;

export function register(program: Command): void {
  const command = printing("flash", "put the firmware onto a board", EXAMPLES)
    .addOption(new Option("--board <board>", "the kind of board").choices(BOARDS).default("microbit"))
    .option("--image <file>", "the image, Intel HEX (default: build/board/BOARD/dsc.hex)")
    .addOption(new Option("--mount <dir>", "the board's drive (found by its DETAILS.TXT unless given)"))
    .option("--openocd", "through openocd and the debug port, not by the drive")
    .addOption(new Option("--erase", "with --openocd: erase the whole chip first, protection and card included"))
    .option("--port <path>", "the board's serial port (found by its USB serial number unless given)")
    .option("--verify", "read version and hash over the serial port afterwards")
    .option("--yes", "do not ask")
    .option("--timeout <seconds>", "how long to wait for the drive to come back", wholeNumber(1, 600), 30)
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

/** An image that was checked. */
interface Image {
  readonly path: string;
  readonly text: Buffer;
  /** How many bytes it puts onto the chip. */
  readonly bytes: number;
  /** Which firmware it holds; nothing where that is another one than build/dsc.wasm. */
  readonly firmware: Firmware | undefined;
}

/** What to write to. */
interface Target {
  readonly drive: Drive | undefined;
  readonly port: string | undefined;
  /** The board's USB serial number, for openocd; nothing where that takes the first board that it finds. */
  readonly adapter: string | undefined;
  /** The whole chip is erased, the card with it. */
  readonly erases: boolean;
}

async function run(options: Options, command: Command): Promise<void> {
  if (options.erase && !options.openocd) throw new UsageError("--erase goes with --openocd; the drive erases anyhow");
  const image = readImage(options);
  const target = await findTarget(options);
  const status = await askCard(target, options);
  if (target.erases && !options.yes) await confirmLoss(status, target);
  describeStart(image, target);
  const returned = await leaving(HALF, () => flash(image, target, options));
  const found = options.verify ? await leaving(UNVERIFIED, () => verify(image, target)) : undefined;
  if (!returned) checkWithoutDrive(found, target, options);
  report(image, target, found, options, command);
}

function readImage({ board, image, verify }: Options): Image {
  const path = image ?? relative(".", join(BUILD, "board", board, "dsc.hex"));
  const text = readFile(path, image === undefined);
  const blocks = checked(path, text);
  const firmware = firmwareIn(blocks);
  if (!firmware && verify)
    throw new UsageError(`${path}: not the firmware of build/dsc.wasm, so nothing to verify against; npm run board`);
  if (!firmware) warn(`${path}: not the firmware of build/dsc.wasm; which one it is is not known`);
  return { path, text, bytes: blocks.reduce((sum, { bytes }) => sum + bytes.length, 0), firmware };
}

function readFile(path: string, isOurs: boolean): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = "failed" } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw new FileError(`${path}: cannot read it (${code})`);
    throw new FileError(`${path}: no such file${isOurs ? "; make it with: npm run board" : ""}`, "missing");
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

async function findTarget(options: Options): Promise<Target> {
  const drive = options.openocd ? driveOfAdapter(options.mount) : chooseDrive(options.mount);
  const ports = await listPortsWithSerials();
  const port = choosePort(ports, options.port, drive);
  if (options.verify && port === undefined && ports.length === 0)
    throw new PortError("--verify: this computer has no serial port to ask the card at (--port)");
  const usbSerial = ports.find(({ path }) => path === port)?.usbSerial ?? "";
  const adapter = drive?.uniqueId ?? (DAPLINK_SERIAL.test(usbSerial) ? usbSerial : undefined);
  return { drive, port, adapter, erases: !options.openocd || options.erase === true };
}

/** Through openocd no drive is needed; where there is one it says which board is meant. */
function driveOfAdapter(mount: string | undefined): Drive | undefined {
  return mount === undefined && findDrives().length === 0 ? undefined : chooseDrive(mount);
}

/** The port that was asked for, or else that of the board with this drive. Throws where it is another board's. */
export function choosePort(
  ports: readonly ListedPort[],
  asked: string | undefined,
  drive: Drive | undefined,
): string | undefined {
  if (!drive) return asked;
  if (asked === undefined) return ports.find(({ usbSerial }) => usbSerial?.toLowerCase() === drive.uniqueId)?.path;
  const other = ports.find(({ path, usbSerial }) => path === asked && isOther(usbSerial, drive));
  if (other) throw new NoBoard(`${asked} is the port of another board (${other.usbSerial}) than ${drive.path}`);
  return asked;
}

/** Serial numbers of other makes say nothing about a board of DAPLink. */
function isOther(usbSerial: string | undefined, { uniqueId }: Drive): boolean {
  return usbSerial?.length === uniqueId.length && usbSerial.toLowerCase() !== uniqueId;
}

/**
 * What the card at the board's port says; nothing where none answers, or nobody needs to know. A port that was asked for
 * and cannot be used is an error before anything is written.
 */
async function askCard({ port, erases }: Target, options: Options): Promise<CardStatus | undefined> {
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

/** Nobody loses a card's key without having said so. */
async function confirmLoss(status: CardStatus | undefined, target: Target): Promise<void> {
  if (status?.life === "blank" && status.testKeys) return;
  const loss = describeLoss(status, target);
  if (!isInteractive()) throw new UsageError(`${loss}; if that is meant, say --yes`);
  if (!(await askYes(`${loss}. Go on?`))) throw new UsageError("nothing was written");
}

function describeLoss(status: CardStatus | undefined, { port }: Target): string {
  if (!status) {
    const why = port === undefined ? "no port to ask at, see --port" : `no card answers at ${port}`;
    return `this erases the whole chip, and whether a card with a key is on it is not known (${why})`;
  }
  const keys = status.life === "blank" ? "its transport keys" : "its keys";
  return `this erases the whole chip: the card ${status.serial ?? "there"} (${status.life}) loses ${keys} for good`;
}

function describeStart({ path, bytes, firmware }: Image, { drive, erases }: Target): void {
  const what = firmware ? `firmware ${firmware.version}, ${firmware.hash}` : "firmware not known";
  process.stderr.write(`${basename(path)} (${bytes} bytes, ${what}) to ${drive?.path ?? "the board"}\n`);
  if (erases) process.stderr.write("This erases the whole chip: the card comes back blank and shows NO KEY.\n");
}

/** Returns whether the board said that it is done; throws where it said that it failed. */
async function flash(image: Image, target: Target, options: Options): Promise<boolean> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  const bar = progressBar(image.text.length, options);
  try {
    if (options.openocd) return await viaOpenocd(image, target, options, abort.signal, bar);
    return await viaDrive(image, target.drive as Drive, options, abort.signal, bar);
  } finally {
    bar?.stop();
    process.off("SIGINT", stop);
  }
}

async function viaDrive(image: Image, chosen: Drive, options: Options, signal: AbortSignal, bar?: SingleBar) {
  // Somebody may have thought about it for long.
  const drive = lookAt(chosen.path);
  if (drive?.uniqueId !== chosen.uniqueId)
    throw new NoBoard(`${chosen.path}: the drive went away; nothing was written`);
  bar?.update(0, { stage: "copying" });
  const onProgress = (bytes: number) => {
    bar?.update(bytes, { stage: bytes < image.text.length ? "copying" : "onto the board" });
  };
  const synced = await copyToDrive(drive, image.text, { signal, onProgress });
  bar?.update({ stage: "waiting for the drive" });
  return awaitReturn(drive, { signal, synced, time: options.timeout * 1000 });
}

async function viaOpenocd(image: Image, { adapter }: Target, options: Options, signal: AbortSignal, bar?: SingleBar) {
  const stages = ["erasing", "programming", "verifying"];
  const step = image.text.length / stages.length;
  const onStage = (stage: string) => bar?.update(stages.indexOf(stage) * step, { stage });
  await flashWithOpenocd(image.text, { signal, erase: options.erase === true, adapter, onStage });
  return true;
}

/** On a terminal, a bar while it works. */
function progressBar(size: number, { json }: Options): SingleBar | undefined {
  return json
    ? undefined
    : startBar("{percentage} % {stage}", "100 % waiting for the drive".length, size, { stage: "" });
}

/** Where the drive does not come back, only the card can tell, and one that still has keys was never erased. */
function checkWithoutDrive(found: Found | undefined, { drive }: Target, { timeout }: Options): void {
  if (!found)
    throw new CheckFailed(
      `the drive did not come back within ${timeout} s: whether the board is done is not known; plug it in again, ` +
        "look for FAIL.TXT, or ask the card (dsc info)",
    );
  if (found.status.life !== "blank" && !drive?.pageErasing)
    throw new CheckFailed(`the card is still ${found.status.life}: the board did not take the image`);
}

/** A card, and the port that it is on. */
interface Found {
  readonly port: string;
  readonly status: CardStatus;
}

/** What the card says once it is there again. Throws where that is another firmware than the image's, or nothing. */
async function verify({ firmware }: Image, { port, drive }: Target): Promise<Found> {
  const found = await findOnceThere(() => (port === undefined ? findOnlyCard(drive) : findAt(port)));
  const { version, hash } = found.status.firmware;
  if (version !== firmware?.version || hash !== firmware.hash)
    throw new CheckFailed(`the card has firmware ${version}, ${hash}, not ${firmware?.version}, ${firmware?.hash}`);
  return found;
}

/** The port may go and come back with the drive. */
async function findOnceThere(find: () => Promise<Found>): Promise<Found> {
  for (const end = Date.now() + PORT_TIME; ; await sleep(PORT_POLL)) {
    try {
      return await find();
    } catch (error) {
      const again = exitCodeOf(error) === Exit.PORT && Date.now() < end;
      if (!again) throw error;
    }
  }
}

async function findAt(port: string): Promise<Found> {
  return { port, status: await readStatusAt(port) };
}

/** The only card there is, on no port of another board. */
async function findOnlyCard(drive: Drive | undefined): Promise<Found> {
  const ports = (await listPortsWithSerials()).filter(({ usbSerial }) => !(drive && isOther(usbSerial, drive)));
  const tried = await Promise.allSettled(ports.map(({ path }) => findAt(path)));
  const [found, ...others] = tried.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  if (!found) throw new PortError("no card answers at any serial port; which is the board's? (--port)");
  if (others.length > 0)
    throw new UsageError("--verify: cards answer at several ports; which is the board's? (--port)");
  return found;
}

function report(image: Image, target: Target, found: Found | undefined, options: Options, command: Command): void {
  const { path, bytes, firmware } = image;
  const { drive, erases } = target;
  const method = options.openocd ? "openocd" : "drive";
  const result = { board: options.board, method, drive: drive?.path ?? null, image: path, bytes };
  const { serial = null, life } = found?.status ?? {};
  const card = found ? { port: found.port, serial, state: life } : null;
  const what = firmware ? `firmware ${firmware.version}, ${firmware.hash}` : basename(path);
  const said = found ? `: the card at ${found.port} says so` : "";
  show(command, { ...result, firmware: firmware ?? null, erased: erases, verified: found !== undefined, card }, [
    `${what} is on the board${said}`,
    describeCard(target, found),
  ]);
}

function describeCard({ drive, erases }: Target, found: Found | undefined): string {
  if (found) return found.status.life === "blank" ? BLANK : `The card is ${found.status.life}.`;
  if (!erases) return "A card that was on it keeps what it had.";
  if (drive?.pageErasing)
    return "Its DAPLink is set to erase page by page: a card that was on it may have kept its keys.";
  return BLANK;
}
