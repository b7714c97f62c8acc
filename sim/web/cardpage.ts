// The card alone, in a frame of another page: a fresh demo card each time, controlled by the embedding page.
//
// The embedding page names its origin in the address (card.html?origin=https://…); without one, its origin must be this
// page's. Messages are exchanged only with that origin, and only with the window around this one.

import type { Card } from "../core/card.js";
import { newCard } from "./democard.js";
import { LiveCard } from "./livecard.js";
import { type Command, type Message, RequestError, readCommand, requestId, type Screen, VERSION } from "./messages.js";

export class CardPage {
  readonly #card: Card;
  readonly #live: LiveCard;
  readonly #origin = originAround(location);
  /** The last reported screen. */
  #told = "";

  constructor(module: WebAssembly.Module, root: HTMLElement) {
    this.#card = newCard(module).card;
    this.#live = new LiveCard(this.#card, () => {});
    root.replaceChildren(this.#live.drawing.root);
    if (window.parent === window || this.#origin === undefined) return;
    this.#card.watchers.push({ power: () => this.#changed(), display: () => this.#changed() });
    window.addEventListener("message", (event) => this.#heard(event));
    this.#tell({ dsc: VERSION, event: "ready", screen: this.#screen });
  }

  get #screen(): Screen {
    const { on, state, display, time } = this.#card;
    return { on, state, display, time };
  }

  #heard({ source, origin, data }: MessageEvent): void {
    if (source !== window.parent || origin !== this.#origin) return;
    const id = requestId(data);
    if (id === undefined) return;
    try {
      const command = readCommand(data);
      this.#live.act(() => carryOut(this.#card, command));
      this.#tell({ dsc: VERSION, id, screen: this.#screen });
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#tell({ dsc: VERSION, id, error: error.message });
    }
  }

  #changed(): void {
    const screen = this.#screen;
    const shown = `${screen.on} ${screen.display}`;
    if (shown === this.#told) return;
    this.#told = shown;
    this.#tell({ dsc: VERSION, event: "screen", screen });
  }

  #tell(message: Message): void {
    window.parent.postMessage(message, this.#origin as string);
  }
}

/** Carries out a command. The card's time passes at once, without waiting. */
function carryOut(card: Card, command: Command): void {
  if (command.command === "press") card.press(command.key);
  else if (command.command === "hold") card.hold(command.key, command.ms);
  else if (command.command === "type") card.type(command.digits);
  else if (command.command === "time") card.wait(command.ms);
}

/** The origin of the embedding page, as the address names it; undefined if it is not valid. */
function originAround({ search, origin }: Location): string | undefined {
  const named = new URLSearchParams(search).get("origin") ?? origin;
  try {
    const url = new URL(named);
    return /^https?:$/.test(url.protocol) && url.origin === named ? named : undefined;
  } catch {
    return undefined;
  }
}
