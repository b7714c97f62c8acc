// The simulator in a terminal: the card, with a login pane, a help desk, its state and a log. Connects the terminal's
// input, the card's time, and the views.

import { CardTime } from "../common/cardtime.js";
import { EventLog } from "../common/eventlog.js";
import { Keypresses } from "../common/keypresses.js";
import { FULL_BATTERY, KEYS, type KeyName } from "../core/card.js";
import { isLive, type Subject } from "../core/subject.js";
import { REAL_TIME } from "../session/realtime.js";
import { Canvas, inside } from "./canvas.js";
import { keyAt } from "./carddrawing.js";
import { CommandLine } from "./commandline.js";
import { guardTerminal } from "./guard.js";
import { HelpDeskPane } from "./helpdeskpane.js";
import type { InputEvent, MouseReport, Paste } from "./input.js";
import type { Layout } from "./layout.js";
import { type LineArt, lineArtOf } from "./lineart.js";
import { LoginPane } from "./loginpane.js";
import { savePicture } from "./picture.js";
import type { Surroundings } from "./statepane.js";
import type { Focus } from "./statusline.js";
import { Suspension } from "./suspension.js";
import { Toolkit } from "./toolkit.js";
import { drawView, type View } from "./view.js";

export { ASCII } from "./lineart.js";

export interface TerminalOptions {
  /** Notes for the last line besides the keys; more may be added. */
  notes?: readonly string[];
  /** The files and lines that this program opened for the card. */
  around?: Surroundings;
  /** Whether to show the demo site and its help desk beside the card; default: yes. */
  site?: boolean;
  /** The characters for drawing lines; default: what the locale can show. */
  art?: LineArt;
  /** Runs a line of the command language on the card, and returns the outcome in a line. */
  command?: (line: string) => string;
  /** Ends the terminal, as the user can. */
  until?: Promise<void>;
}

