// Replays a session, a script (.dsc) that is chosen or dropped on the page, and shows the result.

import { isPlausible } from "../core/image.js";
import { linesOf } from "../session/lines.js";
import type { Failure, Script } from "../session/playing.js";
import { element, setText } from "./dom.js";
import { labelled } from "./loginpane.js";
import type { Files } from "./replay.js";

/** Far more than any session has. A larger file is of another kind. */
const LARGEST = 16 * 1024 * 1024;
const SCRIPT = /\.dsc$/i;
const WHICH = "Choose one script (.dsc), together with the flash file that it names.";

/** What the pane does with the card of the page. */
export interface Stage {
  /** Plays a script on a card that is then shown, at once or at the card's pace. */
  play(script: Script, files: Files, atPace: boolean): Promise<Played>;
  /** Shows at once what remains of the script that plays. */
  skip(): void;
  /** A warning if a script was recorded with another firmware. */
  warning(script: Script): string | undefined;
}

/** The result of a script. */
export interface Played {
  /** The line that failed, if any. */
  readonly failure: Failure | undefined;
  /** Whether it was shown to its end. Otherwise another card replaced it. */
  readonly seen: boolean;
}

export class ReplayPane {
  readonly root: HTMLElement;
  readonly #stage: Stage;
  readonly #input = element("input", { id: "script", type: "file", multiple: true });
  readonly #pace = element("input", { id: "pace", type: "checkbox" });
  readonly #message = element("p", { class: "message", role: "status" });
  readonly #failure = element("dl");
  /** Counts the scripts, so that the result of an earlier one is not shown. */
  #turn = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#input.addEventListener("change", () => {
      const chosen = [...(this.#input.files ?? [])];
      this.#input.value = "";
      this.#take(chosen);
    });
    this.#pace.addEventListener("change", () => {
      if (!this.#pace.checked) this.#stage.skip();
    });
    this.root = element(
      "section",
      { class: "pane", "aria-labelledby": "replay-title" },
      element("h2", { id: "replay-title" }, "Replay"),
      element(
        "p",
        { class: "hint" },
        "Choose a session that was saved here or a script of dsc-sim, or drop it on the page.",
      ),
      labelled("Replay a session", this.#input),
      element("p", { class: "choice" }, this.#pace, element("label", { for: "pace" }, "At the card's pace")),
      this.#message,
      this.#failure,
    );
    onDrop((dropped) => this.#take(dropped));
  }

  #take(files: readonly File[]): void {
    if (files.length === 0) return;
    this.#say("");
    this.#play(files).catch((error: unknown) =>
      this.#say(`Not played: ${error instanceof Error ? error.message : error}`, "refused"),
    );
  }

  async #play(given: readonly File[]): Promise<void> {
    const large = given.find(({ size }) => size > LARGEST);
    if (large) return this.#say(`${large.name} is too large for a script.`, "refused");
    const files = new Map<string, Uint8Array>();
    for (const file of given) files.set(file.name, new Uint8Array(await file.arrayBuffer()));
    const name = scriptAmong(files);
    if (name === undefined) return this.#say(WHICH, "refused");
    const script = { name, lines: linesOf(new TextDecoder().decode(files.get(name))) };
    const turn = ++this.#turn;
    if (this.#pace.checked) this.#say(`Playing ${name}.`);
    const { failure, seen } = await this.#stage.play(script, files, this.#pace.checked);
    if (turn !== this.#turn) return;
    if (!seen) return this.#say("");
    const warning = this.#stage.warning(script);
    const said = failure
      ? `${name}:${failure.line}: ${failure.error}`
      : `${name} was played to its end; the card continues from there.`;
    this.#say(warning === undefined ? said : `${said} (${warning})`, failure ? "refused" : "welcome", failure);
  }

  #say(text: string, outcome = "", failure?: Failure): void {
    this.#message.dataset.outcome = outcome;
    setText(this.#message, text);
    const rows =
      failure?.expected === undefined
        ? []
        : [
            ["Expected", failure.expected],
            ["Actual", failure.actual ?? ""],
          ];
    this.#failure.replaceChildren(
      ...rows.map(([label = "", value]) =>
        element("div", {}, element("dt", {}, label), element("dd", {}, value === "" ? "blank" : (value as string))),
      ),
    );
  }
}

/** The name of the script: the only file with its extension, or else the only one that is not a flash. */
function scriptAmong(files: Files): string | undefined {
  const names = [...files.keys()];
  const scripts = names.filter((name) => SCRIPT.test(name));
  const found = scripts.length > 0 ? scripts : names.filter((name) => !isPlausible(files.get(name) as Uint8Array));
  return found.length === 1 ? found[0] : undefined;
}

/** Takes files that are dropped anywhere on the page, except on an input, which takes its own. */
function onDrop(take: (files: readonly File[]) => void): void {
  const { classList } = document.documentElement;
  const isOurs = ({ target, dataTransfer }: DragEvent) =>
    dataTransfer?.types.includes("Files") === true && !(target instanceof HTMLInputElement);
  document.addEventListener("dragover", (event) => {
    const ours = isOurs(event);
    classList.toggle("dropping", ours);
    if (ours) event.preventDefault();
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    classList.remove("dropping");
    if (!isOurs(event)) return;
    event.preventDefault();
    take([...(event.dataTransfer?.files ?? [])]);
  });
}
