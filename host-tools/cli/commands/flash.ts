// `dsc flash`: puts the firmware onto a board, through its drive or openocd, and reports the result.

import { basename } from "node:path";
import { type Command, Option } from "commander";
import type { CardStatus } from "../../card/cardclient.js";
import { UsageError } from "../../files/errors.js";
import { leaving } from "../../files/interruption.js";
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
} from "../../flashing/flash.js";
import { show, warn } from "../output.js";
import { startBar } from "../progress.js";
import { askYes, isInteractive } from "../prompt.js";
import { printing, wholeNumber } from "./options.js";

interface Options extends FlashRequest {
  readonly json?: boolean;
}

const BOARDS = ["microbit"];
const HALF = "the board may hold half an image; flash it again";
const UNVERIFIED = "the image was written, but the card was not asked";

const LONGEST_STAGE = "100 % waiting for the drive";

const PERSONALIZE = "dsc personalize gives it a key.";
const PAGE_ERASING = "Its DAPLink is set to erase page by page: a card that is on it may keep its keys";

const EXAMPLES = [
  "dsc flash",
  "dsc flash --mount /media/me/MICROBIT --port /dev/ttyACM0 --verify",
  "dsc flash --production --verify",
  "dsc flash --openocd --image release.hex --json",
];
const NOTES = `
A copy to the drive erases the whole chip: a card on it loses its key and comes back as NO KEY. At a terminal the
command asks first; without one it needs --yes, unless the card at the board's port answers that it has no key.
--openocd leaves the card's pages alone, unless --erase is given.

The last lines say what was checked: for the drive, that it came back without FAIL.TXT; with --openocd, that the chip's
flash reads back as the image; with --verify, that the card answers with the image's version and hash.

Exit codes here: 1 the board or openocd failed, or the card gives a wrong answer; 2 a confirmation is needed (--yes);
3 no board, more than one, another kind of board, or a port that is busy; 6 an image that is missing, broken or
for another chip, or a drive that is full.`;

