// Tokens for tests: those of SoftHSM (Debian: softhsm2), in a folder that is removed with the process.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  Attr,
  type Attribute,
  type Cryptoki,
  type Handle,
  SECRET_KEY_CLASS,
} from "../../host-tools/desk/custody/cryptoki.js";
import type { KeyUse } from "../../host-tools/desk/custody/keyuses.js";
import type { AskPin } from "../../host-tools/desk/custody/login.js";
import { scratchFolder } from "./scratch.js";

export const MODULE = "/usr/lib/softhsm/libsofthsm2.so";
export const TOKEN_PIN = "4711-desk";

/** How to install what these tests need; undefined if it is installed. */
export const NO_SOFTHSM = existsSync(MODULE) ? undefined : "apt-get install softhsm2";
/** A reason to skip; undefined if it loads. The package is optional, and may not compile here. */
export const NO_PKCS11JS = canLoad() ? undefined : "the npm package pkcs11js is not installed: it did not compile here";

function canLoad(): boolean {
  try {
    return createRequire(import.meta.url).resolve("pkcs11js") !== "";
  } catch {
    return false;
  }
}

const ALL = scratchFolder();

/** A folder of tokens, and the configuration that names it. */
export class SoftTokens {
  readonly folder = mkdtempSync(join(ALL, "tokens-"));
  readonly #tokens = join(this.folder, "tokens");
  /** The configuration file. */
  readonly configuration = join(this.folder, "softhsm2.conf");

  /** `settings`: further lines of the configuration. The module reads the process's environment. */
  constructor(...settings: readonly string[]) {
    mkdirSync(this.#tokens);
    const lines = [`directories.tokendir = ${this.#tokens}`, "objectstore.backend = file", "log.level = ERROR"];
    writeFileSync(this.configuration, [...lines, ...settings, ""].join("\n"));
    this.use();
  }

  /** From now on a module that this process loads finds these tokens. */
  use(): void {
    process.env.SOFTHSM2_CONF = this.configuration;
  }

  /** Makes a token. */
  add(label: string, pin = TOKEN_PIN): void {
    const env = { ...process.env, SOFTHSM2_CONF: this.configuration };
    const args = ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", pin];
    execFileSync("softhsm2-util", args, { env, stdio: "ignore" });
  }

  /** The files of keys that the tokens hold. */
  get keyFiles(): string[] {
    const files = readdirSync(this.#tokens, { recursive: true, encoding: "utf8" });
    return files.filter((name) => name.endsWith(".object") && !name.endsWith("token.object"));
  }

  /** Removes all tokens from the computer, or puts them back. */
  takeOut(): void {
    renameSync(this.#tokens, `${this.#tokens}.out`);
  }

  putBack(): void {
    renameSync(`${this.#tokens}.out`, this.#tokens);
  }
}

/** A PIN source that gives this PIN. */
export function giving(pin = TOKEN_PIN, typed = false): AskPin {
  return async () => ({ pin: Buffer.from(pin), typed });
}

/** Puts a key with known bytes into a token, for comparison; `changed` replaces attributes. */
export function importKey(
  cryptoki: Cryptoki,
  session: Handle,
  label: string,
  use: KeyUse,
  value: Buffer,
  changed: readonly Attribute[] = [],
): void {
  const attributes: readonly Attribute[] = [
    { type: Attr.CLASS, value: SECRET_KEY_CLASS },
    { type: Attr.KEY_TYPE, value: use.types[0] as number },
    { type: Attr.LABEL, value: label },
    { type: Attr.TOKEN, value: true },
    { type: Attr.PRIVATE, value: true },
    { type: Attr.SENSITIVE, value: true },
    { type: Attr.EXTRACTABLE, value: false },
    { type: VALUE, value },
    ...use.attributes,
  ];
  const kept = attributes.filter(({ type }) => changed.every((other) => other.type !== type));
  (cryptoki as Cryptoki & Creating).C_CreateObject(session, [...kept, ...changed]);
}

interface Creating {
  C_CreateObject(session: Handle, template: readonly Attribute[]): Handle;
}

const VALUE = 0x11;
