// Secrets in all the forms in which they may lie in memory and files, and the search for them in bytes.

/** A secret to look for. */
export interface Secret {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Every image has four digits by chance, so a PIN is searched for together with the bytes beside it. */
  readonly kind?: "pin";
}

/** A form of a secret: bytes, and what may follow them. */
export interface Needle {
  readonly secret: string;
  readonly form: string;
  readonly bytes: Buffer;
  /** The offset of two of its bytes that are rare in memory. */
  readonly anchor?: number;
  /** How many decimal digits must follow. */
  readonly digits?: number;
}

/** The bytes searched for at a key's beginning and at its end: enough to be unique, and half a key is found, too. */
const PIECE = 8;
/** V8 keeps small integers in the upper half of a word of 8 bytes. */
const SMI_SIZE = 8;

export function needlesOf(secrets: readonly Secret[]): Needle[] {
  const all = secrets.flatMap((secret) => (secret.kind === "pin" ? pinForms(secret) : keyForms(secret)));
  return [...new Map(all.map((needle) => [needle.bytes.toString("latin1"), needle])).values()];
}

function keyForms({ name, bytes }: Secret): Needle[] {
  const whole = Buffer.from(bytes);
  const pieces = [whole.subarray(0, PIECE), whole.subarray(-PIECE)];
  const forms = pieces.flatMap((piece): [string, Buffer][] => {
    const hex = piece.toString("hex");
    return [
      ["bytes", piece],
      ["words turned round", Buffer.from(piece).swap32()],
      ["hex", Buffer.from(hex)],
      ["HEX", Buffer.from(hex.toUpperCase())],
      ["hex in UTF-16", Buffer.from(hex, "utf16le")],
      ["base64", Buffer.from(piece.toString("base64").slice(0, 10))],
      ["array of bytes", smis([...piece])],
      ["array of hex digits", smis([...hex].map((digit) => Number.parseInt(digit, 16)))],
      ["array of characters", smis([...Buffer.from(hex)])],
    ];
  });
  const tail = whole.toString("base64").replace(/=+$/, "").slice(-10);
  return [...forms, ["base64", Buffer.from(tail)] as const].map(([form, piece]) => needle(name, form, piece));
}

/** A form to search for. Array words are a value and zeros, so the anchor is at the largest value, the rarest. */
function needle(secret: string, form: string, bytes: Buffer): Needle {
  const anchor = form.startsWith("array") ? bytes.indexOf(Math.max(...bytes)) : 0;
  return { secret, form, bytes, anchor };
}

function smis(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * SMI_SIZE);
  for (const [index, value] of values.entries()) bytes.writeInt32LE(value, index * SMI_SIZE + 4);
  return bytes;
}

function pinForms({ name, bytes }: Secret): Needle[] {
  const pin = Buffer.from(bytes);
  const zeros = Buffer.alloc(PIECE);
  const forms: [string, Buffer][] = [
    // The length of a V8 string, and its characters.
    ["string", Buffer.concat([Buffer.of(pin.length, 0, 0, 0), pin])],
    ["line of a file", Buffer.concat([pin, Buffer.from("\n"), zeros])],
    ["bytes before zeros", Buffer.concat([pin, zeros])],
    ["array of bytes", smis([...pin])],
    ["array of digits", smis([...pin].map((digit) => digit - 0x30))],
  ];
  const needles = forms.map(([form, piece]) => needle(name, form, piece));
  return [...needles, { secret: name, form: "with a challenge", bytes: pin, digits: 6 }];
}

/** Finds needles in one pass over the bytes. */
export class Search {
  /** How often each was found: `secret: form`. */
  readonly found = new Map<string, number>();
  /** The length of the longest needle. */
  readonly overlap: number;
  readonly #byStart = new Map<number, Needle[]>();
  readonly #starts = new Uint8Array(0x10000);

  constructor(needles: readonly Needle[]) {
    this.overlap = Math.max(...needles.map(({ bytes, digits = 0 }) => bytes.length + digits));
    for (const needle of needles) {
      const start = needle.bytes.readUInt16LE(needle.anchor ?? 0);
      this.#starts[start] = 1;
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), needle]);
    }
  }

  get copies(): number {
    return [...this.found.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Searches at each position of the first `size` bytes; a needle may reach beyond them. */
  look(bytes: Buffer, size = bytes.length): void {
    const starts = this.#starts;
    let next = bytes[0] ?? 0;
    for (let at = 0; at < size; at++) {
      const here = next;
      next = bytes[at + 1] ?? 0;
      if (starts[here | (next << 8)]) this.#compare(bytes, at, here | (next << 8));
    }
  }

  #compare(bytes: Buffer, place: number, start: number): void {
    for (const { secret, form, bytes: wanted, anchor = 0, digits = 0 } of this.#byStart.get(start) ?? []) {
      const at = place - anchor;
      const end = at + wanted.length;
      if (at < 0 || end > bytes.length || !sameBytes(bytes, at, wanted)) continue;
      if (digits > 0 && !areDigits(bytes.subarray(end, end + digits), digits)) continue;
      const name = `${secret}: ${form}`;
      this.found.set(name, (this.found.get(name) ?? 0) + 1);
    }
  }
}

/** A loop is fastest, because the first bytes nearly always differ. */
function sameBytes(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let index = 0; index < wanted.length; index++) if (bytes[at + index] !== wanted[index]) return false;
  return true;
}

function areDigits(bytes: Buffer, count: number): boolean {
  return bytes.length === count && bytes.every((byte) => byte >= 0x30 && byte <= 0x39);
}
