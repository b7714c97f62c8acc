// The card as people see and touch it: an SVG whose keys are buttons. The style sheet has the colours.

import { KEYS, type KeyName } from "../core/card.js";
import { type Area, CARD, labelOf, placeOf, ROWS, SCREEN, segmentPaths } from "../drawing/shape.js";
import { element, setText, svgElement } from "./dom.js";
import { spoken } from "./spoken.js";

/** The visible state of a card. */
export interface Shown {
  readonly on: boolean;
  readonly state: string;
  readonly display: string;
  readonly down: ReadonlySet<KeyName>;
}

export class CardDrawing {
  /** The card, and its screen in words for people who cannot see it. */
  readonly root: HTMLElement;
  readonly svg: SVGSVGElement;
  readonly #keys = new Map<KeyName, SVGGElement>();
  readonly #glass = rectangle(SCREEN, 8, "glass");
  readonly #lit = svgElement("path", { class: "lit" });
  readonly #unlit = svgElement("path", { class: "unlit" });
  /** The visible state that was drawn last. */
  #looks = "";
  readonly #words = element("p", { class: "unseen", role: "status" });

  constructor() {
    for (const key of KEYS) this.#keys.set(key, drawKey(key));
    this.svg = svgElement(
      "svg",
      { class: "card", viewBox: `0 0 ${CARD.width} ${CARD.height}`, role: "group", "aria-label": "The card" },
      rectangle({ x: 1, y: 1, width: CARD.width - 2, height: CARD.height - 2 }, CARD.corner, "body"),
      svgElement("text", { class: "name", x: SCREEN.x, y: 36, "aria-hidden": "true" }, "Digital Security Card+"),
      this.#glass,
      this.#unlit,
      this.#lit,
      ...ROWS.flat().map((key) => this.#keys.get(key) as SVGGElement),
    );
    this.root = element("div", { class: "cardbox" }, this.svg, this.#words);
  }

  /** The key that a place in the drawing belongs to. */
  keyAt(target: EventTarget | null): KeyName | undefined {
    const group = target instanceof Element ? target.closest("[data-key]") : null;
    return KEYS.find((key) => this.#keys.get(key) === group);
  }

  /** Draws the card as it is now. */
  show({ on, state, display, down }: Shown): void {
    const looks = [on, state, display, ...down].join();
    if (looks === this.#looks) return;
    this.#looks = looks;
    const { lit, unlit } = segmentPaths(display);
    this.#lit.setAttribute("d", lit);
    this.#unlit.setAttribute("d", unlit);
    for (const part of [this.#glass, this.#unlit]) part.classList.toggle("on", on);
    for (const [key, group] of this.#keys) group.classList.toggle("down", down.has(key));
    this.svg.dataset.display = display;
    this.svg.dataset.state = state;
    setText(this.#words, spoken(on, display));
  }
}

function drawKey(key: KeyName): SVGGElement {
  const place = placeOf(key);
  const { x, y, width, height } = place;
  const label = labelOf(key);
  const text = { x: x + width / 2, y: y + height / 2 + 7, "aria-hidden": "true" };
  return svgElement(
    "g",
    { class: `key ${key}`, role: "button", tabindex: 0, "aria-label": label, "data-key": key },
    rectangle(place, 10, "cap"),
    svgElement("text", text, label),
  );
}

function rectangle({ x, y, width, height }: Area, corner: number, name: string): SVGRectElement {
  return svgElement("rect", { x, y, width, height, rx: corner, class: name });
}
