// A flash image in the layout of docs/FLASH.md: read for people, never changed.

import { Life, PinCheck } from "../../firmware/wire.js";
import { FLASH_SIZE, isBlank, PAGE_SIZE, PAGES } from "./flash.js";

/** The first word of a page of this card. */
export const MAGIC = 0x31435344; // "DSC1"
const ERASED = 0xffffffff;
/** The words of a try. */
export const SPENT = 0x3cc35aa5;
const GIVEN = 0xc33ca55a;

/** Offsets in a page. */
export const Offset = {
  HEAD_CHECK: 0x44,
  ROOT: 0x48,
  KEYS: 0x5c,
  PIN_WRAP: 0x90,
  CODE_WRAP: 0x108,
  WIPE_MARK: 0x180,
  CODE_SLOTS: 0x188,
  PIN_SLOTS: 0x1b0,
} as const;
const LIVES: Partial<Record<Life, string>> = {
  [Life.BLANK]: "blank",
  [Life.SEEDED]: "seeded",
  [Life.PERSONALIZED]: "personalized",
};
const PIN_CHECKS: Partial<Record<PinCheck, string>> = { [PinCheck.CARD]: "card", [PinCheck.SERVER]: "server" };
const FIRST_AT = 0x0f;
const ROOT_SIZE = 16;
const KEYS_SIZE = 48;
/** The size of a wrap without its check value. */
export const WRAP_SIZE = 116;

/** The state of a record: erased, whole as written, programmed to zeros, or none of these. */
export type RecordState = "erased" | "whole" | "zeroed" | "broken";

/** The head of a page, if it has one. */
export interface HeadRecord {
  readonly sequence: number;
  readonly life: string;
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: string;
  readonly tries: number;
  readonly pinSpent: number;
  readonly codeSpent: number;
  /** The version of the transport keys; 255: the public test keys. */
  readonly keyVersion: number;
  readonly hasLockCode: boolean;
}

/** Tries in the slots of a page. */
export interface SlotCounts {
  readonly spent: number;
  readonly givenBack: number;
  readonly unclear: number;
  readonly free: number;
}

export interface PageRecords {
  readonly page: number;
  readonly state: RecordState;
  /**
   * The page was committed, or is damaged: its commit is programmed but not valid, and it is not the page of the first
   * start.
   */
  readonly suspicious: boolean;
  readonly head: HeadRecord | undefined;
  readonly root: RecordState;
  /** The transport keys. */
  readonly keys: RecordState;
  /** A wipe has begun but not ended. */
  readonly wiping: boolean;
  readonly pinWrap: RecordState;
  readonly codeWrap: RecordState;
  readonly codeSlots: SlotCounts;
  readonly pinSlots: SlotCounts;
}

/** Whether an image may come from this card: it is blank, has a page of this card, or a first start was interrupted. */
export function isPlausible(image: Uint8Array): boolean {
  if (image.length !== FLASH_SIZE) return false;
  const view = viewOf(image);
  if (isBlank(image)) return true;
  for (let page = 0; page < PAGES; page++) {
    if (view.getUint32(page * PAGE_SIZE, true) === MAGIC) return true;
  }
  const first = view.getUint32(0, true);
  return (first | MAGIC) >>> 0 === first && image.subarray(4).every((byte) => byte === 0xff);
}

/** Parses an image (FLASH_SIZE bytes) page by page. */
export function readImage(image: Uint8Array): PageRecords[] {
  return Array.from({ length: PAGES }, (_, page) => readPage(pageBytes(image, page), page));
}

/** The current page, if there is one. */
export function currentPage(pages: readonly PageRecords[]): PageRecords | undefined {
  return pages
    .filter((page) => page.state === "whole")
    .sort((a, b) => (b.head?.sequence ?? 0) - (a.head?.sequence ?? 0))[0];
}

/** The bytes of the current page; of the first page if there is none. */
export function currentBytes(image: Uint8Array): Uint8Array {
  return pageBytes(image, currentPage(readImage(image))?.page ?? 0);
}

/** The bytes of a page. */
export function pageBytes(image: Uint8Array, page: number): Uint8Array {
  return image.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
}

/** The root secret that a page holds. */
export function rootOf(page: Uint8Array): Uint8Array {
  return page.subarray(Offset.ROOT, Offset.ROOT + ROOT_SIZE);
}

function readPage(bytes: Uint8Array, page: number): PageRecords {
  const view = viewOf(bytes);
  const sequence = view.getUint32(4, true);
  const committed = view.getUint32(Offset.HEAD_CHECK, true) !== ERASED;
  const checks = stateOf(bytes, sequence, 0, Offset.HEAD_CHECK) === "whole";
  const whole = view.getUint32(0, true) === MAGIC && committed && checks;
  const blank = bytes.every((byte) => byte === 0xff);
  return {
    page,
    state: whole ? "whole" : blank ? "erased" : "broken",
    suspicious: !whole && committed && bytes[FIRST_AT] !== 0xff,
    head: whole ? readHead(bytes, sequence) : undefined,
    root: stateOf(bytes, sequence, Offset.ROOT, ROOT_SIZE),
    keys: stateOf(bytes, sequence, Offset.KEYS, KEYS_SIZE),
    wiping: view.getUint32(Offset.WIPE_MARK, true) !== ERASED,
    pinWrap: stateOf(bytes, sequence, Offset.PIN_WRAP, WRAP_SIZE),
    codeWrap: stateOf(bytes, sequence, Offset.CODE_WRAP, WRAP_SIZE),
    codeSlots: countSlots(view, Offset.CODE_SLOTS, Offset.PIN_SLOTS),
    pinSlots: countSlots(view, Offset.PIN_SLOTS, PAGE_SIZE),
  };
}

function readHead(bytes: Uint8Array, sequence: number): HeadRecord {
  const byte = (at: number) => bytes[at] as number;
  return {
    sequence,
    life: LIVES[byte(8) as Life] ?? `unknown (${byte(8)})`,
    pinCheck: PIN_CHECKS[byte(9) as PinCheck] ?? "none",
    tries: byte(10),
    suite: text(bytes.subarray(0x20, 0x20 + byte(11))),
    pinSpent: byte(12),
    codeSpent: byte(13),
    keyVersion: byte(14),
    hasLockCode: viewOf(bytes).getUint32(0x10, true) !== 0,
    serial: text(bytes.subarray(0x14, 0x20)),
  };
}

function stateOf(bytes: Uint8Array, sequence: number, offset: number, length: number): RecordState {
  const record = bytes.subarray(offset, offset + length + 4);
  if (record.every((byte) => byte === 0xff)) return "erased";
  if (record.every((byte) => byte === 0)) return "zeroed";
  const check = viewOf(record).getUint32(length, true);
  return check === crc32((sequence ^ (offset << 16)) >>> 0, record.subarray(0, length)) ? "whole" : "broken";
}

function countSlots(view: DataView, from: number, to: number): SlotCounts {
  const counts = { spent: 0, givenBack: 0, unclear: 0, free: 0 };
  for (let at = from; at < to; at += 8) {
    const spent = view.getUint32(at, true);
    const given = view.getUint32(at + 4, true);
    if (given === GIVEN) counts.givenBack++;
    else if (spent === ERASED && given === ERASED) counts.free++;
    else if (spent === SPENT && given === ERASED) counts.spent++;
    else counts.unclear++;
  }
  return counts;
}

/** CRC-32 (ISO 3309) from a seed, bit by bit. */
function crc32(seed: number, bytes: Uint8Array): number {
  let crc = ~seed >>> 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes).replace(/\0+$/, "");
}
