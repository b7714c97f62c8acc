// Flashing through openocd and the board's debug port: only the pages that the image has bytes in are erased.
//
// openocd gets the checked bytes in a separate file, and identifies the chip before it writes. Its output is reduced to
// one line.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckFailed, FileError, NoBoard } from "../files/errors.js";
import { Interrupted } from "../files/interruption.js";
import { saying, sayWaiting } from "../files/waiting.js";

export interface OpenocdOptions {
  readonly signal: AbortSignal;
  /** Erase the whole chip first, with all card data and the read-back protection. */
  readonly erase: boolean;
  /** The USB serial number of the board, if there may be others. */
  readonly adapter?: string | undefined;
  /** Called when openocd begins a stage. */
  readonly onStage?: (stage: string) => void;
}

const IMAGE_NAME = "dsc.hex";
const SCRIPT_NAME = "flash.tcl";

const OTHER_CHIP = "dsc: other chip";
const PROTECTED = "dsc: protected";
const VERIFIED = "** Verified OK **";

/**
 * FICR: page size, number of pages; NVMC: CONFIG, ERASEALL (nRF51 Series Reference Manual 3.0, 6 and 7). A protected
 * chip reads as zeros or not at all, but can be erased; the driver's own mass_erase would try to read it first.
 */
const SCRIPT = `
proc dsc_read {address} {
  if {[catch {mrw $address} value]} { return 0 }
  return $value
}
proc dsc_chip {} {
  set size [dsc_read 0x10000010]
  if {$size == 0 || $size == 0xffffffff} { return protected }
  if {$size == 0x400 && [dsc_read 0x10000014] == 0x100} { return nrf51 }
  return other
}
proc dsc_erase {} {
  echo "dsc: erasing"
  mww 0x4001e504 2
  mww 0x4001e50c 1
  sleep 200
  mww 0x4001e504 0
  reset halt
}
proc dsc_flash {erase} {
  init
  catch {reset halt}
  if {[dsc_chip] eq "other"} { error "${OTHER_CHIP}" }
  if {$erase} { dsc_erase } elseif {[dsc_chip] eq "protected"} { error "${PROTECTED}" }
  program ${IMAGE_NAME} verify reset
}
`;

