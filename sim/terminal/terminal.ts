// The simulator in a terminal: the card, a login pane beside it, its state and a log. Brings together
// what the terminal sends, the card's time, and the views.

import { FULL_BATTERY, KEYS, type KeyName } from "../core/card.js";
import { isLive, type Subject } from "../session/subject.js";
import { Canvas, inside } from "./canvas.js";
import { drawCard, keyAt } from "./carddrawing.js";
import { EventLog } from "./eventlog.js";
import { guardTerminal } from "./guard.js";
import { drawHelp } from "./help.js";
import type { InputEvent, MouseReport, Paste } from "./input.js";
import { Keypresses } from "./keypresses.js";
import { type Layout, layout, MIN_HEIGHT, MIN_WIDTH } from "./layout.js";
import { LoginPane } from "./loginpane.js";
import { drawState } from "./statepane.js";
import { drawLine, type LoginFocus } from "./statusline.js";
import { Suspension } from "./suspension.js";
import { theme } from "./theme.js";
import { Toolkit } from "./toolkit.js";

export interface TerminalOptions {
  /** What the last line says, beside the keys; more may be added. */
  notes?: readonly string[];
  /** Whether the demo site is beside the card; it is unless told. */
  site?: boolean;
  /** Ends it, like the user does. */
  until?: Promise<void>;
}

const FRAME_TIME = 25;
/** More than this at once, in ms, and the program was asleep: the card was too. */
const LONGEST_FRAME = 1000;
const FAST = 30;
/** Resolves never. */
const NEVER = new Promise<void>(() => {});
const BATTERIES = [FULL_BATTERY, 2300, 2000, 0];

/** Shows the card in the terminal until the user quits or `until` resolves. */
export async function runTerminal(card: Subject, options: TerminalOptions = {}): Promise<void> {
  let simulator: Simulator | undefined;
  const disarm = guardTerminal(() => simulator?.close());
  try {
    simulator = new Simulator(card, options);
    await Promise.race([simulator.run(), options.until ?? NEVER]);
  } finally {
    simulator?.close();
    disarm();
  }
}

class Simulator {
  readonly #card: Subject;
  readonly #notes: readonly string[];
  readonly #keypresses: Keypresses;
  readonly #log: EventLog;
  readonly #login: LoginPane | undefined;
  readonly #toolkit: Toolkit;
  readonly #suspension: Suspension;
  #timer: NodeJS.Timeout | undefined;
  #leave = () => {};
  #layout: Layout | undefined;
  #onLogin = false;
  #help = false;
  #fast = false;
  #last = performance.now();
  #fraction = 0;

  constructor(card: Subject, options: TerminalOptions) {
    this.#card = card;
    this.#notes = options.notes ?? [];
    this.#log = new EventLog(card);
    this.#keypresses = new Keypresses(card, { full: () => this.#log.add("too many keys at once: some were dropped") });
    this.#login = options.site === false ? undefined : new LoginPane((text) => this.#log.add(text));
    this.#toolkit = new Toolkit({ input: (event) => this.#input(event), resize: () => this.#draw() });
    this.#suspension = new Suspension({ leave: () => this.#pause(), enter: () => this.#goOn() });
  }

  /** Resolves when the user quits. */
  run(): Promise<void> {
    this.#start();
    return new Promise((resolve) => {
      this.#leave = resolve;
    });
  }

  /** Gives the terminal back. */
  close(): void {
    clearInterval(this.#timer);
    this.#suspension.end();
    this.#log.close();
    this.#toolkit.close();
  }

  #start(): void {
    this.#draw();
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#frame(), FRAME_TIME);
  }

  /** Nobody is at the card: its keys are let go, and its time stands still where it is ours. */
  #pause(): void {
    clearInterval(this.#timer);
    this.#keypresses.letGo();
    this.#toolkit.leave();
  }

