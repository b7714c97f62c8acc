// Serial ports: only this file opens them. Each error is a PortError with one line for people.
//
// The modem lines of a port are never set or read, since pseudo-terminals have none. A port is locked while it is open,
// so that two programs do not talk to one card at the same time.

import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialPort } from "serialport";
import { PortError } from "../files/errors.js";
import { interruption } from "../files/interruption.js";
import { sayWaiting, within } from "../files/waiting.js";
import { CardClient, type CardStatus } from "./cardclient.js";
import { NoAnswer, NoCard } from "./errors.js";
import { Link } from "./link.js";
import type { Trace } from "./trace.js";

const BAUD_RATE = 115200;

/** Two seconds: enough for a board that was reset by opening its port. */
const FEW_HELLOS = 4;
/** The time for reading a card's status (ms): FEW_HELLOS hellos and a few answers. */
const STATUS_TIME = 5000;

/** How often a locked port is retried, and the pause in between (ms). */
const LOCK_ATTEMPTS = 5;
const LOCK_PAUSE = 50;
const LOCKED = /cannot lock/i;
const MISSING = "no such port";

/** The driver's messages on Linux, macOS and Windows, and their meaning. */
const REASONS: readonly [RegExp, string][] = [
  [/cannot lock|resource busy|access denied/i, "in use by another program"],
  [/permission denied/i, "you may not open it; join the group dialout, or see docs/PROVISIONING.md for a udev rule"],
  [/no such file|file not found/i, MISSING],
  [/inappropriate ioctl|invalid argument/i, "not a serial port"],
  [/input\/output error|no such device/i, "no device is behind it; plug it in"],
];

/** Names that Linux gives to serial ports that may have a card. */
const LINUX_NAMES = /^tty(ACM|USB|AMA)[0-9]+$/;

/** A card at an open port. */
export interface CardPort {
  readonly path: string;
  readonly client: CardClient;
  close(): Promise<void>;
}

export interface PortOptions {
  /** Opens the trace file, once the port is open. */
  trace?: () => Trace;
  /** How often to say hello; default: for as long as a board takes to start. */
  hellos?: number;
  /** Called with the description of a wait, if it takes more than a few seconds; default: prints on stderr. */
  onWait?: (what: string) => void;
  /** Ends it early. */
  signal?: AbortSignal;
}

/**
 * Only commands that need a port load the driver. They use `require`, since `import` would parse each of its files for
 * exported names, which takes longer than the rest of a command's start-up.
 */
const driver = () => createRequire(import.meta.url)("serialport") as typeof import("serialport");

/**
 * Opens a port and waits for its card, since opening may have reset a board. Ctrl-C closes the line: code that waits
 * for an answer gets a LineClosed.
 */
export async function openCard(path: string, options: PortOptions = {}): Promise<CardPort> {
  const port = await openPort(path);
  const link = new Link(port, { name: path, onWait: options.onWait ?? sayWaiting });
  const giveUp = () => link.close();
  const signals = [interruption, ...(options.signal ? [options.signal] : [])];
  for (const signal of signals) signal.addEventListener("abort", giveUp);
  if (signals.some(({ aborted }) => aborted)) giveUp();
  let trace: Trace | undefined;
  const card = {
    path,
    client: new CardClient(link),
    close: async () => {
      for (const signal of signals) signal.removeEventListener("abort", giveUp);
      link.close();
      await closePort(port);
      trace?.close();
    },
  };
  try {
    trace = options.trace?.();
    trace?.watch(link, path);
    await link.hello(options.hellos);
    // A program may have left a secure channel open, and the card then answers no plain command.
    await card.client.closeChannel();
    return card;
  } catch (error) {
    await card.close().catch(() => {});
    throw error instanceof NoAnswer
      ? new NoCard(`${path}: no card answers; check the port, the cable and the battery`)
      : error;
  }
}

/** Calls `use` with the card at a port, and closes the port in any case. The first error is the one to report. */
export async function useCard<T>(
  path: string,
  use: (card: CardClient) => Promise<T>,
  options: PortOptions = {},
): Promise<T> {
  const card = await openCard(path, options);
  const result = await use(card.client).catch(async (error: unknown) => {
    await card.close().catch(() => {});
    throw error;
  });
  await card.close();
  return result;
}

