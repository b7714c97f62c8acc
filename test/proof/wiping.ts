// P2 of a wipe: what its new page holds, and what is left of the roots of before.

import { ERASED, type Operation as FlashOperation } from "./host.js";
import { AT, Life, SIZE } from "./invariant.js";
import type { Hook } from "./machine.js";
import { pageWords, type Setting } from "./setting.js";

/** P2: where a wipe commits, and from its first erase on, no page but the new one holds a root. */
export function addNoRootOfBefore(
  { goals, terms }: Setting,
  { state }: FlashOperation,
  made: number | undefined,
): void {
  for (const page of [0, 1, 2, 3].filter((each) => each !== made))
    for (const index of rootWords(page)) {
      const word = state.flash.get(index);
      const isGone = terms.or(terms.eq(word, 0), terms.eq(word, ERASED));
      goals.add("P2, in a wipe: no page holds a root of before", state, isGone);
    }
}

/** P2: the page that a wipe commits is blank: it has no wraps, and a root that was drawn for it. */
export function addIsWiped(setting: Setting, { state }: FlashOperation, page: number): void {
  const { goals, terms, drawn } = setting;
  const view = setting.view(state.flash);
  const root = drawn.slice(-SIZE.ROOT);
  goals.add("P2, in a wipe: the random source worked", state, terms.not(terms.eq(setting.works, 0)));
  goals.add("P2, in a wipe: the new page is blank", state, terms.eq(view.byte(page, AT.LIFE), Life.BLANK));
  for (const at of [AT.PIN_WRAP, AT.CODE_WRAP])
    goals.add("P2, in a wipe: the new page has no wrap", state, view.isZero(page, at, SIZE.WRAP + 4));
  for (let i = 0; i < SIZE.ROOT; i += 4) {
    const isDrawn =
      root.length === SIZE.ROOT && terms.eq(view.word(page, AT.ROOT + i), terms.word(root.slice(i, i + 4)));
    goals.add("P2, in a wipe: the new page has the root that was drawn", state, isDrawn);
  }
}

/** A page that was found blank holds no root: what is known of the words of its root says so from there on. */
export function knowBlankRoots({ hooks, firmware, terms }: Setting): void {
  const isBlank = firmware.index("flash/isBlank");
  const original = hooks.get(isBlank) as Hook;
  hooks.set(isBlank, (machine, state, args) => {
    const states = original(machine, state, args);
    for (const each of states) {
      const blank = terms.not(terms.eq(each.top(), 0));
      for (const index of rootWords(args[0] as number))
        each.flash.set(index, terms.ite(blank, ERASED, each.flash.get(index)));
    }
    return states;
  });
}

/** The numbers of the words of a page's root, with its check value. */
function rootWords(page: number): readonly number[] {
  return pageWords(page).slice(AT.ROOT / 4, AT.ROOT / 4 + SIZE.ROOT / 4 + 1);
}
