// The vectors of ../shared for SCP03 (GPC_SPE_014): recorded sessions, derived keys and key check values.

import { vectors } from "./sharedvectors.js";

/** A session recorded with a real card; bytes are in hexadecimal, `kvn` and `securityLevel` begin with 0x. */
export interface RecordedSession {
  name: string;
  keyset: { kvn: string; enc: string; mac: string; dek: string };
  securityLevel: string;
  initUpdate: string;
  hostChallenge: string;
  cardChallenge: string;
  cardCryptogram: string;
  hostCryptogram: string;
  sEnc: string;
  sMac: string;
  sRmac: string;
  extAuth: string;
  apdusInOrder: { plain: string; wrapped: string; response?: { wrapped: string; sw: string; plain: string } }[];
}

/** A row of key derivation (§4.1.5); `constant` is a byte in hexadecimal. */
export interface KdfRow {
  key: string;
  constant: string;
  context: string;
  out: string;
}

/** A keyset diversified from a master key (KDF3), with its check values. */
export interface Kdf3Row {
  master: string;
  kdd: string;
  enc: string;
  mac: string;
  dek: string;
  kcv: { enc: string; mac: string; dek: string };
}

/** A key and its check value (GPC_SPE_034 §B.6). */
export interface CheckValue {
  key: string;
  kcv: string;
}

interface Scp03Set {
  sessions?: RecordedSession[];
  kdf?: KdfRow[];
  kdf3?: Kdf3Row[];
  kcv?: CheckValue[];
}

/** Digits of a key of AES-128, the only one that the card has. */
const AES_128_DIGITS = 32;

/** The rows of one kind, of every set. */
export function scp03Rows<K extends keyof Scp03Set>(kind: K): NonNullable<Scp03Set[K]> {
  const { sets } = vectors<{ sets: Scp03Set[] }>("scp03.json");
  return sets.flatMap((set) => (set[kind] ?? []) as unknown[]) as NonNullable<Scp03Set[K]>;
}

/** Whether a key in hexadecimal is one of AES-128. */
export function isAes128(key: string): boolean {
  return key.length === AES_128_DIGITS;
}

/** The recorded sessions with keys of AES-128. */
export function sessionsOfAes128(): RecordedSession[] {
  return scp03Rows("sessions").filter(({ keyset }) => isAes128(keyset.enc));
}
