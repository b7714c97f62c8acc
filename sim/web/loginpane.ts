// The login pane: the demo site's page, as an owner sees it.

import { type Answer, DEMO_ACCOUNT, LOCK_SECONDS, Site, type SiteTools } from "../common/site.js";
import { element, setText } from "./dom.js";
import { ocra } from "./ocra.js";

const TOOLS: SiteTools = {
  now: () => performance.now(),
  draw: drawChallenge,
  same: (a, b) => a === b,
  response: (suite, key, challenge) => ocra(suite, key, { challenge }),
};

export class LoginPane {
  readonly root: HTMLElement;
  readonly #site: Site;
  readonly #log: (text: string) => void;
  readonly #user = field("user", { autocomplete: "off", autocapitalize: "none", spellcheck: "false", maxlength: 12 });
  readonly #password = field("password", { type: "password", autocomplete: "off", maxlength: 12 });
  readonly #challenge = element("output", { class: "code", id: "challenge" });
  readonly #response = field("response", {
    inputmode: "numeric",
    autocomplete: "off",
    maxlength: 8,
    pattern: "[0-9]{8}",
  });
  readonly #first = element("form", {});
  readonly #second = element("form", { hidden: true });
  readonly #message = element("p", { class: "message", role: "status" });

  /** `log` records what the site does, never a digit. */
  constructor(log: (text: string) => void, site = new Site(DEMO_ACCOUNT, TOOLS)) {
    this.#log = log;
    this.#site = site;
    const { user, password } = DEMO_ACCOUNT;
    this.#first.append(
      element("p", { class: "hint" }, `The demo site. User ${user}, password ${password}.`),
      labelled("User name", this.#user),
      labelled("Password", this.#password),
      element("button", {}, "Sign in"),
    );
    const over = element("button", { type: "button" }, "Start over");
    over.addEventListener("click", () => this.#startOver());
    this.#second.append(
      element("p", {}, element("label", { for: "challenge" }, "Challenge"), this.#challenge),
      labelled("Response of the card", this.#response),
      element("div", { class: "row" }, element("button", {}, "Send"), over),
    );
    this.#first.addEventListener("submit", (event) => this.#signIn(event));
    this.#second.addEventListener("submit", (event) => this.#send(event));
    this.root = element(
      "section",
      { class: "pane", "aria-labelledby": "login-title" },
      element("h2", { id: "login-title" }, "Login"),
      this.#first,
      this.#second,
      this.#message,
    );
  }

  #signIn(event: Event): void {
    event.preventDefault();
    const answer = this.#site.signIn(this.#user.value, this.#password.value);
    this.#hear(answer);
    if (answer.outcome !== "challenge") return;
    this.#challenge.value = answer.challenge;
    this.#step(this.#second, this.#response);
  }

  #send(event: Event): void {
    event.preventDefault();
    const answer = this.#site.respond(this.#response.value);
    this.#clear();
    this.#step(this.#first, this.#user);
    this.#hear(answer);
  }

  #startOver(): void {
    this.#site.cancel();
    this.#clear();
    this.#step(this.#first, this.#user);
    setText(this.#message, "");
  }

  #clear(): void {
    for (const input of [this.#user, this.#password, this.#response]) input.value = "";
    this.#challenge.value = "";
  }

  #step(form: HTMLFormElement, first: HTMLElement): void {
    for (const one of [this.#first, this.#second]) one.hidden = one !== form;
    first.focus({ preventScroll: true });
  }

  #hear(answer: Answer): void {
    this.#message.dataset.outcome = answer.outcome;
    setText(this.#message, answer.outcome === "challenge" ? "Type the challenge on the card." : answer.text);
    this.#log(`site: ${answer.outcome}`);
    if (answer.outcome === "locked") setTimeout(() => this.#unlocked(), LOCK_SECONDS * 1000);
  }

  #unlocked(): void {
    if (this.#message.dataset.outcome === "locked" && this.#site.lockedFor === 0) setText(this.#message, "");
  }
}

/** An input with a label before it. */
export function labelled(label: string, input: HTMLInputElement | HTMLSelectElement): HTMLElement {
  return element("p", {}, element("label", { for: input.id }, label), input);
}

/** An input of a form, with its own id. */
export function field(id: string, attributes: Record<string, string | number>): HTMLInputElement {
  return element("input", { id, type: "text", required: true, ...attributes });
}

/** Every challenge is equally likely, because numbers above the last whole million are rejected. */
function drawChallenge(): string {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  return number < 4_294_000_000 ? String(number % 1_000_000).padStart(6, "0") : drawChallenge();
}
