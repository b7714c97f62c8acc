// `--pty`: the card's serial line on a pseudo-terminal, so that programs open it like any serial port.

import { closeSync, constants, lstatSync, openSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { Card } from "./card.js";

/** A link that cannot be made; the message is for people. */
export class PtyError extends Error {
  override name = "PtyError";
}

/** What `open` of @lydell/node-pty returns; its types leave it out. */
interface PseudoTerminal {
  readonly _master: Socket;
  readonly _slave: Socket;
  readonly _pty: string;
}

/** The serial line of a card, at a link in the file system. */
export class PtyLine {
  readonly #link: string;
  readonly #master: Socket;
  readonly #held: number;
  readonly #card: Card;
  readonly #watcher = { sent: (bytes: Uint8Array) => this.#send(bytes) };

  /** Opens a pseudo-terminal and links `link` to it; a stale link is replaced, anything else left alone. */
  constructor(card: Card, link: string) {
    this.#card = card;
    this.#link = link;
    removeStaleLink(link);
    const terminal = openTerminal();
    // Its own reader of the other end would eat what is meant for the program that opens it. Held open
    // instead, the line outlives that program.
    terminal._slave.destroy();
    this.#held = openSync(terminal._pty, constants.O_RDWR | constants.O_NOCTTY);
    this.#master = terminal._master;
    this.#master.on("data", (bytes: Buffer) => card.receive(bytes));
    try {
      symlinkSync(terminal._pty, link);
    } catch (error) {
      this.#master.destroy();
      throw new PtyError(`${link}: cannot be made (${(error as NodeJS.ErrnoException).code}); choose another place`);
    }
    card.watchers.push(this.#watcher);
  }

  /** Takes the link away and hangs up. */
  close(): void {
    const at = this.#card.watchers.indexOf(this.#watcher);
    if (at >= 0) this.#card.watchers.splice(at, 1);
    this.#master.destroy();
    closeSync(this.#held);
    unlinkSync(this.#link);
  }

  #send(bytes: Uint8Array): void {
    this.#master.write(bytes);
  }
}

function openTerminal(): PseudoTerminal {
  if (process.platform === "win32") throw new PtyError("--pty: there are no pseudo-terminals here; use Linux or macOS");
  const { open } = createRequire(import.meta.url)("@lydell/node-pty") as {
    open(options: { encoding: null }): PseudoTerminal;
  };
  return open({ encoding: null });
}

function removeStaleLink(link: string): void {
  const stat = lstatSync(link, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSymbolicLink() || !readlinkSync(link).startsWith("/dev/")) {
    throw new PtyError(`${link}: is there already, and no link to a pseudo-terminal; choose another place`);
  }
  unlinkSync(link);
}
