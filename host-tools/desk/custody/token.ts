// One PKCS#11 token with an open session, and its keys. Operations with a key run inside the token: the bytes of the
// key never leave it.
//
// A PIN is tried once. A process opens a token once, however many of its keys are used (tokens.ts), so that a wrong PIN
// uses up one try and not one for each key.

import { concatSecrets, secretBytes } from "../../files/secretbytes.js";
import {
  Attr,
  type Attribute,
  type Cryptoki,
  codeOf,
  type Handle,
  KeyType,
  Mech,
  type Mechanism,
  PRIVATE_KEY_CLASS,
  PUBLIC_KEY_CLASS,
  SECRET_KEY_CLASS,
  SessionFlag,
  TokenFlag,
  type TokenInfo,
  USER,
} from "./cryptoki.js";
import { TokenError, TokenPinError, type TokenReason } from "./errors.js";
import type { TokenUri } from "./uri.js";

/** A use of keys: the key's type, its size, and the operations that the token must offer. */
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

/** A PIN, and whether a person typed it. The PIN is wiped after use. */
export interface GivenPin {
  readonly pin: Buffer;
  readonly typed: boolean;
}

/** Returns the PIN of the named token. */
export type AskPin = (token: string) => Promise<GivenPin>;

const flag = (type: Attr, value = true): Attribute => ({ type, value });

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

/** The object identifier of Ed25519, 1.3.101.112, in DER. */
const ED25519 = Buffer.from("06032b6570", "hex");
/** The token stores the point as a DER octet string of 32 bytes; some tokens leave out the DER header. */
const POINT_BEFORE = Buffer.from("0420", "hex");
const POINT_BYTES = 32;

/** Two matches are enough to know that the URI is ambiguous. */
const MOST_FOUND = 2;

/** The CKR_ values in words. */
const MEANINGS: readonly [TokenReason, string, readonly string[]][] = [
  [
    "removed",
    "the token, or its key, is gone; put the token back and run the command again",
    [
      "CKR_DEVICE_REMOVED",
      "CKR_DEVICE_ERROR",
      "CKR_TOKEN_NOT_PRESENT",
      "CKR_TOKEN_NOT_RECOGNIZED",
      "CKR_SLOT_ID_INVALID",
      "CKR_SESSION_CLOSED",
      "CKR_SESSION_HANDLE_INVALID",
      "CKR_KEY_HANDLE_INVALID",
      "CKR_OBJECT_HANDLE_INVALID",
      "CKR_USER_NOT_LOGGED_IN",
    ],
  ],
  ["read-only", "the token takes no new keys: it is read-only", ["CKR_TOKEN_WRITE_PROTECTED", "CKR_SESSION_READ_ONLY"]],
  ["full", "the token is full; delete objects that it does not need", ["CKR_DEVICE_MEMORY"]],
  ["unsupported", "the token refuses this use of the key", ["CKR_MECHANISM_INVALID", "CKR_KEY_FUNCTION_NOT_PERMITTED"]],
];

const PIN_MEANINGS: Readonly<Record<string, readonly [TokenReason, string]>> = {
  CKR_PIN_INCORRECT: ["pin", "the token rejected the PIN, which was tried once; check it before the next try"],
  CKR_PIN_INVALID: ["pin", "the token takes no such PIN"],
  CKR_PIN_LEN_RANGE: ["pin", "the token takes no PIN of this length"],
  CKR_PIN_EXPIRED: ["pin-locked", "the token wants another PIN first; change it with the vendor's tools"],
  CKR_PIN_LOCKED: ["pin-locked", "the token is locked after too many wrong PINs; unlock it with the vendor's tools"],
};

export class Token {
  /** For errors and questions, as `token "desk"`. */
  readonly name: string;
  readonly #cryptoki: Cryptoki;
  readonly #slot: Handle;
  readonly #session: Handle;

  private constructor(cryptoki: Cryptoki, slot: Handle, session: Handle, name: string) {
    this.#cryptoki = cryptoki;
    this.#slot = slot;
    this.#session = session;
    this.name = name;
  }

  /** Opens a session and logs in with one try. */
  static async open(cryptoki: Cryptoki, slot: Handle, askPin: AskPin): Promise<Token> {
    const { info, name } = describe(cryptoki, slot);
    const session = openSession(cryptoki, slot, info, name);
    try {
      await logIn(cryptoki, slot, session, name, askPin);
      return new Token(cryptoki, slot, session, name);
    } catch (error) {
      quietly(() => cryptoki.C_CloseSession(session));
      throw error;
    }
  }

