// The keys of a seed file, and the values under them (RFC 6030 §6): AES-128-CBC, HMAC, PBKDF2.

import { createCipheriv, createHmac, pbkdf2Sync, randomBytes, randomFillSync, timingSafeEqual } from "node:crypto";
import type { Document, Element } from "@xmldom/xmldom";
import { decryptCbc } from "../card/aes.js";
import { SeedFileError } from "../files/errors.js";
import { formForNew, formsOf, type Passphrase, refuseDoubtful } from "../files/passphrase.js";
import { copyOfSecret, secretBytes } from "../files/secretbytes.js";
import { base64, child, integer, maker, need, quoted, text } from "./pskcxml.js";

/** The secret of a seed file: 16 bytes, or a passphrase as it was given. */
export type SeedSecret = Uint8Array | Passphrase;

/** A passphrase as the exact bytes. */
interface ExactPassphrase {
  readonly exactly: Uint8Array;
}

const KEY_BYTES = 16;
const BLOCK_BYTES = 16;
const MAC_KEY_BYTES = 20;
export const TOKEN_KEY_BYTES = { least: 16, most: 64 };
const SALT_BYTES = 16;
/** The OWASP recommendation for PBKDF2 with HMAC-SHA-256. */
const ITERATIONS = 600_000;
/** A higher number would only waste the reader's time. */
const MOST_ITERATIONS = 10_000_000;

const AES_128_CBC = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
const PBKDF2 = [
  "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2",
  "http://www.w3.org/2009/xmlenc11#pbkdf2",
] as const;
const HMAC_SHA1 = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
const HMAC_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
const HASHES = new Map([
  [HMAC_SHA1, "sha1"],
  [HMAC_SHA256, "sha256"],
]);

/** The label of the fingerprint of a PSKC key. */
const FINGERPRINT = "dsc PSKC key";

/** Which PSKC key it is, in hexadecimal: many keys have the same check value, but no two have the same fingerprint. */
export function keyFingerprint(key: Uint8Array): string {
  return createHmac("sha256", key).update(FINGERPRINT).digest("hex");
}

/** The keys that encrypt and authenticate values. */
export interface Keys {
  readonly encryption: Buffer;
  readonly mac: Buffer;
  readonly macAlgorithm: string;
}

/**
 * Calls `open` with each form of the secret until one fits. Otherwise throws the error of the first form, or, if the
 * secret is most likely no passphrase, a SecretError that says so.
 */
export function withFitting<T>(secret: SeedSecret, open: (secret: Uint8Array | ExactPassphrase) => T): T {
  if (secret instanceof Uint8Array) return open(secret);
  const forms = formsOf(secret);
  try {
    return firstThatFits(forms, (exactly) => open({ exactly }));
  } catch (error) {
    refuseDoubtful(secret);
    throw error;
  } finally {
    for (const form of forms) form.fill(0);
  }
}

function firstThatFits<T>([form, ...others]: readonly Buffer[], open: (form: Buffer) => T): T {
  if (!form) throw new Error("a passphrase has a form");
  try {
    return open(form);
  } catch (error) {
    if (others.length === 0 || !(error instanceof SeedFileError)) throw error;
    try {
      return firstThatFits(others, open);
    } catch {
      throw error;
    }
  }
}

/** Opens the keys with one form of the secret. */
export function openKeys(container: Element, secret: Uint8Array | ExactPassphrase): Keys {
  const encryption = openEncryptionKey(child(container, "pskc:EncryptionKey"), secret);
  try {
    return { encryption, ...openMac(container, encryption) };
  } catch (error) {
    encryption.fill(0);
    throw error;
  }
}

