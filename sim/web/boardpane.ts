// A real board on a serial port: its front panel in place of the simulated card, and the facts that it reports.

import { factsOf, readStatus } from "../../host-tools/card/cardstatus.js";
import { FrontPanel } from "../common/frontpanel.js";
import type { Subject } from "../core/subject.js";
import { button, element, setText } from "./dom.js";
import { REAL_TIME } from "./realtime.js";
import { type Serial, SerialLine } from "./serialline.js";

/** What the pane does with the card of the page. */
export interface Bench {
  /** Shows a board's card; without one, the simulated card again. */
  show(board?: Subject): void;
  /** Called when the board has sent something. */
  changed(): void;
}

interface Connection {
  readonly line: SerialLine;
  readonly card: FrontPanel;
}

export class BoardPane {
  readonly root: HTMLElement;
  readonly #serial: Serial;
  readonly #bench: Bench;
  readonly #connect = button("Connect a board", () => this.#try(() => this.#open()));
  readonly #leave = button("Disconnect", () => this.#try(() => this.#close()), { disabled: true });
  readonly #ask = button("Read its facts", () => this.#try(() => this.#read()), { disabled: true });
  readonly #facts = element("dl");
  readonly #message = element("p", { class: "hint", role: "status" });
  #connection: Connection | undefined;

  constructor(serial: Serial, bench: Bench) {
    this.#serial = serial;
    this.#bench = bench;
    this.root = element(
      "section",
      { class: "pane", "aria-labelledby": "board-title" },
      element("h2", { id: "board-title" }, "Board"),
      element(
        "p",
        { class: "hint" },
        "A board with a development image has a front panel. Once connected, this page shows the board's card.",
      ),
      element("div", { class: "row" }, this.#connect, this.#leave, this.#ask),
      this.#facts,
      this.#message,
    );
  }

  async #open(): Promise<void> {
    const line = await SerialLine.choose(this.#serial);
    const card = new FrontPanel(line, REAL_TIME, () => this.#bench.changed());
    this.#connection = { line, card };
    this.#enable();
    this.#bench.show(card);
    setText(this.#message, "Connected.");
    await line.closed;
    if (this.#connection?.line !== line) return;
    this.#gone();
    setText(this.#message, "The board is gone; the line was closed.");
  }

  async #close(): Promise<void> {
    const connection = this.#connection;
    this.#gone();
    await connection?.line.close();
    setText(this.#message, "Disconnected.");
  }

  /** Shows the simulated card again. */
  #gone(): void {
    this.#connection?.card.leave();
    this.#connection = undefined;
    this.#facts.replaceChildren();
    this.#enable();
    this.#bench.show();
  }

  async #read(): Promise<void> {
    const line = this.#connection?.line;
    if (!line) return;
    this.#ask.disabled = true;
    try {
      await line.hello();
      const facts = factsOf(await readStatus((tag) => line.getData(tag)));
      const rows = facts.map(({ label, value }) =>
        element("div", {}, element("dt", {}, label), element("dd", {}, value)),
      );
      this.#facts.replaceChildren(...rows);
    } finally {
      this.#enable();
    }
  }

  #enable(): void {
    const connected = this.#connection !== undefined;
    this.#connect.disabled = connected;
    this.#leave.disabled = this.#ask.disabled = !connected;
  }

  #try(work: () => Promise<void>): void {
    setText(this.#message, "");
    work().catch((error: unknown) =>
      setText(this.#message, `Not done: ${error instanceof Error ? error.message : error}`),
    );
  }
}
