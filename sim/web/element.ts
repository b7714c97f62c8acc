// <dsc-card>: a card in any page, in a frame, with methods and events instead of messages (docs/WEB.md).

import type { KeyName } from "../core/card.js";
import { styleSheet } from "./dom.js";
import { type Command, readMessage, type Screen, VERSION } from "./messages.js";

/** The address of this script: the card's page is beside it. */
const HOME = (document.currentScript as HTMLScriptElement | null)?.src ?? location.href;
const STYLES = ":host{display:block;aspect-ratio:360/470;max-width:30rem}iframe{border:0;width:100%;height:100%}";

interface Asked {
  readonly resolve: (screen: Screen) => void;
  readonly reject: (error: Error) => void;
}

/** The card as an element. `src` is the address of card.html; default: beside this script. */
export class DscCard extends HTMLElement {
  readonly #asked = new Map<number, Asked>();
  readonly #hear = (event: MessageEvent) => this.#heard(event);
  #frame: HTMLIFrameElement | undefined;
  #ready = Promise.resolve();
  #tellReady = () => {};
  #last = 0;

  connectedCallback(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [styleSheet(STYLES)];
    this.#ready = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
    window.addEventListener("message", this.#hear);
    const address = new URL(this.#address);
    address.searchParams.set("origin", location.origin);
    this.#frame = document.createElement("iframe");
    this.#frame.title = "Digital Security Card+";
    this.#frame.referrerPolicy = "no-referrer";
    this.#frame.src = address.href;
    root.replaceChildren(this.#frame);
  }

  disconnectedCallback(): void {
    window.removeEventListener("message", this.#hear);
    this.#frame?.remove();
    this.#frame = undefined;
    for (const { reject } of this.#asked.values()) reject(new Error("the card was removed from the page"));
    this.#asked.clear();
  }

  /** Presses a key for a moment. Each method returns the resulting screen. */
  press(key: KeyName): Promise<Screen> {
    return this.#ask({ command: "press", key });
  }

  /** Holds a key; default: for a second. */
  hold(key: KeyName, ms?: number): Promise<Screen> {
    return this.#ask({ command: "hold", key, ...(ms !== undefined && { ms }) });
  }

  /** Presses digits, one by one. */
  type(digits: string): Promise<Screen> {
    return this.#ask({ command: "type", digits });
  }

  /** Lets time pass in the card. */
  time(ms: number): Promise<Screen> {
    return this.#ask({ command: "time", ms });
  }

  /** Returns the card's screen. */
  screen(): Promise<Screen> {
    return this.#ask({ command: "screen" });
  }

  get #address(): URL {
    const src = this.getAttribute("src");
    return src === null ? new URL("card.html", HOME) : new URL(src, document.baseURI);
  }

  async #ask(command: Command): Promise<Screen> {
    await this.#ready;
    const frame = this.#frame?.contentWindow;
    if (!frame) throw new Error("the card is not in a page");
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      frame.postMessage({ dsc: VERSION, id, ...command }, this.#address.origin);
    });
  }

  #heard({ source, origin, data }: MessageEvent): void {
    if (source !== this.#frame?.contentWindow || origin !== this.#address.origin) return;
    const message = readMessage(data);
    if (!message) return;
    if ("event" in message) {
      if (message.event === "ready") this.#tellReady();
      this.dispatchEvent(new CustomEvent(message.event, { detail: message.screen }));
      return;
    }
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if ("screen" in message) asked?.resolve(message.screen);
    else asked?.reject(new Error(message.error));
  }
}

customElements.define("dsc-card", DscCard);