  close(): void {
    quietly(() => this.#cryptoki.C_CloseSession(this.#session));
  }

  /** The key that the URI names. Throws a TokenError if there is none for this use. */
  key(uri: TokenUri, use: KeyUse): TokenKey {
    const key = this.#find(uri, classOf(use));
    if (!key) throw new TokenError(`${uri.name}: ${this.name} has no such key`, "no-key");
    this.#check(uri, use, key);
    return new TokenKey(this.#cryptoki, this.#session, key, uri.name);
  }

  /** The public key beside a private key of this name, 32 bytes. */
  publicKey(uri: TokenUri): Buffer {
    const key = this.#find(uri, PUBLIC_KEY_CLASS);
    if (!key) throw new TokenError(`${uri.name}: ${this.name} has no public key for that key`, "no-key");
    const point = doing(uri.name, () =>
      this.#cryptoki.C_GetAttributeValue(this.#session, key, [{ type: Attr.EC_POINT }]),
    );
    const bytes = pointIn(point[0]?.value);
    if (bytes) return bytes;
    throw new TokenError(`${uri.name}: the public key for that key is not an Ed25519 key`, "wrong-key");
  }

  has(uri: TokenUri): boolean {
    return this.#find(uri, SECRET_KEY_CLASS) !== undefined;
  }

  /** Makes a key that cannot leave the token. */
  create(uri: TokenUri, use: KeyUse): TokenKey {
    if (this.#find(uri, classOf(use)))
      throw new TokenError(`${uri.name}: exists already; nothing was changed`, "exists");
    this.#refuseUnsupported(uri, use, [use.generate, ...use.mechanisms]);
    if (describe(this.#cryptoki, this.#slot).info.flags & TokenFlag.WRITE_PROTECTED)
      throw failureOf("CKR_TOKEN_WRITE_PROTECTED", `${uri.name}: no key was made`);
    const template: Attribute[] = [
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
    const mechanism = { mechanism: use.generate };
    doing(`${uri.name}: no key was made`, () =>
      use.size === undefined
        ? this.#cryptoki.C_GenerateKeyPair(this.#session, mechanism, publicHalf(uri, use), template)
        : this.#cryptoki.C_GenerateKey(this.#session, mechanism, template),
    );
    return this.key(uri, use);
  }

  #find(uri: TokenUri, objectClass: number): Handle | undefined {
    const found = doing(uri.name, () => {
      this.#cryptoki.C_FindObjectsInit(this.#session, objectOf(uri, objectClass));
      try {
        return this.#cryptoki.C_FindObjects(this.#session, MOST_FOUND);
      } finally {
        this.#cryptoki.C_FindObjectsFinal(this.#session);
      }
    });
    if (found.length > 1)
      throw new TokenError(`${uri.name}: ${this.name} has more than one such key; add its id to the URI`, "ambiguous");
    return found[0];
  }

  #check(uri: TokenUri, use: KeyUse, key: Handle): void {
    const asked = [
      Attr.KEY_TYPE,
      Attr.EXTRACTABLE,
      Attr.SENSITIVE,
      ...(use.size === undefined ? [] : [Attr.VALUE_LEN]),
    ];
    const [type, extractable, sensitive, size] = doing(uri.name, () =>
      this.#cryptoki
        .C_GetAttributeValue(
          this.#session,
          key,
          asked.map((attribute) => ({ type: attribute })),
        )
        .map(({ value }) => numberIn(value)),
    );
    const wrong = (what: string) => new TokenError(`${uri.name}: ${what}`, "wrong-key");
    if (!use.types.includes(type as KeyType) || size !== use.size)
      throw wrong(`${use.name} ${kindOf(use)}, and this key is of another type; name another key`);
    if (extractable !== 0 || sensitive !== 1)
      throw wrong("this key may leave its token (it is extractable, or not sensitive); use one that cannot");
    this.#refuseUnsupported(uri, use, use.mechanisms);
  }

  #refuseUnsupported(uri: TokenUri, use: KeyUse, mechanisms: readonly Mech[]): void {
    const known = doing(uri.name, () => this.#cryptoki.C_GetMechanismList(this.#slot));
    const missing = mechanisms.filter((mechanism) => !known.includes(mechanism)).map((mech) => `CKM_${Mech[mech]}`);
    if (missing.length > 0)
      throw new TokenError(
        `${uri.name}: ${this.name} has no ${missing.join(", ")}, which ${use.name} is used with`,
        "unsupported",
      );
  }
}

/** A key in a token. It works as long as the token is open. */
export class TokenKey {
  /** The URI without its query. */
  readonly name: string;
  readonly #cryptoki: Cryptoki;
  readonly #session: Handle;
  readonly #key: Handle;

  constructor(cryptoki: Cryptoki, session: Handle, key: Handle, name: string) {
    this.#cryptoki = cryptoki;
    this.#session = session;
    this.#key = key;
    this.name = name;
  }

  /** A MAC of `size` bytes over the message. */
  sign(mechanism: Mech, message: Uint8Array, size: number): Buffer {
    return this.#run(() => {
      this.#cryptoki.C_SignInit(this.#session, { mechanism }, this.#key);
      return this.#cryptoki.C_Sign(this.#session, Buffer.from(message), secretBytes(size));
    });
  }

  /** `most`: the largest size of the result in bytes. */
  encrypt(mechanism: Mechanism, text: Uint8Array, most: number): Buffer {
    return this.#run(() => {
      this.#cryptoki.C_EncryptInit(this.#session, mechanism, this.#key);
      return this.#cryptoki.C_Encrypt(this.#session, Buffer.from(text), secretBytes(most));
    });
  }

