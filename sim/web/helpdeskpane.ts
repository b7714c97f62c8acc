// The help desk: computes the unlock code for the lock code of a locked demo card.

import { CODE_LENGTH, unlockCode } from "../common/helpdesk.js";
import { element, setText } from "./dom.js";
import { field, labelled } from "./loginpane.js";
import { ocra } from "./ocra.js";

const HINT = "A locked card shows its lock code when OK is pressed.";

export class HelpDeskPane {
  readonly root: HTMLElement;
  readonly #lockCode = field("lock-code", {
    inputmode: "numeric",
    autocomplete: "off",
    maxlength: CODE_LENGTH,
    pattern: `[0-9]{${CODE_LENGTH}}`,
  });
  readonly #unlockCode = element("output", { class: "code", id: "unlock-code" });
  readonly #hint = element("p", { class: "hint" }, HINT);
  readonly #log: (text: string) => void;

  /** `log` records what the desk does, never a digit. */
  constructor(log: (text: string) => void) {
    this.#log = log;
    const form = element(
      "form",
      {},
      this.#hint,
      labelled("Lock code", this.#lockCode),
      element("button", {}, "Compute"),
      element("p", {}, element("label", { for: "unlock-code" }, "Unlock code"), this.#unlockCode),
    );
    form.addEventListener("submit", (event) => this.#give(event));
    this.root = element(
      "section",
      { class: "pane", "aria-labelledby": "desk-title" },
      element("h2", { id: "desk-title" }, "Help desk"),
      form,
    );
  }

  #give(event: Event): void {
    event.preventDefault();
    const code = unlockCode(this.#lockCode.value, (suite, key, challenge) => ocra(suite, key, { challenge }));
    this.#unlockCode.value = code ?? "";
    setText(this.#hint, code === undefined ? "A lock code has 8 digits." : "Press OK on the card and type it there.");
    if (code !== undefined) this.#log("help desk: unlock code given");
  }
}
