// A session that is shown at the card's pace, without a browser: when the screens come, and that an ended show is over.

import * as assert from "uvu/assert";
import type { Timer } from "../../../sim/common/cardtime.js";
import { Film } from "../../../sim/web/film.js";
import { blankCard, turnOn } from "../../support/cards.js";
import { suite } from "../../support/suite.js";

const test = suite("a session at the card's pace");

/** A timer whose time passes only when the test says so. */
class HandTimer implements Timer {
  readonly #waiting = new Set<{ readonly at: number; readonly run: () => void }>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const one = { at: this.#now + ms, run };
    this.#waiting.add(one);
    return () => void this.#waiting.delete(one);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const one of this.#waiting) if (one.at <= this.#now && this.#waiting.delete(one)) one.run();
  }
}

const LONGER_THAN_ANY = 60_000;

/** A film of a blank card that is turned on and later goes off by itself, its timer, and the screens that it shows. */
function filmOf(): { film: Film; timer: HandTimer; shown: string[]; total: number } {
  const timer = new HandTimer();
  const card = blankCard({ seed: 1 });
  const film = new Film(card, timer, true);
  turnOn(card);
  card.wait(LONGER_THAN_ANY);
  const shown: string[] = [];
  film.watchers.push({ display: (text) => shown.push(text.trimEnd()) });
  return { film, timer, shown, total: card.time };
}

test("a screen comes at its time and not before, and the show ends with the session", async () => {
  const { film, timer, shown, total } = filmOf();
  let changes = 0;
  const playing = film.play(() => changes++);
  assert.equal(shown, []);
  timer.pass(1000);
  assert.equal(shown, ["NO KEY"]);
  assert.is(film.display.trimEnd(), "NO KEY");
  timer.pass(total);
  assert.equal(shown, ["NO KEY", ""]);
  timer.pass(0);
  assert.is(await playing, true);
  assert.is(timer.waiting, 0);
  assert.ok(changes > 0);
});

test("an ended show reports nothing more", async () => {
  const { film, timer, shown } = filmOf();
  let changes = 0;
  const playing = film.play(() => changes++);
  timer.pass(1000);
  film.end(false);
  const before = changes;
  assert.is(timer.waiting, 0);
  timer.pass(LONGER_THAN_ANY);
  assert.equal(shown, ["NO KEY"]);
  assert.is(changes, before);
  assert.is(await playing, false);
});

test.run();
