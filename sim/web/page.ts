// The whole page: the card, with the login pane, the help desk, its state, its log, and the tester's controls.

import { EventLog } from "../common/eventlog.js";
import type { Card } from "../core/card.js";
import type { Subject } from "../core/subject.js";
import type { Script } from "../session/playing.js";
import { hashOf, otherFirmware } from "../session/recordmarks.js";
import { BoardPane } from "./boardpane.js";
import { CardsPane } from "./cardspane.js";
import { Controls } from "./controls.js";
import { type MadeCard, newCard } from "./democard.js";
import { element } from "./dom.js";
import { Film } from "./film.js";
import { beforeNextFrame, mayMove } from "./frames.js";
import { HelpDeskPane } from "./helpdeskpane.js";
import { LiveCard } from "./livecard.js";
import { LoginPane } from "./loginpane.js";
import { REAL_TIME } from "./realtime.js";
import { type Files, replay } from "./replay.js";
import { type Played, ReplayPane } from "./replaypane.js";
import { webSerial } from "./serialline.js";
import { SessionRecord } from "./sessionrecord.js";
import { LogPane, StatePane } from "./statepane.js";

const HELP =
  "Hold PRESS until PIN> shows, enter the PIN 4071, press OK; at CHALLNG> enter the challenge and press OK. " +
  "With the card focused, digits, P (PRESS) and O (OK) on the keyboard are its keys.";

export class Page {
  readonly #module: WebAssembly.Module;
  #card: Card;
  #record: SessionRecord;
  #log: EventLog;
  /** The session that is shown at the card's pace. */
  #film: Film | undefined;
  /** The flash operations of the card at the last check. */
  #operations = 0;
  readonly #live: LiveCard;
  readonly #state = new StatePane();
  readonly #logPane = new LogPane();
  readonly #controls: Controls;
  readonly #show = beforeNextFrame(() => this.#draw());
  readonly #cards = new CardsPane({
    flash: () => this.#card.flash.bytes,
    show: (flash) => this.#take(newCard(this.#module, flash)),
    saveSession: () => this.#live.act(() => this.#record.save()),
  });

  readonly #replay = new ReplayPane({
    play: (script, files, atPace) => this.#play(script, files, atPace),
    skip: () => this.#film?.end(true),
    warning: ({ name, lines }) => otherFirmware(name, lines, hashOf(this.#module)),
  });

  constructor(module: WebAssembly.Module, root: HTMLElement) {
    this.#module = module;
    const made = newCard(module);
    this.#card = made.card;
    this.#record = new SessionRecord(module, made);
    this.#log = new EventLog(this.#card);
    this.#live = new LiveCard(this.#card, () => this.#passed());
    this.#controls = new Controls({
      hold: (key) => this.#live.hold(key),
      battery: (millivolts) => this.#live.act(() => this.#card.setBattery(millivolts)),
      cut: () => this.#live.act(() => this.#card.cutAt(1, "torn")),
      fast: () => this.#live.toggleFast(),
    });
    const log = (text: string) => {
      this.#log.add(text);
      this.#passed();
    };
    root.replaceChildren(
      element("h1", {}, "Digital Security Card+"),
      element(
        "div",
        { class: "columns" },
        element("div", { class: "device" }, this.#live.drawing.root, element("p", { class: "hint" }, HELP)),
        element(
          "div",
          { class: "panes" },
          new LoginPane(log).root,
          new HelpDeskPane(log).root,
          this.#cards.root,
          this.#replay.root,
        ),
        element(
          "div",
          { class: "panes" },
          this.#state.root,
          this.#controls.root,
          ...this.#boardPane(),
          this.#logPane.root,
        ),
      ),
    );
    this.#passed();
  }

  /** The pane of boards, if the browser has Web Serial. */
  #boardPane(): HTMLElement[] {
    const serial = webSerial();
    if (!serial) return [];
    const bench = { show: (board?: Subject) => this.#look(board ?? this.#card), changed: () => this.#live.changed() };
    return [new BoardPane(serial, bench).root];
  }

  /** Plays a script on a card that the browser does not store. Resolves after it was shown. */
  async #play(script: Script, files: Files, atPace: boolean): Promise<Played> {
    let film: Film | undefined;
    const begin = (made: MadeCard) => {
      this.#cards.replaced();
      if (!atPace) return this.#take(made);
      film = new Film(made.card, REAL_TIME, mayMove());
      this.#own(made);
    };
    const failure = this.#live.act(() => replay(this.#module, script, files, begin));
    const seen = film ? await this.#showFilm(film) : true;
    return { failure, seen };
  }

  /** Shows a session at the card's pace, and then the card as the session left it. */
  async #showFilm(film: Film): Promise<boolean> {
    this.#look(film);
    this.#film = film;
    const seen = await film.play(() => this.#live.changed());
    if (seen) this.#look(this.#card);
    return seen;
  }

  #take(made: MadeCard): void {
    this.#own(made);
    this.#look(made.card);
  }

  /** Replaces the page's card. */
  #own(made: MadeCard): void {
    this.#card = made.card;
    this.#record = new SessionRecord(this.#module, made);
  }

  /** Shows a card: the page's own, a board's, or that of a played session. */
  #look(card: Subject): void {
    this.#film?.end(false);
    this.#film = undefined;
    this.#log.close();
    this.#log = new EventLog(card);
    this.#live.subject = card;
    this.#operations = this.#card.flash.operations;
    this.#log.add("another card");
    this.#passed();
  }

  #passed(): void {
    this.#log.poll();
    const { operations } = this.#card.flash;
    if (operations !== this.#operations) this.#cards.changed();
    this.#operations = operations;
    this.#show();
  }

  #draw(): void {
    const { subject, speed } = this.#live;
    this.#state.show(subject, speed);
    this.#controls.show(subject, speed);
    this.#logPane.show(this.#log);
  }
}
