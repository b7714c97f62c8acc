// `--trace FILE`: writes what goes over the links, decoded line by line, without secrets and encrypted parts.

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { FileError } from "../files/errors.js";
import { explained, OWNER_ONLY } from "../files/files.js";
import { describeCommand, describeResponse } from "./apdu.js";
import type { Link } from "./link.js";

/** The start of each line of a trace. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;
const TIME_SIZE = 25;

export class Trace {
  readonly #path: string;
  readonly #file: number;
  readonly #now: () => Date;
  #ended = false;
  #failure: unknown;

  /**
   * Makes the file, which only its owner can read, or appends to an existing trace, so that a command can be repeated
   * with the same arguments. Throws a FileError if the file contains anything else.
   */
  constructor(path: string, now: () => Date = () => new Date()) {
    this.#path = path;
    this.#file = openTrace(path);
    this.#now = now;
  }

  /** Records what goes over `link`, under the name `name`. */
  watch(link: Link, name: string): void {
    const host = (text: string) => this.#line(`${name} > ${text}`);
    const card = (text: string) => this.#line(`${name} < ${text}`);
    link.watchers.push({
      hello: () => host("hello"),
      version: (version) => card(`protocol version ${version}`),
      command: (command) => host(describeCommand(command)),
      response: (command, response) => card(describeResponse(command, response)),
      noAnswer: () => card("no answer"),
      closed: () => card("line closed"),
    });
  }

  /**
   * Closes the file. Throws if a line could not be written; until then such an error must not interrupt the traced
   * work.
   */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    closeSync(this.#file);
    if (this.#failure) throw explained(this.#path, "write", this.#failure);
  }

  #line(text: string): void {
    if (this.#ended || this.#failure) return;
    try {
      writeSync(this.#file, `${this.#now().toISOString()} ${text}\n`);
    } catch (error) {
      this.#failure = error;
    }
  }
}

function openTrace(path: string): number {
  let file: number;
  try {
    // Not blocking, since it may be a pipe without a reader.
    const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK = 0 } = constants;
    file = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, OWNER_ONLY);
  } catch (error) {
    throw explained(path, "write", error);
  }
  try {
    refuseOthers(path, file);
    return file;
  } catch (error) {
    closeSync(file);
    throw explained(path, "read", error);
  }
}

function refuseOthers(path: string, file: number): void {
  const stats = fstatSync(file);
  const start = Buffer.alloc(TIME_SIZE);
  if (!stats.isFile() || (stats.size > 0 && !isTime(start.subarray(0, readSync(file, start, 0, TIME_SIZE, 0)))))
    throw new FileError(`${path}: exists already and is not a trace; give another name`, "exists");
  // Windows has no such mode.
  if (process.platform !== "win32" && (stats.mode & 0o077) !== 0)
    throw new FileError(`${path}: others may read it; run chmod 600, or name another file`, "denied");
}

function isTime(bytes: Buffer): boolean {
  return TIME.test(bytes.toString("latin1"));
}