/** Never resolves. */
const NEVER = new Promise<void>(() => {});
const BATTERIES = [FULL_BATTERY, 2300, 2000, 0];
/** The name that the keys for it keep a card under. */
const KEPT = "kept";

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
  readonly #around: Surroundings;
  readonly #art: LineArt;
  readonly #keypresses: Keypresses;
  readonly #time: CardTime;
  readonly #log: EventLog;
  readonly #login: LoginPane | undefined;
  readonly #desk: HelpDeskPane | undefined;
  readonly #commands: CommandLine | undefined;
  readonly #toolkit: Toolkit;
  readonly #suspension: Suspension;
  #leave = () => {};
  #layout: Layout | undefined;
  #focus: Focus = "card";
  /** The pane that is shown if there is room for only one of the two. */
  #beside: "login" | "desk" = "login";
  #help = false;
  /** The last drawing, as far as it changes by itself. */
  #drawn = "";

  constructor(card: Subject, options: TerminalOptions) {
    this.#card = card;
    this.#notes = options.notes ?? [];
    this.#around = options.around ?? {};
    this.#art = options.art ?? lineArtOf(process.env);
    this.#log = new EventLog(card);
    const log = (text: string) => this.#log.add(text);
    this.#keypresses = new Keypresses(card, {
      full: () => log("too many keys at once: some were dropped"),
      clock: REAL_TIME.now,
    });
    const onLine = this.#around.line !== undefined && !isLive(card);
    this.#time = new CardTime(card, this.#keypresses, onLine, REAL_TIME, () => this.#passed());
    this.#login = options.site === false ? undefined : new LoginPane(log);
    this.#desk = options.site === false ? undefined : new HelpDeskPane(log);
    this.#commands = options.command && new CommandLine(options.command);
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
    this.#time.stop();
    this.#suspension.end();
    this.#log.close();
    this.#toolkit.close();
  }

  #start(): void {
    this.#draw();
    this.#time.start();
  }

  /** Called when nobody uses the card: its keys are released, and its time stops if this program controls it. */
  #pause(): void {
    this.#time.stop();
    this.#keypresses.letGo();
    this.#toolkit.leave();
  }

  #goOn(): void {
    this.#toolkit.enter();
    this.#start();
  }

  /** Draws only if something changed, so that an idle minute costs nothing. */
  #passed(): void {
    this.#log.poll();
    if (this.#looks !== this.#drawn) this.#draw();
  }

  /** Everything that changes without the user. The passing seconds of a card that is off need no redrawing. */
  get #looks(): string {
    const { on, state, time } = this.#card;
    const second = on ? Math.floor(time / 1000) : "";
    return [second, state, this.#log.changes, this.#keypresses.down, this.#login?.lockedFor, this.#time.speed].join();
  }

  // ---- what the user does ----

  #input(event: InputEvent): void {
    this.#time.catchUp();
    if (event.kind === "mouse") this.#mouse(event);
    else if (event.kind === "paste") this.#paste(event);
    else this.#key(event.name);
    this.#time.catchUp();
    this.#draw();
  }

  #key(name: string): void {
    if (name === "ctrl-c") this.#leave();
    else if (name === "ctrl-z") this.#suspension.suspend();
    else if (this.#help) this.#help = false;
    else if (this.#commands?.open) this.#typeCommand(this.#commands, name);
    else if (name === "help") this.#help = true;
    else if (name === "tab") this.#nextPane();
    else if (this.#focus === "login") this.#login?.key(name);
    else if (this.#focus === "desk") this.#desk?.key(name);
    else this.#cardKey(name);
  }

  /** From the card to the login pane, and from either pane back to the card. */
  #nextPane(): void {
    if (this.#login) this.#look(this.#focus === "card" ? "login" : "card");
  }

  #look(at: Focus): void {
    this.#focus = at;
    if (at !== "card") this.#beside = at;
  }

  /** A field takes what fits, up to the end of the line; a card has only keys. */
  #paste({ length, start }: Paste): void {
    const pane = this.#focus === "desk" ? this.#desk : this.#focus === "login" ? this.#login : undefined;
    const fits = (this.#commands?.open ? this.#commands : pane)?.paste(start) ?? 0;
    this.#log.add(`pasted: ${fits} of ${length} taken`);
  }

  #cardKey(name: string): void {
    this.#commands?.clear();
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
    else if (name === "h" && this.#desk) this.#look("desk");
    else if (name === "s") this.#log.add(savePicture(this.#card, this.#art));
    else if (name === ":") this.#commands?.start();
    else if (isLive(this.#card)) return;
    else if (name === "f") this.#time.toggleFast();
    else if (name === "b") this.#nextBattery();
    else if (name === "k") this.#card.save?.(KEPT);
    else if (name === "l") this.#bringBack();
  }

  /** A command acts on the card as it is, so waiting presses are dropped. */
  #typeCommand(commands: CommandLine, name: string): void {
    if (name === "enter") this.#keypresses.letGo();
    commands.key(name);
  }

  #nextBattery(): void {
    const at = BATTERIES.indexOf(this.#card.battery ?? FULL_BATTERY);
    this.#card.setBattery?.(BATTERIES[(at + 1) % BATTERIES.length] as number);
  }

  #bringBack(): void {
    this.#keypresses.letGo();
    if (!this.#card.load?.(KEPT)) this.#log.add("no card was kept: k keeps it");
  }

  /** A button of the card, or the pane that gets the focus. */
  #mouse(report: MouseReport): void {
    if (!report.down) this.#keypresses.released();
    else if (this.#help) this.#help = false;
    else if (this.#layout) this.#click(this.#layout, report);
  }

  #click({ card, size, login, desk }: Layout, { x, y }: MouseReport): void {
    if (inside(card, x, y)) this.#look("card");
    else if (login === desk && login && inside(login, x, y)) this.#look(this.#beside);
    else if (login && inside(login, x, y)) this.#look("login");
    else if (desk && inside(desk, x, y)) this.#look("desk");
    const key = keyAt(card, size, x, y);
    if (key) this.#keypresses.grab(key);
  }

  // ---- what the user sees ----

  #draw(): void {
    const canvas = new Canvas(this.#toolkit.width, this.#toolkit.height, this.#art);
    this.#layout = drawView(canvas, this.#view());
    this.#drawn = this.#looks;
    this.#toolkit.show(canvas);
  }

  #view(): View {
    return {
      card: this.#card,
      down: this.#keypresses.down,
      around: this.#around,
      speed: this.#time.speed,
      log: this.#log,
      login: this.#login,
      desk: this.#desk,
      focus: this.#focus,
      beside: this.#beside,
      commands: this.#commands,
      notes: this.#notes,
      help: this.#help,
    };
  }
}

function isKey(name: string): name is KeyName {
  return (KEYS as readonly string[]).includes(name);
}
