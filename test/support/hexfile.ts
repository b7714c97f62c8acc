// Intel HEX as the tests write it: lines from bytes, and images that a board could start.

export interface Written {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** A line: type, 16-bit address, data. */
export function hexLine(type: number, offset: number, data: Uint8Array): string {
  const bytes = [data.length, offset >> 8, offset & 0xff, type, ...data];
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  const digits = [...bytes, -sum & 0xff].map((byte) => byte.toString(16).padStart(2, "0"));
  return `:${digits.join("").toUpperCase()}`;
}

/** The lines for these bytes, `width` bytes each; no line crosses a boundary of 64 KB. */
export function hexLines({ address, bytes }: Written, width = 16): string[] {
  const lines: string[] = [];
  let upper = -1;
  for (let at = 0; at < bytes.length; ) {
    const place = address + at;
    if (place >>> 16 !== upper) {
      upper = place >>> 16;
      lines.push(hexLine(4, 0, Uint8Array.of(upper >> 8, upper & 0xff)));
    }
    const size = Math.min(width, bytes.length - at, 0x10000 - (place & 0xffff));
    lines.push(hexLine(0, place & 0xffff, bytes.subarray(at, at + size)));
    at += size;
  }
  return lines;
}

/** A whole file. */
export function hexFile(blocks: readonly Written[], width?: number): string {
  const lines = blocks.flatMap((block) => hexLines(block, width));
  return [...lines, hexLine(1, 0, new Uint8Array()), ""].join("\r\n");
}

export interface ImageOptions {
  readonly stack?: number;
  readonly reset?: number;
  readonly size?: number;
  /** Bytes that are somewhere in it. */
  readonly holds?: Uint8Array;
}

/** An image from address 0 on: vectors, then bytes that repeat. */
export function imageBytes({ stack = 0x20004000, reset = 0xc1, size = 40_000, holds }: ImageOptions = {}): Buffer {
  const image = Buffer.alloc(size, "firmware ");
  image.writeUInt32LE(stack, 0);
  image.writeUInt32LE(reset, 4);
  if (holds) image.set(holds, Math.min(1001, size - holds.length));
  return image;
}
