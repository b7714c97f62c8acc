// The files of the site key, the desk key and the journal key, and of an operator's private key: 32 bytes each, in
// hexadecimal or encrypted with a passphrase.
//
//   # a comment
//   <64 hexadecimal digits>
//
//   # a comment
//   dsc-key KIND scrypt LOG2N R P SALT SEALED
//
// SEALED is the key as aead.ts seals it, under scrypt (RFC 7914) of the passphrase; the line up to it is the associated
// data. Passphrases are normalised (passphrase.ts).

import { randomFillSync, scryptSync } from "node:crypto";
import { SecretError } from "../../files/errors.js";
import { createExclusive, DISK, type FileSystem } from "../../files/files.js";
import { formForNew, type Passphrase } from "../../files/passphrase.js";
import { concatSecrets, copyOfSecret, hexOf, secretBytes } from "../../files/secretbytes.js";
import { readContents, type SecretOptions } from "../../files/secretfile.js";
import { keyIn } from "../../files/secrettext.js";
import { AEAD_KEY_BYTES, openUnder, sealUnder } from "./aead.js";
import { CUSTODY_KEY_BYTES, type CustodyKind } from "./sealing.js";

/** The kinds of key files. */
export type KeyFileKind = CustodyKind | "operator";

export interface CustodyKeyOptions extends SecretOptions {
  /** Asks for the passphrase of a file that needs one; the result is wiped here. */
  readonly askPassphrase?: () => Promise<Passphrase & { passphrase: Buffer }>;
}

export interface NewKeyOptions {
  readonly passphrase?: Passphrase | undefined;
  /** A lower cost is for tests only. */
  readonly cost?: Cost;
  readonly disk?: FileSystem;
}

/** The cost of scrypt: N is 2 to the power of `log2n`; memory is 128 N r bytes. */
export interface Cost {
  readonly log2n: number;
  readonly r: number;
  readonly p: number;
}

/** An encrypted key, as its file holds it. */
interface Wrapped {
  readonly kind: string;
  readonly cost: Cost;
  readonly salt: Buffer;
  readonly sealed: Buffer;
  readonly associated: Buffer;
}

/** 128 MiB, and about half a second. */
const COST: Cost = { log2n: 17, r: 8, p: 1 };
/** The largest cost that a file may request, so that a changed file cannot exhaust the memory. */
const MOST: Cost = { log2n: 20, r: 8, p: 4 };
const SALT_BYTES = 16;

const MARK = "dsc-key ";
const WRAPPED =
  /^(dsc-key (site|desk|journal|operator) scrypt (\d{1,2}) (\d{1,2}) (\d{1,2}) ([0-9a-f]{32})) ([0-9a-f]+)$/;

const PURPOSES: Record<KeyFileKind, string> = {
  site: "it opens token keys and unlock keys",
  desk: "it opens keys that the desk drew and the PINs of orders",
  journal: "it vouches for the journal",
  operator: "its owner signs with it",
};

/**
 * Draws a key and stores it in a new file that only its owner can read; never overwrites. Returns the key: wipe it
 * after use.
 */
export function createCustodyKey(path: string, kind: KeyFileKind, options: NewKeyOptions = {}): Buffer {
  const { passphrase, cost = COST, disk = DISK } = options;
  const key = randomFillSync(secretBytes(CUSTODY_KEY_BYTES));
  const line = passphrase ? wrappedLine(key, kind, passphrase, cost) : hexOf(key);
  const contents = concatSecrets(Buffer.from(commentOf(kind)), line, Buffer.from("\n"));
  try {
    createExclusive(path, contents, disk);
    return key;
  } catch (error) {
    key.fill(0);
    throw error;
  } finally {
    for (const secret of [line, contents]) secret.fill(0);
  }
}

