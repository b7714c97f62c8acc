// The parts of an ELF file (32 bits, little-endian) that describe the position of an image (Tool Interface Standard,
// Executable and Linking Format, version 1.2, 1995).

const SECTION_SIZE = 40;
const SYMBOL_SIZE = 16;
const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const PT_LOAD = 1;
const STT_FUNC = 2;

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: number;
  readonly size: number;
  readonly isLoaded: boolean;
  /** Empty if the file has no contents for it. */
  readonly bytes: Buffer;
  readonly link: number;
}

export interface Segment {
  /** The address to which it is programmed. */
  readonly address: number;
  /** The number of its bytes that are in the file. */
  readonly size: number;
}

export interface Symbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly isFunction: boolean;
}

export class Elf {
  readonly sections: readonly Section[];
  /** Loaded segments. */
  readonly segments: readonly Segment[];
  readonly symbols: readonly Symbol[];

  constructor(file: Buffer) {
    const headers = table(file, file.readUInt32LE(0x20), file.readUInt16LE(0x30), SECTION_SIZE);
    const names = headers[file.readUInt16LE(0x32)] as Buffer;
    const strings = file.subarray(names.readUInt32LE(16));
    this.sections = headers.map((header) => sectionOf(file, header, strings));
    const programs = table(file, file.readUInt32LE(0x1c), file.readUInt16LE(0x2c), file.readUInt16LE(0x2a));
    this.segments = programs
      .filter((header) => header.readUInt32LE(0) === PT_LOAD)
      .map((header) => ({ address: header.readUInt32LE(12), size: header.readUInt32LE(16) }));
    const symbols = this.sections.find(({ type }) => type === SHT_SYMTAB) as Section;
    this.symbols = symbolsOf(symbols.bytes, (this.sections[symbols.link] as Section).bytes);
  }

  /** The contents of a section in the file. */
  contents(name: string): Buffer {
    const section = this.sections.find((section) => section.name === name);
    if (!section) throw new Error(`no section ${name}`);
    return section.bytes;
  }

  /** The address of a symbol. */
  address(name: string): number {
    const symbol = this.symbols.find((symbol) => symbol.name === name);
    if (!symbol) throw new Error(`no symbol ${name}`);
    return symbol.address;
  }
}

function table(file: Buffer, offset: number, count: number, size: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => file.subarray(offset + i * size, offset + (i + 1) * size));
}

function sectionOf(file: Buffer, header: Buffer, strings: Buffer): Section {
  const [offset, size, type] = [header.readUInt32LE(16), header.readUInt32LE(20), header.readUInt32LE(4)];
  return {
    name: stringAt(strings, header.readUInt32LE(0)),
    type,
    address: header.readUInt32LE(12),
    size,
    isLoaded: (header.readUInt32LE(8) & SHF_ALLOC) !== 0,
    bytes: type === SHT_NOBITS ? Buffer.alloc(0) : file.subarray(offset, offset + size),
    link: header.readUInt32LE(24),
  };
}

function symbolsOf(bytes: Buffer, strings: Buffer): Symbol[] {
  return table(bytes, 0, bytes.length / SYMBOL_SIZE, SYMBOL_SIZE).map((entry) => ({
    name: stringAt(strings, entry.readUInt32LE(0)),
    address: entry.readUInt32LE(4),
    size: entry.readUInt32LE(8),
    isFunction: (entry.readUInt8(12) & 0xf) === STT_FUNC,
  }));
}

function stringAt(strings: Buffer, at: number): string {
  return strings.toString("latin1", at, strings.indexOf(0, at));
}
