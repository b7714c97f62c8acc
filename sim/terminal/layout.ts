// Where the panes are, for a terminal of any size that is large enough.
//
//   up to 30 rows      from 31 rows       from 114 columns
//   card  login        card  login        card  login  log
//         state              state              state
//   log                log  log
//   ---- line ----     ---- line ----     ---- line ------

import type { Rect } from "./canvas.js";

export const MIN_WIDTH = 80;
export const MIN_HEIGHT = 24;

const CARD_WIDTH = 53;
const CARD_HEIGHT = 17;
const TALL_CARD_HEIGHT = 25;
const SIDE_WIDTH = 32;
const LOGIN_HEIGHT = 12;
const STATE_HEIGHT = 12;
const TALL_FROM = 31;
const WIDE_FROM = 114;

export interface Layout {
  readonly card: Rect;
  /** The card has room for large buttons. */
  readonly tall: boolean;
  readonly login: Rect | undefined;
  readonly state: Rect;
  readonly log: Rect;
  /** The last line. */
  readonly line: Rect;
}

/** Returns undefined where the terminal is too small. */
export function layout(width: number, height: number, withLogin: boolean): Layout | undefined {
  if (width < MIN_WIDTH || height < MIN_HEIGHT) return undefined;
  const rows = height - 1;
  const wide = width >= WIDE_FROM;
  const tall = wide ? rows >= TALL_CARD_HEIGHT : height >= TALL_FROM;
  const card = { x: 0, y: 0, width: CARD_WIDTH, height: tall ? TALL_CARD_HEIGHT : CARD_HEIGHT };
  const side = { x: CARD_WIDTH, y: 0, width: wide ? SIDE_WIDTH : width - CARD_WIDTH };
  const login = withLogin ? { ...side, height: LOGIN_HEIGHT } : undefined;
  const above = login?.height ?? 0;
  const bottom = tall ? TALL_CARD_HEIGHT : rows;
  const state = { ...side, y: above, height: wide || tall ? bottom - above : Math.min(STATE_HEIGHT, bottom - above) };
  return {
    card,
    tall,
    login,
    state,
    log: logArea(width, rows, card, wide, tall),
    line: { x: 0, y: rows, width, height: 1 },
  };
}

function logArea(width: number, rows: number, card: Rect, wide: boolean, tall: boolean): Rect {
  if (wide) {
    const x = card.width + SIDE_WIDTH;
    return { x, y: 0, width: width - x, height: rows };
  }
  return { x: 0, y: card.height, width: tall ? width : card.width, height: rows - card.height };
}
