// One key in a token, and the operations with it. They run inside the token: the bytes of the key never leave it.

import { concatSecrets, secretBytes } from "../../files/secretbytes.js";
import { type Cryptoki, codeOf, type Handle, type Mech, type Mechanism } from "./cryptoki.js";
import { doing, failureOf } from "./failures.js";

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
