// The positions of the panes, for any terminal that is large enough.
//
//   up to 30 rows      from 31 rows       from 114 columns    from 140 columns, 29 rows
//   card  login        card  login        card  login  log    CARD  login  log
//         state              state              state               desk
//   log                log  log                               keys  state
//   ---- line ----     ---- line ----     ---- line ------    ---- line --------
//
// If there is no room for the help desk beside the login, the one that was used last is shown. The keys are shown if
// all of them fit below the card.

import type { Rect } from "./canvas.js";
import { type CardSize, cardExtent } from "./carddrawing.js";

export const MIN_WIDTH = 80;
export const MIN_HEIGHT = 24;

const SIDE_WIDTH = 32;
const LOGIN_HEIGHT = 12;
const DESK_HEIGHT = 9;
/** The height of the state pane with its frame. */
const STATE_HEIGHT = 12;
const TALL_FROM = 31;
const WIDE_FROM = 114;
const LARGE_FROM = { width: 140, height: 29 };
/** The height of the keys' pane. */
const KEYS_HEIGHT = 15;

/** The panes of a card. */
export interface Panes {
  readonly login: boolean;
  readonly desk: boolean;
}

export interface Layout {
  readonly card: Rect;
  readonly size: CardSize;
  readonly login: Rect | undefined;
  /** The same as `login` if there is room for only one of them. */
  readonly desk: Rect | undefined;
  readonly state: Rect;
  readonly log: Rect;
  readonly keys: Rect | undefined;
  /** The last line. */
  readonly line: Rect;
}

/** Returns undefined if the terminal is too small. */
export function layout(width: number, height: number, panes: Panes): Layout | undefined {
  if (width < MIN_WIDTH || height < MIN_HEIGHT) return undefined;
  const rows = height - 1;
  const line = { x: 0, y: rows, width, height: 1 };
  return { ...(width < WIDE_FROM ? narrow(width, rows, panes) : wide(width, rows, panes)), line };
}

/** Two columns; the log below them. */
function narrow(width: number, rows: number, panes: Panes): Omit<Layout, "line"> {
  const size: CardSize = { glyph: 1, tall: rows + 1 >= TALL_FROM };
  const card = { x: 0, y: 0, ...cardExtent(size) };
  const side = { x: card.width, width: width - card.width };
  const log = { x: 0, y: card.height, width: size.tall ? width : card.width, height: rows - card.height };
  const login = panes.login ? { ...side, y: 0, height: LOGIN_HEIGHT } : undefined;
  const desk = panes.desk ? (login ?? { ...side, y: 0, height: DESK_HEIGHT }) : undefined;
  const top = (login ?? desk)?.height ?? 0;
  const state = { ...side, y: top, height: (size.tall ? card.height : rows) - top };
  return { card, size, login, desk, state, log, keys: undefined };
}

/** Three columns; the log is in the last. */
function wide(width: number, rows: number, panes: Panes): Omit<Layout, "line"> {
  const large = width >= LARGE_FROM.width && rows + 1 >= LARGE_FROM.height;
  const ordinary: CardSize = { glyph: 1, tall: true };
  const tall = rows >= cardExtent(ordinary).height;
  const size: CardSize = large ? { glyph: 2, tall } : { glyph: 1, tall };
  const card = { x: 0, y: 0, ...cardExtent(size) };
  const left = rows - card.height;
  const keys = large && left >= KEYS_HEIGHT ? { x: 0, y: card.height, width: card.width, height: left } : undefined;
  const x = card.width;
  const log = { x: x + SIDE_WIDTH, y: 0, width: width - x - SIDE_WIDTH, height: rows };
  const side = { x, width: SIDE_WIDTH };
  const login = panes.login ? { ...side, y: 0, height: LOGIN_HEIGHT } : undefined;
  let y = login?.height ?? 0;
  const apart = login === undefined || rows >= LOGIN_HEIGHT + DESK_HEIGHT + STATE_HEIGHT;
  const desk = panes.desk ? (apart ? { ...side, y, height: DESK_HEIGHT } : login) : undefined;
  if (desk && desk !== login) y += desk.height;
  return { card, size, login, desk, state: { ...side, y, height: rows - y }, log, keys };
}
