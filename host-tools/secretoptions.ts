// Options by which commands are given secrets: --pskc-key, --pin-file and --insecure-key-file. A secret is
// in a file, or comes over standard input (FILE is -), or is typed unseen.

import type { Command } from "commander";
import { UsageError } from "./exit.js";
import { askPassphrase, askPin, isInteractive, readStdin } from "./prompt.js";
import { readSeedFile, type SeedFile } from "./pskc.js";
import { readKey, readPin, readSeedSecret, type SecretOptions, STDIN } from "./secretfile.js";

export interface SecretFileOptions {
  insecureKeyFile?: boolean;
}

/** For --help. */
export const SEED_SECRET_HELP = `
--pskc-key FILE holds what opens the seed file, on one line: 32 hexadecimal digits are a pre-shared key
of 16 bytes; anything else is a passphrase. The file must be its owner's alone (chmod 600).`;

export function addPskcKeyOption(command: Command): Command {
  return command.requiredOption(
    "--pskc-key <file>",
    "what opens the seed file: 32 hex digits or a passphrase (- for stdin)",
  );
}

export function addPinFileOption(command: Command): Command {
  return command.option("--pin-file <file>", "the PIN, four digits (- for stdin); asked for where it is needed");
}

export function addInsecureOption(command: Command): Command {
  return command.option("--insecure-key-file", "read secrets from files that others may read too");
}

/** Opens a seed file with the secret in `pskcKey`; wipe it after use. */
export async function openSeedFile(path: string, pskcKey: string, options: SecretFileOptions): Promise<SeedFile> {
  const secret = await readSecret(pskcKey, "Key or passphrase of the seed file", options, readSeedSecret);
  try {
    return readSeedFile(path, secret);
  } finally {
    ("passphrase" in secret ? secret.passphrase : secret).fill(0);
  }
}

/** A key in hexadecimal from standard input; wipe it after use. */
export function readKeyFromStdin(): Promise<Buffer> {
  return readSecret(STDIN, "Key in hexadecimal", {}, readKey);
}

/** The PIN in a file, or asked for. */
export async function readPinOption(pinFile: string | undefined, options: SecretFileOptions): Promise<string> {
  const pin = pinFile === undefined ? await askPin(true) : await readSecret(pinFile, "PIN", options, readPin);
  try {
    return pin.toString("latin1");
  } finally {
    pin.fill(0);
  }
}

/** Standard input has one secret to give. */
export function refuseStdinTwice(...files: (string | undefined)[]): void {
  if (files.filter((file) => file === STDIN).length > 1)
    throw new UsageError("standard input holds one secret only; give the other in a file");
}

async function readSecret<T>(
  path: string,
  prompt: string,
  options: SecretFileOptions,
  read: (path: string, options: SecretOptions) => T,
): Promise<T> {
  const allowShared = options.insecureKeyFile === true;
  if (path !== STDIN) return read(path, { allowShared });
  const stdin = isInteractive() ? await askPassphrase(prompt, false) : await readStdin();
  try {
    return read(path, { allowShared, stdin });
  } finally {
    stdin.fill(0);
  }
}
