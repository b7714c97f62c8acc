// The marks of a record: its first lines say what wrote it, and its last line shows that it is complete.

import { Cla, FirmwareAt, Ins, Tag } from "../../firmware/wire.js";
import { toHex } from "../../host-tools/files/hex.js";
import { Card } from "../core/card.js";
import { ask } from "./conversation.js";

const BEGIN = "# Record of dsc-sim";
const FIRST_LINE = /^# Record of dsc-sim (\S+), firmware ([0-9a-f]+)\b/;
const WARNING =
  "# It contains the PIN and everything else that was typed: treat it like the card. Replay: dsc-sim run FILE";
/** The last line of a record. */
export const END = "end";

/** The first lines of a record of a card with this firmware, made by this version of the simulator. */
export function recordHead(version: string, firmware: string): string[] {
  return [`${BEGIN} ${version}, firmware ${firmware}`, WARNING];
}

/** Whether a file is a record or a part of one. */
export function isRecord(lines: readonly string[]): boolean {
  return lines[0]?.startsWith(BEGIN) === true;
}

/**
 * A warning if a file is a record of a card with another firmware; undefined if it is not a record or names no
 * firmware.
 */
export function otherFirmware(name: string, [first = ""]: readonly string[], firmware: string): string | undefined {
  const recorded = FIRST_LINE.exec(first)?.[2];
  if (recorded === undefined || recorded === firmware) return undefined;
  return `warning: ${name} was recorded with the firmware ${recorded}, but this is ${firmware}`;
}

/** The hash that the firmware reports, in hex (docs/PROTOCOL.md). */
export function hashOf(module: WebAssembly.Module): string {
  const card = new Card(module);
  const command = { cla: Cla.GP, ins: Ins.GET_DATA, p1: Tag.FIRMWARE >> 8, p2: Tag.FIRMWARE & 0xff, le: 256 };
  return toHex(ask(card, command).data.subarray(FirmwareAt.HASH, FirmwareAt.KIND));
}