/** The key of that kind: 32 bytes; wipe it after use. Throws a SecretError or a FileError of one line. */
export async function readCustodyKey(
  path: string,
  kind: KeyFileKind,
  options: CustodyKeyOptions = {},
): Promise<Buffer> {
  const held = readContents(
    path,
    options,
    (contents, source) => wrappedIn(contents, source) ?? plainIn(contents, source),
  );
  if (Buffer.isBuffer(held)) return held;
  if (held.kind !== kind) throw new SecretError(`${path}: is a ${held.kind} key; the ${kind} key is wanted`);
  if (!options.askPassphrase) throw new SecretError(`${path}: this key needs its passphrase; give it`);
  const passphrase = await options.askPassphrase();
  try {
    return unwrap(held, passphrase, path);
  } finally {
    passphrase.passphrase.fill(0);
  }
}

function commentOf(kind: KeyFileKind): string {
  return `# DSC+ ${kind} key (${PURPOSES[kind]}). Keep it secret, and a copy in a safe.\n`;
}

function plainIn(contents: Buffer, source: string): Buffer {
  return keyIn(contents, source, CUSTODY_KEY_BYTES, CUSTODY_KEY_BYTES);
}

/** Undefined if the file does not have this form. Its contents are not secret, so they may become a string. */
function wrappedIn(contents: Buffer, source: string): Wrapped | undefined {
  if (contents.indexOf(MARK) !== 0 && !contents.includes(`\n${MARK}`)) return undefined;
  const [line = "", ...more] = contents
    .toString("latin1")
    .split(/\r?\n/)
    .filter((any) => any !== "" && any[0] !== "#");
  const [, head = "", kind = "", log2n, r, p, salt = "", sealed = ""] = WRAPPED.exec(line.trim()) ?? [];
  if (head === "" || more.length > 0)
    throw new SecretError(`${source}: is an encrypted key file, but damaged; restore it from a copy`);
  const cost = { log2n: Number(log2n), r: Number(r), p: Number(p) };
  refuseCost(cost, source);
  const bytes = (hex: string) => Buffer.from(hex, "hex");
  return { kind, cost, salt: bytes(salt), sealed: bytes(sealed), associated: Buffer.from(head) };
}

function refuseCost(cost: Cost, source: string): void {
  const names = ["log2n", "r", "p"] as const;
  if (names.every((name) => cost[name] >= 1 && cost[name] <= MOST[name])) return;
  throw new SecretError(
    `${source}: requests more memory or time (scrypt) than any key file of dsc; restore it from a copy`,
  );
}

function wrappedLine(key: Buffer, kind: KeyFileKind, passphrase: Passphrase, cost: Cost): Buffer {
  const salt = randomFillSync(Buffer.alloc(SALT_BYTES));
  const { log2n, r, p } = cost;
  const head = `${MARK}${kind} scrypt ${log2n} ${r} ${p} ${salt.toString("hex")}`;
  const wrapping = wrappingKey(passphrase, cost, salt);
  try {
    const sealed = sealUnder(wrapping, key, Buffer.from(head));
    return Buffer.from(`${head} ${sealed.toString("hex")}`);
  } finally {
    wrapping.fill(0);
  }
}

function unwrap({ cost, salt, sealed, associated }: Wrapped, passphrase: Passphrase, path: string): Buffer {
  const wrapping = wrappingKey(passphrase, cost, salt);
  const key = openUnder(wrapping, sealed, associated);
  wrapping.fill(0);
  if (key?.length === CUSTODY_KEY_BYTES) return key;
  key?.fill(0);
  throw new SecretError(`${path}: the passphrase does not open this key, or the file was changed; try again`);
}

function wrappingKey(passphrase: Passphrase, { log2n, r, p }: Cost, salt: Buffer): Buffer {
  const form = formForNew(passphrase);
  const N = 2 ** log2n;
  try {
    return copyOfSecret(scryptSync(form, salt, AEAD_KEY_BYTES, { N, r, p, maxmem: 256 * N * r }));
  } finally {
    form.fill(0);
  }
}
