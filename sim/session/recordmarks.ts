// The marks of a record: its first lines say what wrote it, and its last line shows that it is complete.

import { Cla, FirmwareAt, Ins, Tag } from "../../firmware/wire.js";
import { version } from "../../host-tools/files/project.js";
import { Card } from "../core/card.js";
import { exchange } from "./cardcommands.js";

const BEGIN = "# Record of dsc-sim";
const FIRST_LINE = /^# Record of dsc-sim (\S+), firmware ([0-9a-f]+)\b/;
const WARNING =
  "# It contains the PIN and everything else that was typed: treat it like the card. Replay: dsc-sim run FILE";
/** The last line of a record. */
export const END = "end";

/** The first lines of a record of a card with this firmware. */
export function recordHead(firmware: string): string[] {
  return [`${BEGIN} ${version()}, firmware ${firmware}`, WARNING];
}

/** Whether a file is a record or a part of one. */
export function isRecord(lines: readonly string[]): boolean {
  return lines[0]?.startsWith(BEGIN) === true;
}

/** The hash of the firmware that a record was made with; undefined if the file does not say. */
export function recordedFirmware([first = ""]: readonly string[]): string | undefined {
  return FIRST_LINE.exec(first)?.[2];
}

/** The hash that the firmware reports, in hex (docs/PROTOCOL.md). */
export function hashOf(module: WebAssembly.Module): string {
  const card = new Card(module);
  const command = { cla: Cla.GP, ins: Ins.GET_DATA, p1: Tag.FIRMWARE >> 8, p2: Tag.FIRMWARE & 0xff, le: 256 };
  return exchange(card, command).data.subarray(FirmwareAt.HASH, FirmwareAt.KIND).toString("hex");
}
