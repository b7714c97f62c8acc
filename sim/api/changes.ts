// Server-sent events: every listener gets each change of the screen.

import type { ServerResponse } from "node:http";
import type { Screen } from "./schemas.js";

export const EVENTS_TYPE = "text/event-stream; charset=utf-8";

/** More listeners than this are refused. */
const MOST_LISTENERS = 100;
/**
 * A listener that reads so slowly that more bytes than this are waiting is disconnected, since it cannot get all
 * changes.
 */
const MOST_WAITING = 1_048_576;
/** The interval of keep-alive messages, which detect a lost connection, in ms. */
const PULSE_TIME = 15_000;

export class Changes {
  readonly #listeners = new Set<ServerResponse>();
  #number = 0;
  readonly #pulse = setInterval(() => this.#say(": \n\n"), PULSE_TIME);

  constructor() {
    this.#pulse.unref();
  }

  get isFull(): boolean {
    return this.#listeners.size >= MOST_LISTENERS;
  }

  /** Sends a listener all changes from now on. Its headers have been sent. */
  add(listener: ServerResponse): void {
    this.#listeners.add(listener);
    listener.on("close", () => this.#listeners.delete(listener));
    listener.on("error", () => this.#listeners.delete(listener));
    listener.write(": every change of the screen from now on\n\n");
  }

  /** The screen changed. */
  tell(screen: Screen): void {
    this.#number++;
    if (this.#listeners.size > 0) this.#say(`id: ${this.#number}\ndata: ${JSON.stringify(screen)}\n\n`);
  }

  /** Ends every stream. */
  close(): void {
    clearInterval(this.#pulse);
    for (const listener of this.#listeners) listener.end();
  }

  #say(text: string): void {
    for (const listener of this.#listeners) {
      listener.write(text);
      if (listener.writableLength > MOST_WAITING) listener.destroy();
    }
  }
}
