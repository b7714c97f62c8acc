// The initial contents of a module's memory: its data segments (WebAssembly Core Specification 1.0, 5.5.14).

const HEAD = 8;
const DATA_SECTION = 11;
const ACTIVE = 0;
const I32_CONST = 0x41;
const END = 0x0b;

/** The bytes of each active segment. */
export function dataSegments(module: Buffer): Buffer[] {
  for (let at = HEAD; at < module.length; ) {
    const [size, start] = number(module, at + 1);
    if (module[at] === DATA_SECTION) return segments(module, start);
    at = start + size;
  }
  return [];
}

function segments(module: Buffer, from: number): Buffer[] {
  const found: Buffer[] = [];
  let [left, at] = number(module, from);
  for (; left > 0; left--) {
    if (module[at] !== ACTIVE || module[at + 1] !== I32_CONST) throw new Error("not an active segment");
    const [, end] = number(module, at + 2);
    if (module[end] !== END) throw new Error("not at a constant place");
    const [size, start] = number(module, end + 1);
    at = start + size;
    found.push(module.subarray(start, at));
  }
  return found;
}

/** A LEB128 number and the place after it. */
function number(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[at++] as number;
    value += (byte & 0x7f) * shift;
    if (byte < 0x80) return [value, at];
  }
}
