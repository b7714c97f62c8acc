// `dsc flash`: puts the firmware onto a board, by its drive or through openocd, and says what came of it.

import { basename } from "node:path";
import { type Command, Option } from "commander";
import type { CardStatus } from "../cardclient.js";
import { UsageError } from "../errors.js";
import {
  askCard,
  checkWithoutDrive,
  type FlashRequest,
  type Found,
  findTarget,
  type Image,
  type OnProgress,
  readImage,
  type Target,
  verify,
  writeImage,
} from "../flash.js";
import { leaving } from "../interruption.js";
import { show, warn } from "../output.js";
import { startBar } from "../progress.js";
import { askYes, isInteractive } from "../prompt.js";
import { printing, wholeNumber } from "./options.js";

interface Options extends FlashRequest {
  readonly json?: boolean;
}

const BOARDS = ["microbit"];
const HALF = "the board may hold half an image; flash it again";
const UNVERIFIED = "the board has the image, but nobody asked it";

const LONGEST_STAGE = "100 % waiting for the drive";

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

async function run(options: Options, command: Command): Promise<void> {
  if (options.erase && !options.openocd) throw new UsageError("--erase goes with --openocd; the drive erases anyhow");
  const image = readImage(options);
  if (!image.firmware) warn(`${image.path}: not the firmware of build/dsc.wasm; which one it is is not known`);
  const target = await findTarget(options);
  const status = await askCard(target, options);
  if (target.erases && !options.yes) await confirmLoss(status, target);
  if (!options.json) describeStart(image, target);
  const returned = await leaving(HALF, () => flash(image, target, options));
  const found = options.verify ? await leaving(UNVERIFIED, () => verify(image, target)) : undefined;
  if (!returned) checkWithoutDrive(found, target, options);
  report(image, target, found, options, command);
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

/** On a terminal, a bar while it works. Ctrl-C ends it. */
async function flash(image: Image, target: Target, options: Options): Promise<boolean> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  const size = image.text.length;
  const bar = options.json ? undefined : startBar("{percentage} % {stage}", LONGEST_STAGE.length, size, { stage: "" });
  const onProgress: OnProgress = (stage, bytes) =>
    bytes === undefined ? bar?.update({ stage }) : bar?.update(bytes, { stage });
  try {
    return await writeImage(image, target, options, abort.signal, onProgress);
  } finally {
    bar?.stop();
    process.off("SIGINT", stop);
  }
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
