// A bench of simulated cards: slots in which cards are inserted, removed and exchanged, each at the end of a line that
// a bench opens as a port. The traffic is visible, so that a test can remove a card in the middle of a command.

import { Duplex } from "node:stream";
import type { OpenLine } from "../../host-tools/desk/batch/benchport.js";
import { PortError } from "../../host-tools/files/errors.js";
import type { Card, CardWatcher } from "../../sim/core/card.js";

/** A place for a card. It answers like its card, and not at all if it is empty. */
export class Slot {
  /** As PtyLine listens to a card. */
  readonly watchers: CardWatcher[] = [];
  /** Frames that came from the host. */
  frames = 0;
  /** Called before a frame reaches the card: it may remove or exchange the card. */
  onFrame: ((slot: Slot) => void) | undefined;
  #card: Card | undefined;

  get card(): Card | undefined {
    return this.#card;
  }

  put(card: Card): void {
    card.takeSent();
    this.#card = card;
  }

  pull(): Card | undefined {
    const card = this.#card;
    this.#card = undefined;
    return card;
  }

  receive(bytes: Uint8Array): void {
    this.frames++;
    this.onFrame?.(this);
    const card = this.#card;
    if (!card) return;
    card.receive(bytes);
    const sent = card.takeSent();
    if (sent.length > 0) for (const watcher of this.watchers) watcher.sent?.(sent);
  }
}

/** A slot's line in this process. */
class SlotLine extends Duplex {
  readonly #slot: Slot;
  readonly #watcher: CardWatcher = { sent: (bytes) => this.push(Buffer.from(bytes)) };

  constructor(slot: Slot) {
    super();
    this.#slot = slot;
    slot.watchers.push(this.#watcher);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (!this.destroyed) this.#slot.receive(chunk);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#slot.watchers.splice(this.#slot.watchers.indexOf(this.#watcher), 1);
    done(error);
  }
}

/** Ports of this process, by their paths. */
export class Rack {
  readonly slots = new Map<string, Slot>();
  readonly #lines = new Map<string, SlotLine>();

  constructor(...paths: readonly string[]) {
    for (const path of paths) this.slots.set(path, new Slot());
  }

  slot(path: string): Slot {
    const slot = this.slots.get(path);
    if (!slot) throw new Error(`${path}: no such slot`);
    return slot;
  }

  /** Opens the line of a slot, as a bench does. */
  readonly open = async (path: string): Promise<OpenLine> => {
    const slot = this.slots.get(path);
    if (!slot) throw new PortError(`${path}: no such port`);
    const stream = new SlotLine(slot);
    this.#lines.set(path, stream);
    return { stream, close: async () => void stream.destroy() };
  };

  /** The port is suddenly gone, with the card on it. */
  lose(path: string): Slot {
    const slot = this.slot(path);
    this.slots.delete(path);
    this.#lines.get(path)?.destroy();
    return slot;
  }
}