/** The status of the card at a port, within a limited time whatever is there. */
export function readStatusAt(path: string): Promise<CardStatus> {
  const options = { hellos: FEW_HELLOS, onWait: () => {} };
  return within(
    STATUS_TIME,
    (signal) => useCard(path, (card) => card.readStatus(), { ...options, signal }),
    () => new NoCard(`${path}: the device there does not answer like a card`),
  );
}

/** A serial port of this computer. */
export interface ListedPort {
  readonly path: string;
  /** The serial number of its USB device, if known. */
  readonly usbSerial?: string | undefined;
}

/** The serial ports of this computer. */
export async function listPorts(): Promise<string[]> {
  return (await listPortsWithSerials()).map(({ path }) => path);
}

/** The serial ports of this computer, and which USB device each belongs to. */
export async function listPortsWithSerials(): Promise<ListedPort[]> {
  try {
    const { SerialPort } = driver();
    return (await SerialPort.list()).map(({ path, serialNumber }) => ({ path, usbSerial: serialNumber }));
  } catch {
    // On Linux the library calls udevadm, which not every system has.
    return process.platform === "linux" ? (await namesInDev()).map((path) => ({ path })) : [];
  }
}

async function namesInDev(): Promise<string[]> {
  const names = await readdir("/dev");
  return names.filter((name) => LINUX_NAMES.test(name)).map((name) => `/dev/${name}`);
}

/**
 * Opens a port and does nothing more: the caller speaks to the card.
 *
 * A port that was just closed, even by this program, may stay locked for a moment: a pending read in another thread
 * keeps the file open, and with it the lock.
 */
export async function openPort(path: string): Promise<SerialPort> {
  refuseOthers(path);
  for (let left = LOCK_ATTEMPTS - 1; ; left--) {
    try {
      return await openOnce(path);
    } catch (error) {
      if (left === 0 || !LOCKED.test((error as Error).message)) throw explained(path, error as Error);
    }
    await sleep(LOCK_PAUSE);
  }
}

async function openOnce(path: string): Promise<SerialPort> {
  const { SerialPort } = driver();
  const settings = { path, baudRate: BAUD_RATE, dataBits: 8, parity: "none", stopBits: 1, lock: true } as const;
  const port = new SerialPort({ ...settings, autoOpen: false });
  return new Promise((resolve, reject) => {
    port.open((error) => (error ? reject(error) : resolve(port)));
  });
}

/** Refuses a port that is not there, for commands that would wait for it. A port in use is there. */
export async function refuseMissing(path: string): Promise<void> {
  refuseOthers(path);
  const isThere = process.platform === "win32" ? await opensOnce(path) : existsSync(path);
  if (!isThere) throw new PortError(`${path}: ${MISSING}`);
}

/** Windows has no file names for devices: only opening a port tells whether it is there. */
async function opensOnce(path: string): Promise<boolean> {
  try {
    await closePort(await openOnce(path));
    return true;
  } catch (error) {
    return reasonOf(error as Error) !== MISSING;
  }
}

/** Opening something else (a pipe, a tape) may affect it. Windows has no file names for devices. */
function refuseOthers(path: string): void {
  if (path === "") throw new PortError("no port given (its name is empty); dsc ports lists them");
  if (process.platform !== "win32" && isOther(path)) throw new PortError(`${path}: not a serial port`);
}

/** A path that cannot be examined is left to the driver, whose error explains it. */
function isOther(path: string): boolean {
  try {
    return !statSync(path).isCharacterDevice();
  } catch {
    return false;
  }
}

export function closePort(port: SerialPort): Promise<void> {
  if (!port.isOpen) return Promise.resolve();
  return new Promise((resolve) => port.close(() => resolve()));
}

function explained(path: string, error: Error): PortError {
  return new PortError(`${path}: ${reasonOf(error) ?? error.message}`, { cause: error });
}

function reasonOf({ message }: Error): string | undefined {
  return REASONS.find(([pattern]) => pattern.test(message))?.[1];
}
