// The choice of card: the demo card, one that the browser stores under a name, or one from a flash file of `dsc-sim
// --flash`.

import { FLASH_SIZE } from "../core/flash.js";
import { isPlausible } from "../core/image.js";
import { button, element, setText } from "./dom.js";
import { forget, keep, keptNames, readKept } from "./keptcards.js";
import { labelled } from "./loginpane.js";
import { saveFile } from "./savefile.js";

/** The select's value for a card that is not stored. */
const UNNAMED = "";

/** What the pane does with the card of the page. */
export interface Shelf {
  /** The flash of the card that is shown. */
  flash(): Uint8Array;
  /** Shows a card with this flash; without one, a fresh demo card. */
  show(flash?: Uint8Array): void;
  /** Offers the session so far as a script. */
  saveSession(): void;
}

export class CardsPane {
  readonly root: HTMLElement;
  readonly #shelf: Shelf;
  readonly #which = element("select", { id: "which" });
  readonly #name = element("input", { id: "card-name", maxlength: 40, autocomplete: "off" });
  readonly #file = element("input", { id: "flash-file", type: "file" });
  readonly #message = element("p", { class: "hint", role: "status" });
  readonly #forget = button("Forget it", () => this.#try(() => this.#forgetCard()), { disabled: true });
  /** The name under which the shown card is kept. */
  #kept = UNNAMED;
  /** Writes are done one after another. */
  #last: Promise<void> = Promise.resolve();

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
    this.#which.addEventListener("change", () => this.#try(() => this.#choose(this.#which.value)));
    this.#file.addEventListener("change", () => this.#try(() => this.#openFile()));
    const naming = element("form", {}, labelled("Keep it in this browser as", this.#name));
    naming.append(element("div", { class: "row" }, element("button", {}, "Keep"), this.#forget));
    naming.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try(() => this.#keepAs(this.#name.value.trim()));
    });
    this.root = element(
      "section",
      { class: "pane", "aria-labelledby": "cards-title" },
      element("h2", { id: "cards-title" }, "Cards"),
      labelled("Card", this.#which),
      element(
        "div",
        { class: "row" },
        button("New demo card", () => this.#try(() => this.#choose(UNNAMED))),
        button("Save its flash", () => saveFile("card.bin", this.#shelf.flash())),
        button("Save the session", () => this.#shelf.saveSession()),
      ),
      labelled("Open a flash file", this.#file),
      naming,
      this.#message,
    );
    this.#try(() => this.#list());
  }

  /** The card's flash changed: a stored card is stored again. */
  changed(): void {
    const name = this.#kept;
    if (name === UNNAMED) return;
    const flash = this.#shelf.flash().slice();
    this.#last = this.#last.then(() => keep(name, flash)).catch((error: unknown) => this.#fail(error));
  }

  /** The shown card was replaced by one that is not stored. */
  replaced(): void {
    this.#kept = UNNAMED;
    this.#showChoice();
  }

  async #choose(name: string): Promise<void> {
    await this.#last;
    const flash = name === UNNAMED ? undefined : await readKept(name);
    this.#kept = flash ? name : UNNAMED;
    this.#shelf.show(flash);
    this.#showChoice();
  }

  async #keepAs(name: string): Promise<void> {
    if (name === UNNAMED) return setText(this.#message, "Type a name first.");
    if ((await keptNames()).includes(name)) return setText(this.#message, "A card has that name; type another one.");
    await keep(name, this.#shelf.flash());
    this.#kept = name;
    this.#name.value = "";
    await this.#list();
    setText(this.#message, "Kept, and updated after each change. Anyone who uses this browser can read it.");
  }

  async #forgetCard(): Promise<void> {
    const name = this.#kept;
    this.#kept = UNNAMED;
    await this.#last;
    await forget(name);
    await this.#list();
    setText(this.#message, "Forgotten. The card stays until you leave the page.");
  }

  async #openFile(): Promise<void> {
    const file = this.#file.files?.[0];
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    this.#file.value = "";
    if (bytes.length !== FLASH_SIZE || !isPlausible(bytes))
      return setText(this.#message, "That is not the flash of a card.");
    this.replaced();
    this.#shelf.show(bytes);
    setText(this.#message, "The card now has the flash of the file. The file does not change.");
  }

  async #list(): Promise<void> {
    const names = await keptNames();
    const options = names.map((name) => element("option", { value: name }, name));
    this.#which.replaceChildren(element("option", { value: UNNAMED }, "A card that is not kept"), ...options);
    this.#showChoice();
  }

  #showChoice(): void {
    this.#which.value = this.#kept;
    this.#forget.disabled = this.#kept === UNNAMED;
  }

  #try(work: () => Promise<void>): void {
    setText(this.#message, "");
    work().catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): void {
    setText(this.#message, `The browser could not do this: ${error instanceof Error ? error.message : error}`);
  }
}
