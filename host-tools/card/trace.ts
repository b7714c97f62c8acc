// `--trace FILE`: what goes over the links, decoded line by line, secrets and what is encrypted left out.

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { explained, FileError, OWNER_ONLY } from "../files/files.js";
import { describeCommand, describeResponse } from "./apdu.js";
import type { Link } from "./link.js";

/** How each line of a trace begins. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;
const TIME_SIZE = 25;

export class Trace {
  readonly #path: string;
  readonly #file: number;
  readonly #now: () => Date;
  #ended = false;
  #failure: unknown;

  /**
   * Makes the file, for its owner's eyes only, or goes on with the trace that it holds, so that a command may be run
   * again with the same arguments. Throws a FileError where it holds anything else.
   */
  constructor(path: string, now: () => Date = () => new Date()) {
    this.#path = path;
    this.#file = openTrace(path);
    this.#now = now;
  }

  /** Writes down what goes over `link`, which is called `name` in the file. */
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

  /** Closes the file. Throws where a line could not be written: that must not break off what was traced. */
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
    // Not blocking: it may be a pipe that nobody reads.
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
    throw new FileError(`${path}: exists already and is no trace; it is left as it is`, "exists");
  // Windows keeps no such mode.
  if (process.platform !== "win32" && (stats.mode & 0o077) !== 0)
    throw new FileError(`${path}: others may read it; do chmod 600, or name another file`, "denied");
}

function isTime(bytes: Buffer): boolean {
  return TIME.test(bytes.toString("latin1"));
}