  /** Undefined if the token does not open it: tokens report a wrong tag in different ways. */
  decrypt(mechanism: Mechanism, text: Uint8Array): Buffer | undefined {
    const room = secretBytes(text.length);
    try {
      this.#cryptoki.C_DecryptInit(this.#session, mechanism, this.#key);
      return concatSecrets(this.#cryptoki.C_Decrypt(this.#session, Buffer.from(text), room));
    } catch (error) {
      const failure = failureOf(codeOf(error), this.name);
      if (failure.reason !== "other") throw failure;
      return undefined;
    } finally {
      room.fill(0);
    }
  }

  #run<T>(work: () => T): T {
    return doing(this.name, work);
  }
}

/** The one token that the URI describes, in its slot. */
export function findSlot(cryptoki: Cryptoki, uri: TokenUri): Handle {
  const present = doing(uri.name, () => cryptoki.C_GetSlotList(true)).filter((slot) => isInitialized(cryptoki, slot));
  const fitting = present.filter((slot) => fits(cryptoki, slot, uri));
  const [slot, ...more] = fitting;
  const labels = (slots: readonly Handle[]) =>
    slots
      .map((each) => describe(cryptoki, each))
      .map(({ name, info }) => `${name}, serial ${info.serialNumber.trim()}`);
  if (!slot)
    throw new TokenError(
      `${uri.name}: no such token; ${present.length === 0 ? "there is none" : `there is ${labels(present).join("; ")}`}`,
      "missing",
    );
  if (more.length > 0)
    throw new TokenError(
      `${uri.name}: more than one token fits: ${labels(fitting).join("; ")}; add serial=… to the URI`,
      "ambiguous",
    );
  return slot;
}

/** Calls `work` and turns errors of the module into errors of one line. */
export function doing<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof TokenError ? error : failureOf(codeOf(error), name);
  }
}

function failureOf(code: string, name: string): TokenError {
  const [reason, text] = MEANINGS.find(([, , codes]) => codes.includes(code)) ?? ["other", "the token failed"];
  return new TokenError(`${name}: ${text} (${code})`, reason);
}

function describe(cryptoki: Cryptoki, slot: Handle): { info: TokenInfo; name: string } {
  const info = doing("token", () => cryptoki.C_GetTokenInfo(slot));
  return { info, name: `token ${JSON.stringify(info.label.trim())}` };
}

/**
 * SoftHSM and others show an extra slot with room for one more token. A token that was removed meanwhile does not count
 * either.
 */
function isInitialized(cryptoki: Cryptoki, slot: Handle): boolean {
  try {
    return (cryptoki.C_GetTokenInfo(slot).flags & TokenFlag.INITIALIZED) !== 0;
  } catch {
    return false;
  }
}

