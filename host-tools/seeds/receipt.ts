// Receipts: a site's statement of the keys that it imported from an export, so that the desk may forget those keys.
//
//   { "kind", "version", "at", "export": SHA-256 of the PSKC file, "keys": [{ "serial", "field" }],
//     "signature": { "algorithm", "key": SHA-256 of the public key, "value" } }
//
// The signature covers the receipt without its signature, as JSON without blanks and with sorted names in each object
// (UTF-8).

import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
  verify,
} from "node:crypto";
import { FileError, SecretError } from "../files/errors.js";
import { createExclusive, DISK, type FileSystem, readWhole } from "../files/files.js";
import type { Imported } from "./pskcimport.js";
import type { KeyField } from "./pskcpackages.js";
import { MAX_BYTES } from "./pskcxml.js";

/** A receipt that cannot be used, or whose signature is missing or wrong. */
export class ReceiptError extends FileError {
  override name = "ReceiptError";
}

/** A key that was imported: its card, and which of the card's two keys. */
export interface KeyRead {
  readonly serial: string;
  readonly field: KeyField;
}

export interface Receipt {
  readonly kind: typeof KIND;
  readonly version: 1;
  /** When the keys were read: UTC, in ISO 8601. */
  readonly at: string;
  /** SHA-256 of the PSKC file, in hexadecimal; for a file in CMS, of its contents. */
  readonly export: string;
  readonly keys: readonly KeyRead[];
}

export interface Signature {
  readonly algorithm: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo), in hexadecimal. */
  readonly key: string;
  /** In base64. */
  readonly value: string;
}

/** A receipt as stored in a file. */
export interface FiledReceipt extends Receipt {
  readonly signature?: Signature;
}

const KIND = "dsc-pskc-receipt";
const SHA256 = /^[0-9a-f]{64}$/;
const SERIAL = /^[ -~]{1,64}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

/** A signature method. */
interface Method {
  /** Its name in a receipt. */
  readonly name: string;
  readonly hash: string | null;
  readonly padding?: Partial<SignKeyObjectInput>;
}

/** The methods by kind of key. */
const METHODS: Readonly<Record<string, Method>> = {
  rsa: {
    name: "RSA-PSS with SHA-256",
    hash: "sha256",
    padding: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  },
  ec: { name: "ECDSA with SHA-256", hash: "sha256" },
  ed25519: { name: "Ed25519", hash: null },
};

/** The receipt for the keys that were imported from a file. */
export function receiptOf({ sha256, records }: Pick<Imported, "sha256" | "records">, at: Date): Receipt {
  const keys = records.flatMap(({ serial, unlockKey }): KeyRead[] => [
    { serial, field: "token" },
    ...(unlockKey ? [{ serial, field: "unlock" } as const] : []),
  ]);
  return { kind: KIND, version: 1, at: at.toISOString(), export: sha256, keys };
}

/** A private key in PEM that signs receipts. Throws a SecretError. */
export function signingKeyIn(contents: Buffer, source: string): KeyObject {
  const key = privateKeyIn(contents, source);
  const kind = key.asymmetricKeyType ?? "";
  if (Object.hasOwn(METHODS, kind)) return key;
  throw new SecretError(`${source}: a key of kind ${kind}; RSA, EC or Ed25519 is needed to sign`);
}

function privateKeyIn(contents: Buffer, source: string): KeyObject {
  try {
    return createPrivateKey(contents);
  } catch {
    if (!contents.includes("ENCRYPTED")) throw new SecretError(`${source}: is not a private key in PEM`);
    throw new SecretError(`${source}: is encrypted with a passphrase; decrypt it with openssl pkey -in and pipe it in`);
  }
}

/** Writes a receipt, signed if a key is given. Never overwrites. */
export function writeReceipt(
  path: string,
  receipt: Receipt,
  signingKey: KeyObject | undefined,
  disk: FileSystem = DISK,
): void {
  const filed: FiledReceipt = signingKey ? { ...receipt, signature: signed(receipt, signingKey) } : receipt;
  createExclusive(path, `${JSON.stringify(filed, undefined, 1)}\n`, disk);
}

function signed(receipt: Receipt, key: KeyObject): Signature {
  const { name, hash, padding } = methodOf(key);
  const value = sign(hash, Buffer.from(canonical(receipt)), { key, ...padding }).toString("base64");
  return { algorithm: name, key: nameOfKey(createPublicKey(key)), value };
}

/** Reads a receipt without checking its signature. Throws a ReceiptError or a FileError. */
export function readReceipt(path: string, disk: FileSystem = DISK): FiledReceipt {
  const text = readWhole(path, MAX_BYTES, disk).toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ReceiptError(`${path}: is not JSON, or was cut short`);
  }
  if (!isReceipt(value)) throw new ReceiptError(`${path}: is not a receipt of an export, or has a later version`);
  const names = value.keys.map(({ serial, field }) => `${field} ${serial}`);
  if (new Set(names).size !== names.length) throw new ReceiptError(`${path}: names a key twice`);
  return value;
}

/** Throws a ReceiptError unless the receipt is signed by the key of that public key, such as a certificate's. */
export function checkSignature(path: string, { signature, ...receipt }: FiledReceipt, key: KeyObject): void {
  if (!signature) throw new ReceiptError(`${path}: the receipt is not signed`);
  if (signature.key !== nameOfKey(key)) throw new ReceiptError(`${path}: is not signed by the certificate's key`);
  const { name, hash, padding } = methodOf(key);
  const message = Buffer.from(canonical(receipt));
  const right =
    signature.algorithm === name && verify(hash, message, { key, ...padding }, Buffer.from(signature.value, "base64"));
  if (!right) throw new ReceiptError(`${path}: the signature is wrong, since the receipt was changed`);
}

function methodOf(key: KeyObject) {
  const method = METHODS[key.asymmetricKeyType ?? ""];
  if (!method) throw new ReceiptError(`a ${key.asymmetricKeyType} key cannot have signed a receipt`);
  return method;
}

function nameOfKey(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex");
}

/** JSON without blanks and with sorted names in each object. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join()}}`;
}

/** Whether these are exactly the fields of a receipt: a receipt with unknown fields must not be relied on. */
function isReceipt(value: unknown): value is FiledReceipt {
  if (!hasFields(value, ["kind", "version", "at", "export", "keys"], ["signature"])) return false;
  const { kind, version, at, export: hash, keys, signature } = value;
  const head = kind === KIND && version === 1 && matches(at, UTC) && matches(hash, SHA256);
  return head && Array.isArray(keys) && keys.every(isKeyRead) && (signature === undefined || isSignature(signature));
}

function isKeyRead(value: unknown): value is KeyRead {
  if (!hasFields(value, ["serial", "field"])) return false;
  return matches(value.serial, SERIAL) && (value.field === "token" || value.field === "unlock");
}

function isSignature(value: unknown): value is Signature {
  if (!hasFields(value, ["algorithm", "key", "value"])) return false;
  return typeof value.algorithm === "string" && matches(value.key, SHA256) && matches(value.value, BASE64);
}

function hasFields(
  value: unknown,
  needed: readonly string[],
  allowed: readonly string[] = [],
): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const names = Object.keys(value);
  return needed.every((name) => names.includes(name)) && names.every((name) => [...needed, ...allowed].includes(name));
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}
