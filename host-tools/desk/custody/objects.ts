// Keys as objects of a token: the attributes by which a key is found, is made and is told from others.

import {
  Attr,
  type Attribute,
  flag,
  type KeyType,
  PRIVATE_KEY_CLASS,
  PUBLIC_KEY_CLASS,
  SECRET_KEY_CLASS,
} from "./cryptoki.js";
import type { KeyUse } from "./keyuses.js";
import type { TokenUri } from "./uri.js";

/** The object identifier of Ed25519, 1.3.101.112, in DER. */
const ED25519 = Buffer.from("06032b6570", "hex");
/** The token stores the point as a DER octet string of 32 bytes; some tokens leave out the DER header. */
const POINT_BEFORE = Buffer.from("0420", "hex");
const POINT_BYTES = 32;

/** The attributes by which a key is found and under which a new one is created. */
export function objectOf({ object, id }: TokenUri, objectClass: number): Attribute[] {
  return [
    { type: Attr.CLASS, value: objectClass },
    ...(object === undefined ? [] : [{ type: Attr.LABEL, value: object }]),
    ...(id === undefined ? [] : [{ type: Attr.ID, value: id }]),
  ];
}

export function classOf({ size }: KeyUse): number {
  return size === undefined ? PRIVATE_KEY_CLASS : SECRET_KEY_CLASS;
}

/** The attributes of a new key, which never leaves the token. */
export function newKeyOf(uri: TokenUri, use: KeyUse): Attribute[] {
  return [
    ...objectOf(uri, classOf(use)),
    flag(Attr.TOKEN),
    flag(Attr.PRIVATE),
    flag(Attr.SENSITIVE),
    flag(Attr.EXTRACTABLE, false),
    flag(Attr.MODIFIABLE, false),
    { type: Attr.KEY_TYPE, value: use.types[0] as KeyType },
    ...(use.size === undefined ? [] : [{ type: Attr.VALUE_LEN, value: use.size }]),
    ...use.attributes,
  ];
}

/** The public key of a new pair: anybody may read it. */
export function publicHalf(uri: TokenUri, use: KeyUse): Attribute[] {
  return [
    ...objectOf(uri, PUBLIC_KEY_CLASS),
    flag(Attr.TOKEN),
    flag(Attr.PRIVATE, false),
    flag(Attr.MODIFIABLE, false),
    flag(Attr.VERIFY),
    { type: Attr.KEY_TYPE, value: use.types[0] as KeyType },
    { type: Attr.EC_PARAMS, value: ED25519 },
  ];
}

/** The 32 bytes of an Ed25519 point; undefined for any other value. */
export function pointIn(value: Attribute["value"]): Buffer | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  const isString = value.length === POINT_BEFORE.length + POINT_BYTES && value.indexOf(POINT_BEFORE) === 0;
  const bytes = isString ? value.subarray(POINT_BEFORE.length) : value;
  return bytes.length === POINT_BYTES ? Buffer.from(bytes) : undefined;
}

/** CK_BBOOL or CK_ULONG, little-endian. */
export function numberIn(value: Attribute["value"]): number {
  if (!Buffer.isBuffer(value) || value.length === 0) return Number(value);
  return value.readUIntLE(0, Math.min(6, value.length));
}
