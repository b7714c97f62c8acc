// The seed file of one personalization, which may be made only with its first card.

import { FileError } from "../files/files.js";
import { refuseDoubtful } from "../files/passphrase.js";
import {
  createSeedFile,
  type PutKeyProgress,
  readSeedFile,
  type SeedFile,
  type SeedRecord,
  type SeedSecret,
  type SeedState,
} from "../seeds/pskc.js";
import type { Seeds } from "./personalize.js";

export interface SeedsOptions {
  /** A file that is there by now, though it was not before, gets one card more. */
  readonly append?: boolean | undefined;
}

export class SeedsInFile implements Seeds {
  readonly path: string;
  readonly exists: boolean;
  readonly #secret: SeedSecret;
  readonly #append: boolean;
  #file: SeedFile | undefined;

  /**
   * `file`: what is at `path`, open; nothing where there is none yet. The secret stays the caller's. Throws a SecretError
   * where the file is new and the secret most likely no passphrase: later a card would have been asked.
   */
  constructor(path: string, secret: SeedSecret, file: SeedFile | undefined, { append = false }: SeedsOptions = {}) {
    if (!file && "passphrase" in secret) refuseDoubtful(secret);
    this.path = path;
    this.exists = file !== undefined;
    this.#secret = secret;
    this.#append = append;
    this.#file = file;
  }

  find(serial: string): SeedRecord | undefined {
    return this.#file?.find(serial);
  }

  add(record: SeedRecord): void {
    if (this.#file) this.#file.addRecord(record);
    else this.#file = this.#create(record);
  }

  setState(serial: string, state: SeedState): void {
    this.#file?.setState(serial, state);
  }

  setPutKey(serial: string, putKey: PutKeyProgress): void {
    this.#file?.setPutKey(serial, putKey);
  }

  wipe(): void {
    this.#file?.wipe();
  }

  /** Of several processes that make the file at once one is the first; the others add to it. */
  #create(record: SeedRecord): SeedFile {
    try {
      return createSeedFile(this.path, this.#secret, record);
    } catch (error) {
      if (!this.#append || !(error instanceof FileError) || error.reason !== "exists") throw error;
    }
    const file = readSeedFile(this.path, this.#secret);
    try {
      file.addRecord(record);
      return file;
    } catch (error) {
      file.wipe();
      throw error;
    }
  }
}
