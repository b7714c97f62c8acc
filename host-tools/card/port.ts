// Serial ports: the only file that opens them. Each error is a PortError with one line for people.
//
// The lines of a port's modem are never set or asked for: pseudo-terminals have none. A port is locked
// while it is open, so that two programs do not talk to one card at the same time.

import { statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import type { SerialPort } from "serialport";
import { PortError } from "../files/errors.js";
import { sayWaiting, within } from "../files/waiting.js";
import { CardClient, type CardStatus } from "./cardclient.js";
import { Link, NoAnswer } from "./link.js";
import type { Trace } from "./trace.js";

const BAUD_RATE = 115200;

/** Two seconds: enough for a board that opening its port has reset. */
const FEW_HELLOS = 4;
/** How long a card may take that is only asked what it is (ms): those hellos, and a few answers. */
const STATUS_TIME = 5000;

/** How often a port that is locked is tried, and how long it is waited between (ms). */
const LOCK_ATTEMPTS = 5;
const LOCK_PAUSE = 50;
const LOCKED = /cannot lock/i;

/** What the driver says, in the words of Linux, macOS and Windows, and what it means. */
const REASONS: readonly [RegExp, string][] = [
  [/cannot lock|resource busy|access denied/i, "in use by another program"],
  [/permission denied/i, "you may not open it; join the group dialout, or see docs/PROVISIONING.md for a udev rule"],
  [/no such file|file not found/i, "no such port"],
  [/inappropriate ioctl|invalid argument/i, "not a serial port"],
  [/input\/output error|no such device/i, "there is no device behind it"],
];

/** Serial ports by the names that Linux gives those that may have a card on them. */
const LINUX_NAMES = /^tty(ACM|USB|AMA)[0-9]+$/;

/** A port that can be opened, and no card answers on it. */
export class NoCard extends PortError {
  override name = "NoCard";
}

/** A card on a port that is open. */
export interface CardPort {
  readonly path: string;
  readonly client: CardClient;
  close(): Promise<void>;
}

export interface PortOptions {
  /** Makes the file that what is said on the line is written to, once the port is open. */
  trace?: () => Trace;
  /** How often to say hello; by default for as long as a board takes to start. */
  hellos?: number;
  /** Told what is waited for where that takes more than a few seconds; stderr unless given. */
  onWait?: (what: string) => void;
  /** Ends it early. */
  signal?: AbortSignal;
}

const openPorts = new Set<CardPort>();

/**
 * Only commands that need a port load the driver, and by `require`: `import` would parse each of its files for the names
 * that it exports, which takes longer than all else that a command does to start.
 */
const driver = () => createRequire(import.meta.url)("serialport") as typeof import("serialport");

/** Opens a port and waits for the card on it: opening may have reset a board. */
export async function openCard(path: string, options: PortOptions = {}): Promise<CardPort> {
  const port = await openPort(path);
  const link = new Link(port, { name: path, onWait: options.onWait ?? sayWaiting });
  const giveUp = () => link.close();
  options.signal?.addEventListener("abort", giveUp);
  if (options.signal?.aborted) giveUp();
  let trace: Trace | undefined;
  const card = {
    path,
    client: new CardClient(link),
    close: async () => {
      openPorts.delete(card);
      options.signal?.removeEventListener("abort", giveUp);
      link.close();
      await closePort(port);
      trace?.close();
    },
  };
  openPorts.add(card);
  try {
    trace = options.trace?.();
    trace?.watch(link, path);
    await link.hello(options.hellos);
    // Someone may have left a secure channel open, in which the card would answer nothing else.
    await card.client.closeChannel();
    return card;
  } catch (error) {
    await card.close().catch(() => {});
    throw error instanceof NoAnswer ? new NoCard(`${path}: no card answers`) : error;
  }
}

/** Runs `use` on the card at a port, and closes that whatever comes. The first error is the one to tell. */
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

/** What the card at a port says. Whatever is there, nobody waits long for it. */
export function readStatusAt(path: string): Promise<CardStatus> {
  const options = { hellos: FEW_HELLOS, onWait: () => {} };
  return within(
    STATUS_TIME,
    (signal) => useCard(path, (card) => card.readStatus(), { ...options, signal }),
    () => new NoCard(`${path}: what is there does not answer as a card does`),
  );
}

/** Hangs up wherever a card is spoken to: whoever waits for one gets a LineClosed. */
export function hangUp(): void {
  for (const { client } of openPorts) client.link.close();
}

/** A serial port of this computer. */
export interface ListedPort {
  readonly path: string;
  /** The serial number of the USB device that it belongs to, where that is known. */
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
    // On Linux the library asks udevadm, which not every system has.
    return process.platform === "linux" ? (await namesInDev()).map((path) => ({ path })) : [];
  }
}

async function namesInDev(): Promise<string[]> {
  const names = await readdir("/dev");
  return names.filter((name) => LINUX_NAMES.test(name)).map((name) => `/dev/${name}`);
}

/**
 * Opens a port, and no more: whoever asks speaks to the card.
 *
 * A port that was just closed, by this program too, may stay locked for a moment: a read that is on its way in another
 * thread holds the file, and with it the lock.
 */
export async function openPort(path: string): Promise<SerialPort> {
  if (path === "") throw new PortError("no port given (its name is empty); dsc ports lists them");
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

/** Opening something else (a pipe, a tape) may do something to it. Windows has no names for devices. */
function refuseOthers(path: string): void {
  if (process.platform !== "win32" && isOther(path)) throw new PortError(`${path}: not a serial port`);
}

/** What cannot be looked at, the driver explains. */
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
  const [, reason] = REASONS.find(([pattern]) => pattern.test(error.message)) ?? [];
  return new PortError(`${path}: ${reason ?? error.message}`, { cause: error });
}
