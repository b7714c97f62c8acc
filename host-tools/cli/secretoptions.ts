// Secrets as arguments of commands: the secret of a seed file (--pskc-key), a PIN (--pin-file), a key. Each comes from
// a file, from standard input (FILE is -), or is typed without echo.

import { Option } from "commander";
import { UsageError } from "../files/errors.js";
import { readKey, readPin, readSeedSecret, type SecretOptions, STDIN } from "../files/secretfile.js";
import { readFifo, readStdin } from "../files/secretstream.js";
import { type Imported, importPskc } from "../seeds/pskcimport.js";
import type { SeedSecret } from "../seeds/pskckeys.js";
import { askPassphrase, askPin, isInteractive } from "./prompt.js";

export interface SecretFileOptions {
  insecureKeyFile?: boolean;
}

/** For --help. */
export const SEED_SECRET_HELP = `
The --pskc-key FILE has one line: 32 hexadecimal digits are a pre-shared key, anything else is a passphrase, which must
not look like a key. Only its owner may be able to read the file (chmod 600).`;

export function pskcKeyOption(): Option {
  return new Option("--pskc-key <file>", "the secret of the seed file: 32 hex digits, or a passphrase (-: stdin)");
}

export function pinFileOption(): Option {
  return new Option("--pin-file <file>", "the PIN, four digits (-: stdin); asked for if needed");
}

/** The contents of a PSKC file, opened with the secret in `pskcKey`; wipe its records after use. */
export function importSeedFile(path: string, pskcKey: string, options: SecretFileOptions): Promise<Imported> {
  return withSeedSecret(pskcKey, options, (secret) => importPskc(path, secret));
}

/** Calls `use` with the secret in `pskcKey`, then wipes the secret. */
export async function withSeedSecret<T>(
  pskcKey: string,
  options: SecretFileOptions,
  use: (secret: SeedSecret) => T,
): Promise<T> {
  const secret = await readSecret(pskcKey, "Key or passphrase of the seed file", options, readSeedSecret);
  try {
    return use(secret);
  } finally {
    ("passphrase" in secret ? secret.passphrase : secret).fill(0);
  }
}

/** A key in hexadecimal from standard input; wipe it after use. */
export function readKeyFromStdin(): Promise<Buffer> {
  return readSecret(STDIN, "Key in hexadecimal", {}, readKey);
}

/** The PIN from a file, or asked for, in ASCII; wipe it after use. */
export function readPinOption(pinFile: string | undefined, options: SecretFileOptions): Promise<Buffer> {
  return pinFile === undefined ? askPin(true) : readSecret(pinFile, "PIN", options, readPin);
}

/** Standard input can supply only one secret. */
export function refuseStdinTwice(...files: (string | undefined)[]): void {
  if (files.filter((file) => file === STDIN).length > 1)
    throw new UsageError("standard input can supply only one secret; give the other in a file");
}

/** The result of `read` on a file or standard input; wipe it after use. */
export async function readSecret<T>(
  path: string,
  prompt: string,
  options: SecretFileOptions,
  read: (path: string, options: SecretOptions) => T,
): Promise<T> {
  const allowShared = options.insecureKeyFile === true;
  const contents = path === STDIN ? await readTypedOrStdin(prompt) : await readFifo(path, { allowShared });
  try {
    return read(path, { allowShared, ...(contents && { contents }) });
  } finally {
    contents?.fill(0);
  }
}

function readTypedOrStdin(prompt: string): Promise<Buffer> {
  return isInteractive() ? askPassphrase(prompt, false) : readStdin();
}