function openMac(container: Element, encryption: Buffer): Omit<Keys, "encryption"> {
  const method = child(container, "pskc:MACMethod");
  if (!method) throw new SeedFileError("has no MACs, so nothing in it can be trusted");
  const macAlgorithm = method.getAttribute("Algorithm") ?? "";
  if (!HASHES.has(macAlgorithm)) throw new SeedFileError(`has MACs of an unknown kind: ${quoted(macAlgorithm)}`);
  if (child(method, "pskc:MACKeyReference")) throw new SeedFileError("has MACs under a key that is not in the file");
  const macKey = child(method, "pskc:MACKey");
  // Without a MACKey the encryption key also makes the MACs (§6.1.1).
  const mac = macKey ? decrypt(cipherValue(macKey), encryption) : copyOfSecret(encryption);
  return { mac, macAlgorithm };
}

function openEncryptionKey(encryptionKey: Element | undefined, secret: Uint8Array | ExactPassphrase): Buffer {
  if (!encryptionKey) throw new SeedFileError("is not encrypted; such files are not read");
  const derived = child(encryptionKey, "xenc11:DerivedKey");
  if (secret instanceof Uint8Array) {
    if (derived) throw new SeedFileError("opens with a passphrase, not with a key");
    return presharedKey(secret);
  }
  if (!derived) throw new SeedFileError("opens with a key, not with a passphrase");
  return deriveKey(derived, secret.exactly);
}

/** The kind of secret that opens the container; "nothing": its keys are in the clear. */
export function opensWith(container: Element): "key" | "passphrase" | "nothing" {
  const encryptionKey = child(container, "pskc:EncryptionKey");
  if (!encryptionKey) return "nothing";
  return child(encryptionKey, "xenc11:DerivedKey") ? "passphrase" : "key";
}

function presharedKey(secret: Uint8Array): Buffer {
  if (secret.length !== KEY_BYTES)
    throw new SeedFileError(`opens with a key of ${KEY_BYTES} bytes; the one given has ${secret.length}`);
  return copyOfSecret(secret);
}

/** PBKDF2 (§6.2). Tools use different namespaces for its parameters, so the namespace is ignored. */
function deriveKey(derived: Element, passphrase: Uint8Array): Buffer {
  const method = child(derived, "xenc11:KeyDerivationMethod");
  const algorithm = method?.getAttribute("Algorithm") ?? "";
  if (!PBKDF2.some((known) => known === algorithm))
    throw new SeedFileError(`has its key derived in an unknown way: ${quoted(algorithm)}`);
  const parameters = need(method, "*:PBKDF2-params");
  const salt = base64(need(need(parameters, "*:Salt"), "*:Specified"));
  const iterations = integer(text(need(parameters, "*:IterationCount")), 1, MOST_ITERATIONS, "IterationCount");
  const length = child(parameters, "*:KeyLength");
  if (length) integer(text(length), KEY_BYTES, KEY_BYTES, "KeyLength");
  // RFC 8018 A.2: the default is HMAC-SHA-1.
  const prf = child(parameters, "*:PRF")?.getAttribute("Algorithm") || HMAC_SHA1;
  const hash = HASHES.get(prf);
  if (!hash) throw new SeedFileError(`has its key derived with an unknown hash: ${quoted(prf)}`);
  return pbkdf2Sync(passphrase, salt, iterations, KEY_BYTES, hash);
}

/** The value in a Secret. Its MAC over initialization vector and ciphertext is checked first. */
export function openSecret(secret: Element, keys: Keys): Buffer {
  const encrypted = child(secret, "pskc:EncryptedValue");
  const mac = child(secret, "pskc:ValueMAC");
  if (!encrypted || !mac) throw new SeedFileError("the key is not encrypted, or has no MAC");
  const value = cipherValue(encrypted);
  if (!sameBytes(base64(mac), macOf(value, keys)))
    throw new SeedFileError("the MAC is wrong: the file was changed, or the secret is wrong");
  const key = decrypt(value, keys.encryption);
  const { least, most } = TOKEN_KEY_BYTES;
  if (key.length < least || key.length > most)
    throw new SeedFileError(`the key has ${key.length} bytes; a card has ${least} to ${most}`);
  return key;
}