  #goOn(): void {
    this.#toolkit.enter();
    this.#start();
  }

  /** How fast the card's time runs. While the mouse holds a button its time is the user's. */
  get #speed(): number {
    return this.#fast && !this.#keypresses.holding ? FAST : 1;
  }

  /** The card's time goes on, then what changed is shown. */
  #frame(): void {
    const now = performance.now();
    const ms = Math.min(now - this.#last, LONGEST_FRAME) * this.#speed + this.#fraction;
    this.#last = now;
    this.#fraction = ms % 1;
    this.#keypresses.advance(Math.floor(ms));
    this.#log.poll();
    this.#draw();
  }

  // ---- what the user does ----

  #input(event: InputEvent): void {
    if (event.kind === "mouse") this.#mouse(event);
    else if (event.kind === "paste") this.#paste(event);
    else if (event.name === "ctrl-c") this.#leave();
    else if (event.name === "ctrl-z") this.#suspension.suspend();
    else if (this.#help) this.#help = false;
    else if (event.name === "help") this.#help = true;
    else if (event.name === "tab") this.#onLogin = this.#login !== undefined && !this.#onLogin;
    else if (this.#onLogin) this.#login?.key(event.name);
    else this.#cardKey(event.name);
  }

  /** A field takes what fits, up to the end of the line; a card has keys only. */
  #paste({ length, start }: Paste): void {
    const fits = this.#onLogin ? (this.#login?.paste(start) ?? 0) : 0;
    this.#log.add(`pasted: ${fits} of ${length} characters taken`);
  }

  #cardKey(name: string): void {
    if (name === "escape") this.#keypresses.forget();
    else if (name === "enter") this.#keypresses.tap("ok");
    else if (name === "p") this.#keypresses.tap("press");
    else if (name === "P") this.#keypresses.hold("press");
    else if (name === "O") this.#keypresses.hold("ok");
    else if (isKey(name)) this.#keypresses.tap(name);
    else this.#command(name);
  }

  #command(name: string): void {
    if (name === "q") this.#leave();
    else if (name === "?") this.#help = true;
    else if (isLive(this.#card)) return;
    else if (name === "f") this.#fast = !this.#fast;
    else if (name === "b") this.#nextBattery();
  }

  #nextBattery(): void {
    const at = BATTERIES.indexOf(this.#card.battery ?? FULL_BATTERY);
    this.#card.setBattery?.(BATTERIES[(at + 1) % BATTERIES.length] as number);
  }

  /** A button of the card, or the pane that gets the keys. */
  #mouse(report: MouseReport): void {
    if (!report.down) this.#keypresses.released();
    else if (this.#help) this.#help = false;
    else if (this.#layout) this.#click(this.#layout, report);
  }

  #click({ card, tall, login }: Layout, { x, y }: MouseReport): void {
    if (inside(card, x, y)) this.#onLogin = false;
    if (login && inside(login, x, y)) this.#onLogin = true;
    const key = keyAt(card, tall, x, y);
    if (key) this.#keypresses.grab(key);
  }

  // ---- what the user sees ----

  #draw(): void {
    const canvas = new Canvas(this.#toolkit.width, this.#toolkit.height);
    this.#layout = layout(canvas.width, canvas.height, this.#login !== undefined);
    if (this.#layout) this.#paint(canvas, this.#layout);
    else this.#tooSmall(canvas);
    this.#toolkit.show(canvas);
  }

  #paint(canvas: Canvas, places: Layout): void {
    const focused = !this.#onLogin;
    const down = this.#keypresses.down;
    drawCard(canvas, places.card, this.#card, { focused, tall: places.tall, down });
    if (places.login) this.#login?.draw(canvas, places.login, this.#onLogin);
    drawState(canvas, places.state, this.#card, this.#speed);
    this.#log.draw(canvas, places.log);
    const live = isLive(this.#card);
    drawLine(canvas, places.line, { login: this.#loginFocus, live }, this.#notes.join("  "));
    if (this.#help) drawHelp(canvas, live);
  }

  #tooSmall(canvas: Canvas): void {
    canvas.put(0, 0, `This is ${canvas.width}x${canvas.height};`);
    canvas.put(0, 1, `dsc-sim needs ${MIN_WIDTH}x${MIN_HEIGHT}.`, theme.strong);
  }

  get #loginFocus(): LoginFocus {
    if (!this.#login) return "none";
    return this.#onLogin ? "focused" : "beside";
  }
}

function isKey(name: string): name is KeyName {
  return (KEYS as readonly string[]).includes(name);
}
