// Intel HEX: parses the bytes of a file and their addresses (Intel, Hexadecimal Object File Format Specification,
// revision A, 1988).
//
//   :LLAAAATTDD…CC   length, address, type, data, checksum: all bytes of a line add up to 0 modulo 256

/** A file that is not Intel HEX, or not complete; `line` is the first wrong one, counted from 1. */
export class HexError extends Error {
  override name = "HexError";
  readonly line: number;

  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`);
    this.line = line;
  }
}

/** Contiguous bytes. */
export interface Block {
  /** The address of the first byte. */
  readonly address: number;
  readonly bytes: Buffer;
}

enum RecordType {
  DATA = 0x00,
  END_OF_FILE = 0x01,
  EXTENDED_SEGMENT_ADDRESS = 0x02,
  START_SEGMENT_ADDRESS = 0x03,
  EXTENDED_LINEAR_ADDRESS = 0x04,
  START_LINEAR_ADDRESS = 0x05,
}

/** Required data sizes by type. Start addresses are checked but not used, since the chip has a reset vector. */
const DATA_SIZES: ReadonlyMap<number, number> = new Map([
  [RecordType.END_OF_FILE, 0],
  [RecordType.EXTENDED_SEGMENT_ADDRESS, 2],
  [RecordType.START_SEGMENT_ADDRESS, 4],
  [RecordType.EXTENDED_LINEAR_ADDRESS, 2],
  [RecordType.START_LINEAR_ADDRESS, 4],
]);

/** Types that the micro:bit Foundation added for files with images for several boards. */
const UNIVERSAL = { first: 0x0a, last: 0x0e };
/** The size of the region within which a record's address counts. */
const REGION = 0x10000;
/** Length, address, type and checksum. */
const FRAME = 5;

interface HexRecord {
  readonly offset: number;
  readonly type: number;
  readonly data: Buffer;
}

interface Piece extends Block {
  readonly line: number;
}

/** The blocks of a file in order of address, merged where they touch. Throws HexError. */
export function parseIntelHex(text: string): Block[] {
  const lines = text.split(/\r\n|\n|\r/);
  const pieces: Piece[] = [];
  let base = 0;
  for (const [index, content] of lines.entries()) {
    const line = index + 1;
    if (content === "") continue;
    const { offset, type, data } = parseRecord(content, line);
    if (type === RecordType.END_OF_FILE) {
      refuseMore(lines, line);
      return merged(pieces);
    }
    if (type === RecordType.EXTENDED_SEGMENT_ADDRESS) base = data.readUInt16BE() << 4;
    if (type === RecordType.EXTENDED_LINEAR_ADDRESS) base = data.readUInt16BE() * REGION;
    if (type === RecordType.DATA && data.length > 0) pieces.push({ line, address: base + offset, bytes: data });
  }
  throw new HexError(lines.length, "the file ends without an end record, so it is cut off");
}

function parseRecord(content: string, line: number): HexRecord {
  if (!/^:([0-9A-Fa-f]{2})+$/.test(content)) throw new HexError(line, "not a record of Intel HEX");
  const bytes = Buffer.from(content.slice(1), "hex");
  const [size = 0] = bytes;
  if (bytes.length !== size + FRAME) throw new HexError(line, "the length of the record is wrong");
  if (bytes.reduce((sum, byte) => sum + byte, 0) % 256 !== 0) throw new HexError(line, "the checksum is wrong");
  const record = { offset: bytes.readUInt16BE(1), type: bytes[3] as number, data: bytes.subarray(4, -1) };
  checkType(record, line);
  return record;
}

function checkType({ offset, type, data }: HexRecord, line: number): void {
  if (type >= UNIVERSAL.first && type <= UNIVERSAL.last)
    throw new HexError(line, "a universal hex of the micro:bit, for several boards; use a file for this board alone");
  if (type === RecordType.DATA) {
    if (offset + data.length > REGION) throw new HexError(line, "the record goes beyond its 64 KB");
    return;
  }
  const size = DATA_SIZES.get(type);
  if (size === undefined) throw new HexError(line, `unknown record type ${hex(type, 2)}`);
  if (data.length !== size) throw new HexError(line, `a record of type ${hex(type, 2)} has ${size} bytes`);
}

function refuseMore(lines: readonly string[], end: number): void {
  const more = lines.findIndex((content, index) => index >= end && content !== "");
  if (more >= 0) throw new HexError(more + 1, "the file continues after the end record");
}

/** Merges adjacent pieces; overlapping pieces are an error. */
function merged(pieces: readonly Piece[]): Block[] {
  const groups: { address: number; end: number; parts: Buffer[] }[] = [];
  for (const { line, address, bytes } of pieces.toSorted((a, b) => a.address - b.address)) {
    const last = groups.at(-1);
    if (last && address < last.end) throw new HexError(line, `${hex(address, 8)} is written twice`);
    if (last && address === last.end) {
      last.parts.push(bytes);
      last.end += bytes.length;
    } else groups.push({ address, end: address + bytes.length, parts: [bytes] });
  }
  return groups.map(({ address, parts }) => ({ address, bytes: Buffer.concat(parts) }));
}

function hex(value: number, digits: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(digits, "0")}`;
}
