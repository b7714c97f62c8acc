// Keys in PKCS#11 tokens as arguments of commands: pkcs11: URIs. The code for tokens is loaded only when one is given.
//
// Each command opens a token once and tries its PIN once: from the URI's pin-source, from the file that
// DSC_PKCS11_PIN_FILE names, or typed.

import { fileURLToPath } from "node:url";
import type { MasterKey } from "../card/transportkeys.js";
import type { KeyUse } from "../desk/custody/keyuses.js";
import type { GivenPin } from "../desk/custody/login.js";
import type { Token } from "../desk/custody/token.js";
import type { Tokens } from "../desk/custody/tokens.js";
import { parseTokenUri, type TokenUri } from "../desk/custody/uri.js";
import type { MacKey, SigningKey, WrappingKey } from "../desk/register/heldkeys.js";
import type { CustodyKind } from "../desk/register/sealing.js";
import { UsageError } from "../files/errors.js";
import { readPassphrase } from "../files/secretfile.js";
import { atCommandEnd } from "./commandend.js";
import { askTokenPin } from "./prompt.js";
import { readSecret, type SecretFileOptions } from "./secretoptions.js";

/** For --help. */
export const TOKEN_HELP = `
A key may be in a PKCS#11 token instead: pkcs11:token=NAME;object=KEY?module-path=MODULE (docs/TOKENS.md).
Its PIN is asked for, or comes from the file that pin-source= in the URI or DSC_PKCS11_PIN_FILE names.`;

let tokens: Tokens | undefined;

/** The transport master key that the URI names. It works until the command ends. */
export async function masterInToken(text: string, options: SecretFileOptions): Promise<MasterKey> {
  const { token, uri, use } = await open(text, "transport", options);
  const { TokenMaster } = await import("../desk/custody/tokenkeys.js");
  return new TokenMaster(token.key(uri, use));
}

/** The token key that wraps a site key or desk key. It works until the command ends. */
export async function wrappingInToken(text: string, options: SecretFileOptions): Promise<WrappingKey> {
  const { token, uri, use } = await open(text, "site", options);
  const { TokenWrapping } = await import("../desk/custody/tokenkeys.js");
  return new TokenWrapping(token.key(uri, use));
}

/** The token key that serves as journal key. It works until the command ends. */
export async function macInToken(text: string, options: SecretFileOptions): Promise<MacKey> {
  const { token, uri, use } = await open(text, "journal", options);
  const { TokenMac } = await import("../desk/custody/tokenkeys.js");
  return new TokenMac(token.key(uri, use));
}

/** The token key that signs for an operator. It works until the command ends. */
export async function signerInToken(text: string, options: SecretFileOptions): Promise<SigningKey> {
  const { token, uri, use } = await open(text, "operator", options);
  const { TokenSigner } = await import("../desk/custody/tokenkeys.js");
  return new TokenSigner(token.key(uri, use), token.publicKey(uri));
}

/** Makes the key in the token. Throws a TokenError if it exists. */
export async function createInToken(text: string, kind: Kind, options: SecretFileOptions): Promise<void> {
  const { token, uri, use } = await open(text, kind, options);
  token.create(uri, use);
}

/** Makes the key if it does not exist. Returns whether it did. */
export async function createInTokenUnlessThere(text: string, kind: Kind, options: SecretFileOptions): Promise<boolean> {
  const { token, uri, use } = await open(text, kind, options);
  if (token.has(uri)) return false;
  token.create(uri, use);
  return true;
}

type Kind = CustodyKind | "transport" | "operator";

interface Opened {
  readonly token: Token;
  readonly uri: TokenUri;
  readonly use: KeyUse;
}

async function open(text: string, kind: Kind, options: SecretFileOptions): Promise<Opened> {
  const uri = parseTokenUri(text);
  const [{ Tokens }, uses] = await Promise.all([
    import("../desk/custody/tokens.js"),
    import("../desk/custody/keyuses.js"),
  ]);
  const { TRANSPORT_USE, WRAPPING_USE, MAC_USE, SIGNING_USE } = uses;
  const byKind = { site: WRAPPING_USE, desk: WRAPPING_USE, journal: MAC_USE };
  const use = { ...byKind, transport: TRANSPORT_USE, operator: SIGNING_USE }[kind];
  const type = kind === "operator" ? "private" : "secret-key";
  if (!tokens) {
    tokens = new Tokens();
    atCommandEnd(closeTokens);
  }
  const askPin = (name: string) => pinOf(name, uri, options);
  return { token: await tokens.tokenOf(uri, process.env.PKCS11_MODULE_PATH, askPin, type), uri, use };
}

function closeTokens(): void {
  tokens?.close();
  tokens = undefined;
}

async function pinOf(name: string, { pinSource }: TokenUri, options: SecretFileOptions): Promise<GivenPin> {
  const path = pinSource === undefined ? process.env.DSC_PKCS11_PIN_FILE : pathOf(pinSource);
  if (path === undefined || path === "") return { pin: await askTokenPin(name), typed: true };
  return { pin: await readSecret(path, `PIN of ${name}`, options, readPassphrase), typed: false };
}

/** A path from a file: URI or a plain path; RFC 7512 also allows commands. */
function pathOf(pinSource: string): string {
  if (pinSource.startsWith("|"))
    throw new UsageError("pin-source: programs are not run for a PIN; name a file that has the PIN on its only line");
  if (!/^file:/i.test(pinSource)) return pinSource;
  try {
    return fileURLToPath(pinSource);
  } catch {
    throw new UsageError("pin-source: not a file of this computer; write file:/PATH");
  }
}