export function register(program: Command): void {
  const command = printing("flash", "put the firmware onto a board", EXAMPLES)
    .addOption(new Option("--board <board>", "the kind of board").choices(BOARDS).default("microbit"))
    .option("--image <file>", "the image, Intel HEX (default: build/board/BOARD/development/dsc.hex)")
    .option("--production", "build/board/BOARD/production/dsc.hex instead")
    .addOption(new Option("--mount <dir>", "the board's drive (default: found by its DETAILS.TXT)"))
    .option("--openocd", "flash through openocd and the debug port instead of the drive")
    .addOption(new Option("--erase", "with --openocd: erase the whole chip first, protection and card included"))
    .option("--port <path>", "the board's serial port (default: found by its USB serial number)")
    .option("--verify", "read version and hash over the serial port afterwards")
    .option("--yes", "do not ask")
    .option("--timeout <seconds>", "how long to wait for the drive to come back", wholeNumber(1, 600), 30)
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(options: Options, command: Command): Promise<void> {
  if (options.erase && !options.openocd)
    throw new UsageError("--erase needs --openocd; leave it out, since a copy to the drive always erases");
  if (options.production && options.image)
    throw new UsageError("--production and --image name two images; give one of them");
  const image = readImage(options);
  if (!image.firmware) warn(`${image.path}: not the firmware of build/dsc.wasm, but an unknown one`);
  if (!image.board) warn(`${image.path}: does not say which board it is for; only its addresses were checked`);
  const target = await findTarget(options);
  const status = await askCard(target, options);
  if (target.erases && !options.yes) await confirmLoss(status, target);
  if (!options.json) describeStart(image, target);
  const returned = await leaving(HALF, () => flash(image, target, options));
  const found = options.verify ? await leaving(UNVERIFIED, () => verify(image, target)) : undefined;
  if (!returned) checkWithoutDrive(found, target, options);
  report({ image, target, returned, found }, options, command);
}

/** Nobody loses a card's key without confirming it. */
async function confirmLoss(status: CardStatus | undefined, target: Target): Promise<void> {
  if (status?.life === "blank" && status.testKeys) return;
  const loss = describeLoss(status, target);
  if (!isInteractive()) throw new UsageError(`${loss}; if that is meant, say --yes`);
  if (!(await askYes(`${loss}. Go on?`))) throw new UsageError("nothing was written");
}

function describeLoss(status: CardStatus | undefined, { port }: Target): string {
  if (!status) {
    const why = port === undefined ? "no port to ask at; see --port" : `no card answers at ${port}`;
    return `this erases the whole chip, and it is unknown whether a card with a key is on it (${why})`;
  }
  const keys = status.life === "blank" ? "its transport keys" : "its keys";
  return `this erases the whole chip: the card ${status.serial ?? "there"} (${status.life}) loses ${keys} for good`;
}

function describeStart({ path, bytes, firmware }: Image, { drive, erases, byPage }: Target): void {
  const what = firmware ? `firmware ${firmware.version}, ${firmware.hash}` : "firmware unknown";
  process.stderr.write(`${basename(path)} (${bytes} bytes, ${what}) to ${drive?.path ?? "the board"}\n`);
  if (byPage) process.stderr.write(`${PAGE_ERASING}.\n`);
  else if (erases) process.stderr.write("This erases the whole chip: the card comes back blank and shows NO KEY.\n");
}

/** Flashes the board, with a bar on a terminal. Ctrl-C ends it. */
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

/** The result: reports only what was checked. */
interface Outcome {
  readonly image: Image;
  readonly target: Target;
  /** The board reported that it is done. */
  readonly returned: boolean;
  /** The card that answered. */
  readonly found: Found | undefined;
}

function report(outcome: Outcome, options: Options, command: Command): void {
  const { image, target, found } = outcome;
  const { drive } = target;
  const method = options.openocd ? "openocd" : "drive";
  const { serial = null, life } = found?.status ?? {};
  const result = {
    board: options.board,
    method,
    drive: drive?.path ?? null,
    image: image.path,
    bytes: image.bytes,
    firmware: image.firmware ?? null,
    erased: target.erases && !target.byPage,
    checked: checksOf(outcome, options),
    verified: found !== undefined,
    card: found ? { port: found.port, serial, state: life } : null,
  };
  show(command, result, [
    `${nameOf(image)}: ${[describeWriting(outcome, options), ...describeAnswer(found)].join("; ")}`,
    `Not checked: ${describeUnchecked(outcome, options)}.`,
    describeCard(target, found),
  ]);
}

/** For programs: the checks that passed. */
function checksOf({ returned, found }: Outcome, { openocd }: Options): string[] {
  const written = openocd ? ["read-back"] : returned ? ["drive"] : [];
  return [...written, ...(found ? ["card"] : [])];
}

function nameOf({ path, firmware }: Image): string {
  return firmware ? `firmware ${firmware.version}, ${firmware.hash}` : basename(path);
}

function describeWriting({ returned }: Outcome, { openocd }: Options): string {
  if (openocd) return "programmed, and openocd read it back";
  if (returned) return "copied, and the board's drive came back without FAIL.TXT";
  return "copied, but the board's drive did not come back";
}

function describeAnswer(found: Found | undefined): string[] {
  return found ? [`the card at ${found.port} answers with this version and hash`] : [];
}

/** What was not checked, and how to check it. */
function describeUnchecked({ image, returned, found }: Outcome, { openocd }: Options): string {
  const contents = "what the chip's flash holds (--openocd reads it back)";
  if (!returned) return "whether the board took this copy, or had this firmware before";
  if (found) return openocd ? "buttons and screen (dsc test)" : contents;
  const start = `whether the card starts${image.firmware ? " (--verify asks it)" : ""}`;
  return openocd ? start : `${contents}, and ${start}`;
}

function describeCard({ erases, byPage }: Target, found: Found | undefined): string {
  if (found)
    return found.status.life === "blank"
      ? `The card is blank (NO KEY): ${PERSONALIZE}`
      : `The card is ${found.status.life}.`;
  if (!erases) return "The card's own pages were left out: a card on it should still have its keys.";
  if (byPage) return `${PAGE_ERASING}.`;
  return `The card should be blank now (NO KEY): ${PERSONALIZE}`;
}
