// Transport keys: the three static keys that open a card's secure channel and encrypt what is stored over it, and their
// derivation from the desk's master key.

import { KeyVersion, PutKey, Scp03Size } from "../../firmware/wire.js";
import { cmac, encryptBlocks, encryptCbc } from "./aes.js";
import { checkSerialNumber } from "./serialnumber.js";

const KEY_SIZE = PutKey.KEY;

/** A card's transport keys, of AES-128. */
export interface Keyset {
  /** The key version number. */
  readonly kvn: number;
  readonly enc: Uint8Array;
  readonly mac: Uint8Array;
  readonly dek: Uint8Array;
}

/** A master key that cannot be read: the object that holds it computes with it. */
export interface MasterKey {
  /** AES-CMAC under it, 16 bytes; wipe it after use. */
  cmac(message: Uint8Array): Buffer;
  /** The result of `kcv` for a readable key. */
  checkValue(): Buffer;
}

/** A master key of transport keys: its 16 bytes, or the object that holds it. */
export type Master = Uint8Array | MasterKey;

/** The key version number of a card that has the public test keys. */
export const PUBLIC_KVN = KeyVersion.TEST;
/** The key version numbers that a card accepts for its own keys. */
export const LOWEST_KVN = KeyVersion.LOWEST;
export const HIGHEST_KVN = KeyVersion.HIGHEST;

const KDD_SIZE = Scp03Size.DIVERSIFICATION;
const KCV_SIZE = PutKey.CHECK;

/** The public GlobalPlatform keys, 40 to 4F three times. */
export function testKeys(): Keyset {
  const key = () => Uint8Array.from({ length: KEY_SIZE }, (_, i) => 0x40 + i);
  return { kvn: PUBLIC_KVN, enc: key(), mac: key(), dek: key() };
}

/** A card's diversification data: its serial number in ASCII and a zero byte. */
export function diversificationData(serial: string): Buffer {
  return Buffer.from(`${checkSerialNumber(serial)}\0`, "ascii");
}

/** KDF3: a card's keyset, from a master key and the card's diversification data (docs/PROTOCOL.md, Keyset). */
export function diversify(master: Master, kdd: Uint8Array, kvn: number): Keyset {
  if (isReadable(master) && master.length !== KEY_SIZE) throw new RangeError(`a master key has ${KEY_SIZE} bytes`);
  if (kdd.length !== KDD_SIZE) throw new RangeError(`diversification data has ${KDD_SIZE} bytes`);
  const macOf = (block: Uint8Array) => (isReadable(master) ? cmac(master, block) : master.cmac(block));
  const key = (number: number) => macOf(Uint8Array.from([0x01, 0, 0, 0, number, 0x00, ...kdd]));
  return { kvn, enc: key(1), mac: key(2), dek: key(3) };
}

/** The check value of a master key: `kcv`, computed by its holder if it cannot be read. */
export function masterKcv(master: Master): Buffer {
  return isReadable(master) ? kcv(master) : master.checkValue();
}

/** Zeroes a readable master key. */
export function wipeMaster(master: Master | undefined): void {
  if (master && isReadable(master)) master.fill(0);
}

/** Whether these are the bytes of the key. */
export function isReadable(master: Master): master is Uint8Array {
  return master instanceof Uint8Array;
}

/** The key check value: the first bytes of AES over sixteen 01 (GPC_SPE_034 §B.6). */
export function kcv(key: Uint8Array): Buffer {
  return encryptBlocks(key, new Uint8Array(KEY_SIZE).fill(0x01)).subarray(0, KCV_SIZE);
}

/** Encrypts whole blocks under a static DEK: AES-CBC, zero IV (GPC_SPE_014 §4.1.3). */
export function encryptUnderDek(dek: Uint8Array, data: Uint8Array): Buffer {
  return encryptCbc(dek, new Uint8Array(KEY_SIZE), data);
}

/** The data of PUT KEY: the version, and each key under the current DEK, with its check value. */
export function putKeyData(fresh: Keyset, dek: Uint8Array): Buffer {
  if (fresh.kvn < LOWEST_KVN || fresh.kvn > HIGHEST_KVN) throw new RangeError("a card's own keys have kvn 01 to 7F");
  const block = (key: Uint8Array) =>
    Buffer.concat([
      Buffer.of(PutKey.TYPE_AES, KEY_SIZE + 1, KEY_SIZE),
      encryptUnderDek(dek, key),
      Buffer.of(KCV_SIZE),
      kcv(key),
    ]);
  return Buffer.concat([Buffer.of(fresh.kvn), ...keys(fresh).map(block)]);
}

/** The card's answer to PUT KEY: the version and the three check values. */
export function putKeyAnswer(fresh: Keyset): Buffer {
  return Buffer.concat([Buffer.of(fresh.kvn), ...keys(fresh).map(kcv)]);
}

/** Zeroes the keys. */
export function wipeKeyset(keyset: Keyset): void {
  for (const key of keys(keyset)) key.fill(0);
}

function keys(keyset: Keyset): Uint8Array[] {
  return [keyset.enc, keyset.mac, keyset.dek];
}
