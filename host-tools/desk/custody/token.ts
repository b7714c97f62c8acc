// One PKCS#11 token with an open session: finds its keys, checks them, and makes new ones.
//
// A process opens a token once, however many of its keys are used (tokens.ts), so that a wrong PIN uses up one try and
// not one for each key.

import {
  Attr,
  type Cryptoki,
  type Handle,
  type KeyType,
  Mech,
  PUBLIC_KEY_CLASS,
  SECRET_KEY_CLASS,
  SessionFlag,
  TokenFlag,
  type TokenInfo,
} from "./cryptoki.js";
import { TokenError } from "./errors.js";
import { doing, failureOf } from "./failures.js";
import type { KeyUse } from "./keyuses.js";
import { type AskPin, logIn } from "./login.js";
import { classOf, newKeyOf, numberIn, objectOf, pointIn, publicHalf } from "./objects.js";
import { describe } from "./slots.js";
import { TokenKey } from "./tokenkey.js";
import type { TokenUri } from "./uri.js";

/** Two matches are enough to know that the URI is ambiguous. */
const MOST_FOUND = 2;

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
    const template = newKeyOf(uri, use);
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

/** A token that takes no changes is opened read-only. */
function openSession(cryptoki: Cryptoki, slot: Handle, { flags }: TokenInfo, name: string): Handle {
  const writable = (flags & TokenFlag.WRITE_PROTECTED) === 0 ? SessionFlag.READ_WRITE : 0;
  return doing(name, () => cryptoki.C_OpenSession(slot, SessionFlag.SERIAL | writable));
}

function kindOf({ size }: KeyUse): string {
  return size === undefined ? "is a pair of Ed25519" : `has ${8 * size} bits`;
}

/** Best effort: the session ends with the process at the latest. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // The token may be gone.
  }
}
