// Draws everything that the terminal shows from a description. It does nothing else, so that a test can use it too.

import type { EventLog } from "../common/eventlog.js";
import type { KeyName } from "../core/card.js";
import { isLive, type Subject } from "../core/subject.js";
import type { Canvas } from "./canvas.js";
import { drawCard } from "./carddrawing.js";
import type { CommandLine } from "./commandline.js";
import { drawHelp, drawKeys } from "./help.js";
import type { HelpDeskPane } from "./helpdeskpane.js";
import { type Layout, layout, MIN_HEIGHT, MIN_WIDTH } from "./layout.js";
import type { LoginPane } from "./loginpane.js";
import { drawLog } from "./logpane.js";
import { drawState, type Surroundings } from "./statepane.js";
import { drawLine, type Focus } from "./statusline.js";
import { theme } from "./theme.js";

export interface View {
  readonly card: Subject;
  /** The key whose contact is closed. */
  readonly down: KeyName | undefined;
  readonly around: Surroundings;
  /** How fast the card's time runs. */
  readonly speed: number;
  readonly log: EventLog;
  readonly login: LoginPane | undefined;
  readonly desk: HelpDeskPane | undefined;
  readonly focus: Focus;
  /** The pane that is shown if there is room for only one of the two. */
  readonly beside: "login" | "desk";
  readonly commands: CommandLine | undefined;
  readonly notes: readonly string[];
  readonly help: boolean;
}

/** Draws everything. Returns the positions of the panes; undefined if the terminal is too small. */
export function drawView(canvas: Canvas, view: View): Layout | undefined {
  const panes = { login: view.login !== undefined, desk: view.desk !== undefined };
  const places = layout(canvas.width, canvas.height, panes);
  if (places) drawPanes(canvas, places, view);
  else drawTooSmall(canvas);
  return places;
}

function drawPanes(canvas: Canvas, places: Layout, view: View): void {
  const { card, focus, commands } = view;
  const live = isLive(card);
  drawCard(canvas, places.card, card, { focused: focus === "card", down: view.down, ...places.size });
  drawSite(canvas, places, view);
  drawState(canvas, places.state, card, view.around, view.speed);
  drawLog(canvas, places.log, view.log);
  if (places.keys) drawKeys(canvas, places.keys, live);
  if (commands?.shown) commands.draw(canvas, places.line);
  else drawLine(canvas, places.line, { focus, site: view.login !== undefined, live }, view.notes.join("  "));
  if (view.help) drawHelp(canvas, live);
}

function drawSite(canvas: Canvas, { login, desk }: Layout, view: View): void {
  const shown = (pane: "login" | "desk") => login !== desk || view.beside === pane;
  if (login && shown("login")) view.login?.draw(canvas, login, view.focus === "login");
  if (desk && shown("desk")) view.desk?.draw(canvas, desk, view.focus === "desk");
}

function drawTooSmall(canvas: Canvas): void {
  canvas.put(0, 0, `This is ${canvas.width}x${canvas.height};`);
  canvas.put(0, 1, `dsc-sim needs ${MIN_WIDTH}x${MIN_HEIGHT}.`, theme.strong);
}
