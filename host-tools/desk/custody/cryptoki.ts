// The PKCS#11 interface (Cryptoki 2.40, and Ed25519 of 3.0) of the package pkcs11js. The package is optional and
// compiled at installation. So it is loaded only when a key in a token is named, and its types are declared here.

import { existsSync } from "node:fs";
import { IS_CHECKOUT, peerVersion } from "../../files/project.js";
import { TokenError } from "./errors.js";

/** A slot, a session or an object. */
export type Handle = Buffer;

export interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

export interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: Buffer | GcmParameter | null;
}

export interface GcmParameter {
  /** The name of this kind of parameter in pkcs11js. */
  readonly type: typeof GCM_PARAMETER;
  readonly iv: Buffer;
  readonly aad: Buffer;
  readonly ivBits: number;
  readonly tagBits: number;
}

export interface TokenInfo {
  readonly label: string;
  readonly manufacturerID: string;
  readonly model: string;
  readonly serialNumber: string;
  readonly flags: number;
}

export interface SlotInfo {
  readonly slotDescription: string;
  readonly manufacturerID: string;
}

export interface ModuleInfo {
  readonly manufacturerID: string;
  readonly libraryDescription: string;
  readonly libraryVersion: { readonly major: number; readonly minor: number };
}

/** The functions that dsc uses. Each throws an error whose message is the name of the CKR_ value. */
export interface Cryptoki {
  load(path: string): void;
  close(): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetInfo(): ModuleInfo;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetSlotInfo(slot: Handle): SlotInfo;
  C_GetTokenInfo(slot: Handle): TokenInfo;
  C_GetMechanismList(slot: Handle): number[];
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, userType: number, pin?: string): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, most: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, object: Handle, template: readonly Attribute[]): Attribute[];
  C_GenerateKey(session: Handle, mechanism: Mechanism, template: readonly Attribute[]): Handle;
  C_GenerateKeyPair(
    session: Handle,
    mechanism: Mechanism,
    publicKey: readonly Attribute[],
    privateKey: readonly Attribute[],
  ): { readonly publicKey: Handle; readonly privateKey: Handle };
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Sign(session: Handle, data: Buffer, result: Buffer): Buffer;
  C_EncryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Encrypt(session: Handle, data: Buffer, result: Buffer): Buffer;
  C_DecryptInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_Decrypt(session: Handle, data: Buffer, result: Buffer): Buffer;
}

export const GCM_PARAMETER = 3;

export enum Mech {
  GENERIC_SECRET_KEY_GEN = 0x350,
  SHA256_HMAC = 0x251,
  EC_EDWARDS_KEY_PAIR_GEN = 0x1055,
  EDDSA = 0x1057,
  AES_KEY_GEN = 0x1080,
  AES_CBC = 0x1082,
  AES_GCM = 0x1087,
  AES_CMAC = 0x108a,
}

export enum Attr {
  CLASS = 0x000,
  TOKEN = 0x001,
  PRIVATE = 0x002,
  LABEL = 0x003,
  KEY_TYPE = 0x100,
  ID = 0x102,
  SENSITIVE = 0x103,
  ENCRYPT = 0x104,
  DECRYPT = 0x105,
  SIGN = 0x108,
  VERIFY = 0x10a,
  VALUE_LEN = 0x161,
  EXTRACTABLE = 0x162,
  MODIFIABLE = 0x170,
  EC_PARAMS = 0x180,
  EC_POINT = 0x181,
}

export enum KeyType {
  GENERIC_SECRET = 0x10,
  AES = 0x1f,
  SHA256_HMAC = 0x2b,
  EC_EDWARDS = 0x40,
}

/** An attribute that is true or false. */
export const flag = (type: Attr, value = true): Attribute => ({ type, value });

export const PUBLIC_KEY_CLASS = 2;
export const PRIVATE_KEY_CLASS = 3;
export const SECRET_KEY_CLASS = 4;
export const USER = 1;

export enum SessionFlag {
  READ_WRITE = 0x2,
  SERIAL = 0x4,
}

export enum TokenFlag {
  WRITE_PROTECTED = 0x2,
  /** The PIN is typed at the token itself. */
  PROTECTED_PATH = 0x100,
  INITIALIZED = 0x400,
  FINAL_TRY = 0x20000,
  LOCKED = 0x40000,
}

const PACKAGE = "pkcs11js";

/** Loads a vendor's module. It stays loaded until `C_Finalize` and `close`. Throws a TokenError ("library"). */
export async function loadCryptoki(modulePath: string, name: string = PACKAGE): Promise<Cryptoki> {
  const cryptoki = await newCryptoki(name);
  if (!existsSync(modulePath))
    throw new TokenError(`${modulePath}: no such PKCS#11 module; install it, or correct the path`, "library");
  try {
    cryptoki.load(modulePath);
  } catch {
    throw new TokenError(`${modulePath}: cannot be loaded as a PKCS#11 module for this computer`, "library");
  }
  try {
    cryptoki.C_Initialize();
    return cryptoki;
  } catch (error) {
    cryptoki.close();
    throw new TokenError(`${modulePath}: the module does not start (${codeOf(error)}); see its settings`, "library");
  }
}

async function newCryptoki(name: string): Promise<Cryptoki> {
  try {
    const { PKCS11 } = ((await import(name)) as { default: { PKCS11: new () => Cryptoki } }).default;
    return new PKCS11();
  } catch {
    throw new TokenError(
      "keys in PKCS#11 tokens need the npm package pkcs11js, compiled here: install a C++ compiler, make and Python, " +
        `then run ${howToInstall()}`,
      "library",
    );
  }
}

/** The dsc package does not include pkcs11js, whose installation needs a compiler. */
function howToInstall(): string {
  if (IS_CHECKOUT) return `npm rebuild ${PACKAGE}, or npm ci where it is missing`;
  return `npm install -g ${PACKAGE}@${peerVersion(PACKAGE)}`;
}

/** The name of an error's CKR_ value. */
export function codeOf(error: unknown): string {
  const { message = "" } = error as { message?: string };
  return /^CKR_\w+$/.test(message) ? message : "no code";
}
