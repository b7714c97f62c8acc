// `--trace FILE`: what goes over the links, decoded line by line, secrets and what is encrypted left out.

import { closeSync, openSync, writeSync } from "node:fs";
import { describeCommand, describeResponse } from "./apdu.js";
import type { Link } from "./link.js";

export class Trace {
  readonly #file: number;
  readonly #now: () => Date;
  #ended = false;
  #failure: unknown;

  /** Makes the file, for its owner's eyes only. Throws where it exists: a trace never overwrites anything. */
  constructor(path: string, now: () => Date = () => new Date()) {
    this.#file = openSync(path, "wx", 0o600);
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
    if (this.#failure) throw this.#failure;
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
