// A seed file in the place of a register, as the first release kept keys: for a desk that has no register yet.
//
// It says less than a register. It has one record for a serial number, so new keys for a card go into another file; it does
// not say how far STORE DATA came, so that the keys of a pending record are stored again; and a record of the first release
// names no card, so that it fits any.

import { SeedFileError } from "../files/errors.js";
import { FileError } from "../files/files.js";
import { refuseDoubtful } from "../files/passphrase.js";
import { createSeedFile, readSeedFile, type SeedFile, type SeedRecord, type SeedSecret } from "../seeds/pskc.js";
import type { CardRecord, KeyRegister, PutKeyProgress } from "./keyregister.js";

export interface SeedFileOptions {
  /** A file that is there already gets one card more. */
  readonly append?: boolean | undefined;
}

export class SeedFileRegister implements KeyRegister {
  readonly name: string;
  readonly takesNewKeys = false;
  readonly #secret: SeedSecret;
  readonly #append: boolean;
  #file: SeedFile | undefined;

  /**
   * `file`: what is at `path`, open; nothing where there is none yet. The secret stays the caller's. Throws a SecretError
   * where the file is new and the secret most likely no passphrase: later a card would have been asked.
   */
  constructor(path: string, secret: SeedSecret, file: SeedFile | undefined, { append = false }: SeedFileOptions = {}) {
    if (!file && "passphrase" in secret) refuseDoubtful(secret);
    this.name = path;
    this.#secret = secret;
    this.#append = append;
    this.#file = file;
  }

  async find(serial: string, cardId?: string): Promise<CardRecord | undefined> {
    const record = this.#file?.find(serial);
    if (record) return this.#asKept(record, cardId);
    if (this.#file && !this.#append)
      throw new FileError(`${this.name}: exists already; add the card to it with --append`, "exists");
    return undefined;
  }

  async bind({ serial, suite, pinCheck, tries, key, unlockKey, cardId, keyset, rotation }: CardRecord): Promise<void> {
    const card = { serial, suite, pinCheck, tries, key, unlockKey, cardId, keyset };
    const record: SeedRecord = { ...card, state: "pending", ...(rotation && { rotation }) };
    if (this.#file) this.#file.addRecord(record);
    else this.#file = this.#create(record);
  }

  async setStoreData(): Promise<void> {
    // The file does not say it.
  }

  async setPutKey(serial: string, putKey: PutKeyProgress): Promise<void> {
    this.#file?.setPutKey(serial, putKey);
  }

  async setDone(serial: string): Promise<void> {
    this.#file?.setState(serial, "done");
  }

  wipe(): void {
    this.#file?.wipe();
  }

  #asKept(record: SeedRecord, cardId: string | undefined): CardRecord {
    const { unlockKey, rotation } = record;
    if (!unlockKey && record.state === "pending")
      throw new SeedFileError(`${this.name}: has no unlock key for ${record.serial}`);
    return {
      ...record,
      ...{ unlockKey: unlockKey ?? Buffer.alloc(0), rotation, cardId: record.cardId ?? cardId, transport: undefined },
      // Keys of a pending record are stored again, drawn or given.
      ...{ origin: "given", storeData: "sent", lifeBefore: "unknown" },
    };
  }

  /** Of several processes that make the file at once one is the first; the others add to it. */
  #create(record: SeedRecord): SeedFile {
    try {
      return createSeedFile(this.name, this.#secret, record);
    } catch (error) {
      if (!this.#append || !(error instanceof FileError) || error.reason !== "exists") throw error;
    }
    const file = readSeedFile(this.name, this.#secret);
    try {
      file.addRecord(record);
      return file;
    } catch (error) {
      file.wipe();
      throw error;
    }
  }
}
