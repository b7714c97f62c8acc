// Files in memory, with the interface of host-tools/files/files.ts.

import type { FileSystem } from "../../host-tools/files/files.js";

interface Inode {
  data: Buffer;
  synced: Buffer;
}

type Names = Map<string, Inode>;

/** How an operation fails: with an error of that code, or by the end of the process. */
type Fault = { at: number; code: string | "killed" };

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A disk in memory that loses unsynced data when power fails, and that fails on request. */
export class MemoryDisk implements FileSystem {
  names: Names = new Map();
  durable: Names = new Map();
  operations: string[] = [];
  fault: Fault | undefined;
  hasLinks = true;
  #open = new Map<number, Inode>();

  #step(name: string, halfDone = () => {}): void {
    this.operations.push(name);
    const { at, code } = this.fault ?? { at: Number.POSITIVE_INFINITY, code: "" };
    const count = this.operations.length;
    if (count < at || (count > at && code !== "killed")) return;
    if (count === at) halfDone();
    throw failure(code);
  }

  #find(path: string): Inode {
    const inode = this.names.get(path);
    if (!inode) throw failure("ENOENT");
    return inode;
  }

  resolve(path: string): string {
    return path;
  }

  read(path: string): Buffer {
    this.#step("read");
    return Buffer.from(this.#find(path).data);
  }

  create(path: string): number {
    this.#step("create");
    if (this.names.has(path)) throw failure("EEXIST");
    const inode = { data: Buffer.alloc(0), synced: Buffer.alloc(0) };
    this.names.set(path, inode);
    this.#open.set(this.operations.length, inode);
    return this.operations.length;
  }

  write(file: number, bytes: Uint8Array): void {
    const inode = this.#open.get(file) as Inode;
    const half = () => {
      inode.data = Buffer.from(bytes.subarray(0, bytes.length >> 1));
    };
    this.#step("write", half);
    inode.data = Buffer.from(bytes);
  }

  sync(file: number): void {
    this.#step("sync");
    const inode = this.#open.get(file) as Inode;
    inode.synced = inode.data;
  }

  close(file: number): void {
    this.#step("close");
    this.#open.delete(file);
  }

  link(from: string, to: string): void {
    this.#step("link");
    if (!this.hasLinks) throw failure("EPERM");
    if (this.names.has(to)) throw failure("EEXIST");
    this.names.set(to, this.#find(from));
  }

  rename(from: string, to: string): void {
    this.#step("rename");
    this.names.set(to, this.#find(from));
    this.names.delete(from);
  }

  remove(path: string): void {
    this.#step("remove");
    this.#find(path);
    this.names.delete(path);
  }

  syncFolder(): void {
    this.#step("syncFolder");
    this.durable = new Map(this.names);
  }

  /** The possible contents of a file after a kill, and after a power failure, when names may or may not be on disk. */
  outcomes(path: string): (string | undefined)[] {
    const views = [this.names.get(path)?.data, this.names.get(path)?.synced, this.durable.get(path)?.synced];
    return views.map((data) => data?.toString());
  }
}
