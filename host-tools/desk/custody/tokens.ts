// The tokens that a process has open. Each is opened once and its PIN is asked once, however many of its keys are used.

import { realpathSync } from "node:fs";
import { UsageError } from "../../files/errors.js";
import { type Cryptoki, type Handle, loadCryptoki } from "./cryptoki.js";
import { TokenError } from "./errors.js";
import type { AskPin } from "./login.js";
import { findSlot } from "./slots.js";
import { Token } from "./token.js";
import type { TokenUri } from "./uri.js";

/** Loads the vendor's module at a path. */
export type LoadCryptoki = (modulePath: string) => Promise<Cryptoki>;

/** The object type, as a URI writes it: an operator's key is private, all others are secret-key. */
export type KeyClass = "secret-key" | "private";

export class Tokens {
  readonly #load: LoadCryptoki;
  readonly #modules = new Map<string, Cryptoki>();
  readonly #open = new Map<string, Token>();

  /** `load`: replaced in tests. */
  constructor(load: LoadCryptoki = loadCryptoki) {
    this.#load = load;
  }

  /** The token that the URI names. `modulePath`: the module if the URI names none. `type`: the type of the key. */
  async tokenOf(
    uri: TokenUri,
    modulePath: string | undefined,
    askPin: AskPin,
    type: KeyClass = "secret-key",
  ): Promise<Token> {
    refuseUnusable(uri, type);
    const path = uri.modulePath ?? modulePath;
    if (path === undefined || path === "")
      throw new TokenError(
        `${uri.name}: which PKCS#11 module? Name it with ?module-path=… in the URI or with PKCS11_MODULE_PATH`,
        "library",
      );
    const file = fileOf(path);
    const cryptoki = this.#modules.get(file) ?? (await this.#load(path));
    this.#modules.set(file, cryptoki);
    return this.#tokenIn(cryptoki, findSlot(cryptoki, uri), file, askPin);
  }

  /** Ends the sessions and unloads the modules. */
  close(): void {
    for (const token of this.#open.values()) token.close();
    this.#open.clear();
    for (const cryptoki of this.#modules.values()) {
      try {
        cryptoki.C_Finalize();
        cryptoki.close();
      } catch {
        // Ignore the error: sessions end with the process.
      }
    }
    this.#modules.clear();
  }

  async #tokenIn(cryptoki: Cryptoki, slot: Handle, path: string, askPin: AskPin): Promise<Token> {
    const place = `${slot.toString("hex")} ${path}`;
    const token = this.#open.get(place) ?? (await Token.open(cryptoki, slot, askPin));
    this.#open.set(place, token);
    return token;
  }
}

/** The file behind a path: a module that has two names is loaded once, since it starts only once. */
function fileOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Loading it reports the missing file.
    return path;
  }
}

function refuseUnusable({ name, hasPin, object, id, type }: TokenUri, wanted: KeyClass): void {
  if (hasPin)
    throw new UsageError(
      `${name}: the URI must not contain a PIN (pin-value); put the PIN in a file and name the file with pin-source`,
    );
  if (object === undefined && id === undefined)
    throw new UsageError(`${name}: which key? Name it with object=… or id=…`);
  if (type !== undefined && type !== wanted)
    throw new UsageError(`${name}: type=${type} does not fit this use; give type=${wanted}`);
}