function fits(cryptoki: Cryptoki, slot: Handle, { described }: TokenUri): boolean {
  const { info } = describe(cryptoki, slot);
  const { slotDescription, manufacturerID } = doing("token", () => cryptoki.C_GetSlotInfo(slot));
  const module = doing("token", () => cryptoki.C_GetInfo());
  const { major, minor } = module.libraryVersion;
  const told: Readonly<Record<string, readonly string[]>> = {
    token: [info.label],
    manufacturer: [info.manufacturerID],
    model: [info.model],
    serial: [info.serialNumber],
    "slot-id": [String(slot.readUIntLE(0, Math.min(6, slot.length)))],
    "slot-description": [slotDescription],
    "slot-manufacturer": [manufacturerID],
    "library-description": [module.libraryDescription],
    "library-manufacturer": [module.manufacturerID],
    "library-version": minor === 0 ? [`${major}`, `${major}.0`] : [`${major}.${minor}`],
  };
  return Object.entries(described).every(([name, value]) => told[name]?.some((text) => text.trimEnd() === value));
}

/** A token that takes no changes is opened read-only. */
function openSession(cryptoki: Cryptoki, slot: Handle, { flags }: TokenInfo, name: string): Handle {
  const writable = (flags & TokenFlag.WRITE_PROTECTED) === 0 ? SessionFlag.READ_WRITE : 0;
  return doing(name, () => cryptoki.C_OpenSession(slot, SessionFlag.SERIAL | writable));
}

async function logIn(cryptoki: Cryptoki, slot: Handle, session: Handle, name: string, askPin: AskPin): Promise<void> {
  const { flags } = describe(cryptoki, slot).info;
  if (flags & TokenFlag.LOCKED) throw pinFailure("CKR_PIN_LOCKED", name);
  if (flags & TokenFlag.PROTECTED_PATH) return tryPin(cryptoki, session, name, undefined);
  const { pin, typed } = await askPin(name);
  try {
    if (flags & TokenFlag.FINAL_TRY && !typed)
      throw new TokenPinError(
        `${name}: one more wrong PIN locks it, so the PIN file is not used; type the PIN once at a terminal`,
        "pin",
      );
    // The package takes only a string, which cannot be wiped.
    tryPin(cryptoki, session, name, pin.toString("utf8"));
  } finally {
    pin.fill(0);
  }
}

function tryPin(cryptoki: Cryptoki, session: Handle, name: string, pin: string | undefined): void {
  try {
    cryptoki.C_Login(session, USER, pin);
  } catch (error) {
    throw pinFailure(codeOf(error), name);
  }
}

function pinFailure(code: string, name: string): TokenError {
  const [reason, text] = PIN_MEANINGS[code] ?? [];
  return reason === undefined ? failureOf(code, name) : new TokenPinError(`${name}: ${text} (${code})`, reason);
}

function classOf({ size }: KeyUse): number {
  return size === undefined ? PRIVATE_KEY_CLASS : SECRET_KEY_CLASS;
}

function kindOf({ size }: KeyUse): string {
  return size === undefined ? "is a pair of Ed25519" : `has ${8 * size} bits`;
}

/** The public key of a new pair: anybody may read it. */
function publicHalf(uri: TokenUri, use: KeyUse): Attribute[] {
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

function pointIn(value: Attribute["value"]): Buffer | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  const isString = value.length === POINT_BEFORE.length + POINT_BYTES && value.indexOf(POINT_BEFORE) === 0;
  const bytes = isString ? value.subarray(POINT_BEFORE.length) : value;
  return bytes.length === POINT_BYTES ? Buffer.from(bytes) : undefined;
}

/** The attributes by which a key is found and under which a new one is created. */
function objectOf({ object, id }: TokenUri, objectClass: number): Attribute[] {
  return [
    { type: Attr.CLASS, value: objectClass },
    ...(object === undefined ? [] : [{ type: Attr.LABEL, value: object }]),
    ...(id === undefined ? [] : [{ type: Attr.ID, value: id }]),
  ];
}

/** CK_BBOOL or CK_ULONG, little-endian. */
function numberIn(value: Attribute["value"]): number {
  if (!Buffer.isBuffer(value) || value.length === 0) return Number(value);
  return value.readUIntLE(0, Math.min(6, value.length));
}

/** Best effort: the session ends with the process at the latest. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // The token may be gone.
  }
}
