// What a key in a token is for: its type, its size, and the operations that the token must offer for it.

import { Attr, type Attribute, flag, KeyType, Mech } from "./cryptoki.js";

/** The use of a key. */
export interface KeyUse {
  /** For errors, as "a transport master key". */
  readonly name: string;
  readonly types: readonly KeyType[];
  /** Size in bytes; undefined: the private key of a pair. */
  readonly size: number | undefined;
  readonly mechanisms: readonly Mech[];
  readonly generate: Mech;
  readonly attributes: readonly Attribute[];
}

export const TRANSPORT_USE: KeyUse = {
  name: "a transport master key",
  types: [KeyType.AES],
  size: 16,
  // CBC over one block computes the check value.
  mechanisms: [Mech.AES_CMAC, Mech.AES_CBC],
  generate: Mech.AES_KEY_GEN,
  attributes: [flag(Attr.SIGN), flag(Attr.ENCRYPT)],
};

export const WRAPPING_USE: KeyUse = {
  name: "a site key or desk key",
  types: [KeyType.AES],
  size: 32,
  mechanisms: [Mech.AES_GCM],
  generate: Mech.AES_KEY_GEN,
  attributes: [flag(Attr.ENCRYPT), flag(Attr.DECRYPT)],
};

export const MAC_USE: KeyUse = {
  name: "a journal key",
  types: [KeyType.GENERIC_SECRET, KeyType.SHA256_HMAC],
  size: 32,
  mechanisms: [Mech.SHA256_HMAC],
  generate: Mech.GENERIC_SECRET_KEY_GEN,
  attributes: [flag(Attr.SIGN)],
};

export const SIGNING_USE: KeyUse = {
  name: "an operator key",
  types: [KeyType.EC_EDWARDS],
  size: undefined,
  mechanisms: [Mech.EDDSA],
  generate: Mech.EC_EDWARDS_KEY_PAIR_GEN,
  attributes: [flag(Attr.SIGN)],
};