/** Messages of openocd, and their meaning. The first that matches counts. */
const REASONS: readonly [RegExp, (match: RegExpExecArray) => Error][] = [
  [/LIBUSB_ERROR_ACCESS|insufficient permissions|permission denied/i, () => new NoBoard(NOT_ALLOWED)],
  [/LIBUSB_ERROR_BUSY|resource busy/i, () => new NoBoard("the board's debug port is in use by another program")],
  [/unable to find a matching CMSIS-DAP|no device found|unable to open CMSIS-DAP/i, () => new NoBoard(NO_ADAPTER)],
  [new RegExp(OTHER_CHIP), () => new NoBoard("the chip does not have the 256 pages of 1 KB of the board's nRF51822")],
  [/UNEXPECTED|expected 1 of/, () => new NoBoard("the chip is not an nRF51 (another IDCODE)")],
  [new RegExp(PROTECTED), () => new CheckFailed(READ_BACK)],
  [/UICR cannot be erased separately/, () => new CheckFailed(`the image sets UICR, which is not empty: ${ERASE}`)],
  [/cannot read IDR|Could not initialize the debug port|Could not find MEM-AP/i, () => new NoBoard(NO_CHIP)],
  [/Can't find ((interface|target)\/\S+)/, ([, name]) => new CheckFailed(`this openocd has no ${name}`)],
  [/\*\* Verify Failed \*\*|contents differ/, () => new CheckFailed("the chip's contents differ from the image")],
];
const ERASE = "--erase clears it, and with it all card data";
const NOT_ALLOWED =
  "you may not open the board's debug port; join the group plugdev, which openocd's udev rules let in";
const NO_ADAPTER = "openocd finds no CMSIS-DAP adapter: plug the board in";
const NO_CHIP = "the board's debug port does not reach its chip";
const READ_BACK = `the chip is protected against reading back; ${ERASE}`;

const STAGES: readonly [RegExp, string][] = [
  [/^dsc: erasing/, "erasing"],
  [/^\*\* Programming Started/, "programming"],
  [/^\*\* Verify Started/, "verifying"],
];

/** Flashes an image (Intel HEX) and compares it. Throws NoBoard or CheckFailed if that fails. */
export async function flashWithOpenocd(image: Uint8Array, options: OpenocdOptions): Promise<void> {
  const folder = placeFiles(image);
  try {
    const { code, output } = await saying(
      () => sayWaiting("openocd to write the chip and read it back"),
      () => runOpenocd(folder, options),
    );
    if (options.signal.aborted) throw new Interrupted();
    if (code !== 0 || !output.includes(VERIFIED)) throw explainOpenocd(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The folder that openocd runs in. */
function placeFiles(image: Uint8Array): string {
  try {
    const folder = mkdtempSync(join(tmpdir(), "dsc-flash-"));
    writeFileSync(join(folder, IMAGE_NAME), image);
    writeFileSync(join(folder, SCRIPT_NAME), SCRIPT);
    return folder;
  } catch (error) {
    const { code = "failed" } = error as NodeJS.ErrnoException;
    throw new FileError(`${tmpdir()}: cannot write the files for openocd (${code}); nothing was flashed`);
  }
}

/** The error in openocd's output, and the resulting state of the board. NoBoard only if nothing was written. */
export function explainOpenocd(output: string): Error {
  const known = knownReason(output);
  const last = [...output.matchAll(/^Error: (?!\*\*)(.+)$/gm)].at(-1)?.[1]?.trim();
  const error = known ?? new CheckFailed(`openocd failed: ${last ?? "it does not say why"}`);
  const begun = stateOnceBegun(output);
  if (begun) return new CheckFailed(`${error.message}; ${begun}`);
  error.message += known ? "; nothing was written" : "; whether anything was written is not known";
  return error;
}

/** The state of the board once openocd has begun to write. */
function stateOnceBegun(output: string): string | undefined {
  if (output.includes("** Programming Started **")) return "the board may have no complete firmware; flash it again";
  return /^dsc: erasing/m.test(output) ? "the chip may be erased; flash it again" : undefined;
}

function knownReason(output: string): Error | undefined {
  for (const [pattern, error] of REASONS) {
    const match = pattern.exec(output);
    if (match) return error(match);
  }
  return undefined;
}

function runOpenocd(folder: string, options: OpenocdOptions): Promise<{ code: number | null; output: string }> {
  const running = spawn("openocd", argumentsFor(options), { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => void running.kill();
  options.signal.addEventListener("abort", stop, { once: true });
  const output = collect(running, options.onStage);
  return new Promise((resolve, reject) => {
    running.on("error", (error: NodeJS.ErrnoException) => reject(notRun(error)));
    running.on("close", (code) => {
      options.signal.removeEventListener("abort", stop);
      resolve({ code, output: output() });
    });
  });
}

function argumentsFor({ erase, adapter }: OpenocdOptions): string[] {
  const chosen = adapter === undefined ? [] : ["-c", `adapter serial ${adapter}`];
  const files = ["-f", "interface/cmsis-dap.cfg", ...chosen, "-f", "target/nrf51.cfg", "-f", SCRIPT_NAME];
  // Not inside catch, since shutdown counts as an error in openocd's interpreter.
  const flash = `if {[catch {dsc_flash ${erase ? 1 : 0}} reason]} { echo "Error: $reason"; shutdown error }; shutdown`;
  return [...files, "-c", flash];
}

function collect(running: ChildProcess, onStage: OpenocdOptions["onStage"]): () => string {
  let output = "";
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    const lines = chunk.toString().split("\n");
    for (const [pattern, stage] of STAGES) if (lines.some((line) => pattern.test(line))) onStage?.(stage);
  };
  running.stdout?.on("data", take);
  running.stderr?.on("data", take);
  return () => output;
}

function notRun(error: NodeJS.ErrnoException): Error {
  if (error.code === "ENOENT") return new CheckFailed("openocd is not installed (Debian: apt-get install openocd)");
  return new CheckFailed(`openocd cannot be run (${error.code})`);
}