function cipherValue(encrypted: Element): Buffer {
  const algorithm = child(encrypted, "xenc:EncryptionMethod")?.getAttribute("Algorithm") ?? "";
  if (algorithm !== AES_128_CBC) throw new SeedFileError(`is encrypted in an unknown way: ${quoted(algorithm)}`);
  return base64(need(need(encrypted, "xenc:CipherData"), "xenc:CipherValue"));
}

/**
 * AES-128-CBC with a leading initialization vector and the padding of XML Encryption §5.2, where only the last byte
 * counts.
 */
function decrypt(value: Buffer, key: Buffer): Buffer {
  if (value.length < 2 * BLOCK_BYTES || value.length % BLOCK_BYTES !== 0)
    throw new SeedFileError("has an encrypted value of the wrong length");
  const padded = decryptCbc(key, value.subarray(0, BLOCK_BYTES), value.subarray(BLOCK_BYTES));
  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > BLOCK_BYTES)
    throw new SeedFileError("does not open: the key or passphrase is wrong, or the file was changed");
  return padded.subarray(0, padded.length - padding);
}

export function encrypt(plain: Uint8Array, key: Buffer): Buffer {
  const vector = randomBytes(BLOCK_BYTES);
  const cipher = createCipheriv("aes-128-cbc", key, vector);
  return Buffer.concat([vector, cipher.update(plain), cipher.final()]);
}

export function macOf(value: Buffer, keys: Keys): Buffer {
  return createHmac(HASHES.get(keys.macAlgorithm) ?? "", keys.mac)
    .update(value)
    .digest();
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** EncryptionKey and MACMethod of a new file. */
export function writeHeader(document: Document, container: Element, secret: SeedSecret): Keys {
  const make = maker(document);
  const salt = randomBytes(SALT_BYTES);
  const preshared = secret instanceof Uint8Array;
  const encryption = preshared ? presharedKey(secret) : derivedFrom(formForNew(secret), salt);
  const keys = { encryption, mac: randomFillSync(secretBytes(MAC_KEY_BYTES)), macAlgorithm: HMAC_SHA1 };
  const source = preshared ? make("ds:KeyName", {}, "Pre-shared-key") : derivedKey(document, salt);
  container.appendChild(make("pskc:EncryptionKey", {}, source));
  const macKey = make("pskc:MACKey", {}, ...encryptedData(document, encrypt(keys.mac, encryption)));
  container.appendChild(make("pskc:MACMethod", { Algorithm: HMAC_SHA1 }, macKey));
  return keys;
}

/** The key of a new file. Wipes the passphrase. */
function derivedFrom(passphrase: Buffer, salt: Buffer): Buffer {
  const key = pbkdf2Sync(passphrase, salt, ITERATIONS, KEY_BYTES, "sha256");
  passphrase.fill(0);
  return key;
}

/** As in figure 7 of the RFC. */
function derivedKey(document: Document, salt: Buffer): Element {
  const make = maker(document);
  const parameters = make(
    "pkcs5:PBKDF2-params",
    {},
    make("Salt", {}, make("Specified", {}, salt.toString("base64"))),
    make("IterationCount", {}, String(ITERATIONS)),
    make("KeyLength", {}, String(KEY_BYTES)),
    make("PRF", { Algorithm: HMAC_SHA256 }),
  );
  return make(
    "xenc11:DerivedKey",
    {},
    make("xenc11:KeyDerivationMethod", { Algorithm: PBKDF2[0] }, parameters),
    make("xenc11:MasterKeyName", {}, "Passphrase"),
  );
}

export function encryptedData(document: Document, value: Buffer): Element[] {
  const make = maker(document);
  return [
    make("xenc:EncryptionMethod", { Algorithm: AES_128_CBC }),
    make("xenc:CipherData", {}, make("xenc:CipherValue", {}, value.toString("base64"))),
  ];
}
