// A model of a board's DAPLink drive, in a folder: takes the image that is copied to it, leaves, and comes back with a
// higher "Remount count", or with FAIL.TXT.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Block, parseIntelHex } from "../../host-tools/flashing/intelhex.js";

/** Unique IDs as DAPLink has them, by the kind of board. */
export const UNIQUE_ID = {
  V1: "9900000031864e45004d300b0000005b0000000097969901",
  V1_OTHER: "9901000031864e45004d300b0000005b0000000097969902",
  V2: "9904360258824e45005680040000004b000000009796990b",
  OTHER: "0240000031864e45004d300b0000005b0000000097969900",
} as const;

const END_RECORD = /^:00000001FF\r?\n?$/im;
const POLL = 10;
/** How long the drive is away (ms): long enough for a polling program to see it go, if that is the only sign. */
const AWAY = 150;
const AWAY_UNCOUNTED = 2000;

export interface ModelOptions {
  readonly uniqueId?: string;
  readonly bootloader?: boolean;
  readonly pageErasing?: boolean;
  /** The count in DETAILS.TXT; null: a DAPLink without one. */
  readonly remounts?: number | null;
  /** The initial FAIL.TXT, from an earlier copy. */
  readonly failed?: string;
  /** The result of a copy. */
  readonly ends?: "programmed" | "fails" | "unplugged" | "never";
}

export class DaplinkModel {
  readonly path: string;
  /** The complete copied file. */
  received: Buffer | undefined;
  readonly #options: ModelOptions;
  #remounts: number | null;
  #timer: NodeJS.Timeout;

  constructor(path: string, options: ModelOptions = {}) {
    this.path = path;
    this.#options = options;
    this.#remounts = options.remounts === undefined ? 3 : options.remounts;
    this.#appear(options.failed);
    this.#timer = setInterval(() => this.#look(), POLL);
  }

  /** The contents of the chip's flash after a copy. */
  get blocks(): Block[] {
    return parseIntelHex((this.received ?? Buffer.alloc(0)).toString("latin1"));
  }

  /** A file with the beginning of an image is on the drive. */
  get isTouched(): boolean {
    return this.received !== undefined || existsSync(join(this.path, "dsc.hex"));
  }

  close(): void {
    clearInterval(this.#timer);
    rmSync(this.path, { recursive: true, force: true });
  }

  #look(): void {
    const image = join(this.path, "dsc.hex");
    if (!existsSync(image) || statSync(image).size === 0) return;
    const bytes = readFileSync(image);
    if (!END_RECORD.test(bytes.toString("latin1"))) return;
    this.received = bytes;
    if (this.#options.ends !== "never") this.#remount();
  }

  #remount(): void {
    clearInterval(this.#timer);
    rmSync(this.path, { recursive: true, force: true });
    const { ends } = this.#options;
    const before = this.#remounts;
    if (before !== null) this.#remounts = ends === "unplugged" ? 0 : before + 1;
    const failed = "The hex file cannot be decoded. Checksum calculation failure occurred.";
    const time = before === this.#remounts ? AWAY_UNCOUNTED : AWAY;
    this.#timer = setTimeout(() => this.#appear(ends === "fails" ? failed : undefined), time);
  }

  /** Appears all at once, like a mounted drive. */
  #appear(failed: string | undefined): void {
    const fresh = `${this.path}.fresh`;
    mkdirSync(fresh, { recursive: true });
    writeFileSync(join(fresh, "MICROBIT.HTM"), "<!doctype html>");
    writeFileSync(join(fresh, "DETAILS.TXT"), this.#details());
    if (failed !== undefined) writeFileSync(join(fresh, "FAIL.TXT"), `error: ${failed}\r\ntype: transient, user\r\n`);
    renameSync(fresh, this.path);
  }

  #details(): string {
    const { uniqueId = UNIQUE_ID.V1, bootloader, pageErasing } = this.#options;
    const mode = bootloader ? "Bootloader" : "Interface";
    const lines = [
      "# DAPLink Firmware - see https://mbed.com/daplink",
      `Unique ID: ${uniqueId}`,
      `HIC ID: ${uniqueId.slice(-8)}`,
      "Auto Reset: 1",
      "Automation allowed: 0",
      `Page erasing: ${pageErasing ? 1 : 0}`,
      `Daplink Mode: ${mode}`,
      `${mode} Version: 0253`,
      "Git SHA: 682d8303e37355532402b8d93c4f240a3cec02a9",
      "USB Interfaces: MSD, CDC, HID, WebUSB",
      "Interface CRC: 0x3f2b7e12",
      ...(this.#remounts === null ? [] : [`Remount count: ${this.#remounts}`]),
      "URL: https://microbit.org/device/?id=9900&v=0253",
    ];
    return lines.map((line) => `${line}\r\n`).join("");
  }
}
