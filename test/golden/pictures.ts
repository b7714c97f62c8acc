// The pictures of test/golden/: every screen of the card as the terminal shows it, and every pane in its stages.
// Random draws, clocks and names are fixed, so that a picture changes only if the terminal shows something else.

import { Ins, Level } from "../../firmware/wire.js";
import { testKeys } from "../../host-tools/card/transportkeys.js";
import { EventLog } from "../../sim/common/eventlog.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { exchange, openChannel } from "../../sim/session/cardcommands.js";
import { DEMO, personalizeDemo } from "../../sim/session/demo.js";
import { Canvas } from "../../sim/terminal/canvas.js";
import { CommandLine } from "../../sim/terminal/commandline.js";
import { HelpDeskPane } from "../../sim/terminal/helpdeskpane.js";
import { ASCII, UNICODE } from "../../sim/terminal/lineart.js";
import { LoginPane } from "../../sim/terminal/loginpane.js";
import { terminalSite } from "../../sim/terminal/site.js";
import { drawView, type View } from "../../sim/terminal/view.js";
import {
  askUnlock,
  enter,
  expected,
  failCode,
  failPin,
  MODULE,
  setPin,
  turnOn,
  unlockCodeOf,
  unreadableFlash,
  WRONG_PIN,
  wrongCodeFor,
} from "../support/cards.js";

/** The challenge that the site of the pictures draws. */
const CHALLENGE = "123456";
const NEW_PIN = "2580";

/** A screen of docs/CARD.md: what it shows, and how a card reaches it. */
export interface Screen {
  /** The text of the display, or its pattern if digits are random or computed. */
  readonly shows: string | RegExp;
  readonly prepare: (card: Card) => void;
  /** The flash that the card begins with; if it is missing, the demo card's. */
  readonly flash?: () => Flash;
}

const blank = () => new Flash();

function toPin(card: Card): void {
  turnOn(card);
}

function toChallenge(card: Card): void {
  turnOn(card);
  enter(card, DEMO.pin);
}

function toResponse(card: Card): void {
  toChallenge(card);
  enter(card, CHALLENGE);
}

function toNewPin(card: Card): void {
  toChallenge(card);
  card.hold("ok");
}

function toLocked(card: Card): void {
  failPin(card, DEMO.tries);
}

/** In the order of docs/CARD.md. */
export const SCREENS: Readonly<Record<string, Screen>> = {
  off: { shows: "", prepare: () => {} },
  pin: { shows: "PIN>", prepare: toPin },
  "pin-digits": {
    shows: "PIN>***",
    prepare: (card) => {
      toPin(card);
      card.type("407");
    },
  },
  "wrong-pin": {
    shows: "LEFT 4",
    prepare: (card) => {
      toPin(card);
      enter(card, WRONG_PIN);
    },
  },
  challenge: { shows: "CHALLNG>", prepare: toChallenge },
  "challenge-digits": {
    shows: CHALLENGE,
    prepare: (card) => {
      toChallenge(card);
      card.type(CHALLENGE);
    },
  },
  response: { shows: expected(CHALLENGE), prepare: toResponse },
  "new-pin": { shows: "NEW>", prepare: toNewPin },
  "repeat-pin": {
    shows: "REP>****",
    prepare: (card) => {
      toNewPin(card);
      enter(card, NEW_PIN);
      card.type(NEW_PIN);
    },
  },
  "weak-pin": {
    shows: "WEAK PIN",
    prepare: (card) => {
      toNewPin(card);
      enter(card, "1234");
    },
  },
  "no-match": {
    shows: "NO MATCH",
    prepare: (card) => {
      toNewPin(card);
      enter(card, NEW_PIN);
      enter(card, WRONG_PIN);
    },
  },
  "pin-set": {
    shows: "PIN SET",
    prepare: (card) => {
      toNewPin(card);
      setPin(card, NEW_PIN);
    },
  },
  locked: { shows: "LOCKED", prepare: toLocked },
  "lock-code": {
    shows: /^\d{8}$/,
    prepare: (card) => {
      toLocked(card);
      card.press("ok");
    },
  },
  unlock: {
    shows: "UNLOCK>",
    prepare: (card) => {
      toLocked(card);
      askUnlock(card);
    },
  },
  "unlock-digits": {
    shows: /^\d{8}$/,
    prepare: (card) => {
      toLocked(card);
      card.type(unlockCodeOf(askUnlock(card)));
    },
  },
  "wrong-code": {
    shows: "WRONG",
    prepare: (card) => {
      toLocked(card);
      enter(card, wrongCodeFor(askUnlock(card)));
    },
  },
  blocked: {
    shows: "BLOCKED",
    prepare: (card) => {
      toLocked(card);
      failCode(card, 5);
    },
  },
  "no-key": { shows: "NO KEY", prepare: (card) => card.hold("press"), flash: blank },
  "error-02": { shows: "ERROR 02", prepare: (card) => card.hold("press"), flash: () => new Flash(unreadableFlash()) },
  "error-03": {
    shows: "ERROR 03",
    prepare: (card) => {
      card.randomFails = true;
      card.hold("press");
    },
  },
  "at-the-bench": {
    shows: "SERIAL",
    prepare: (card) => {
      openChannel(card, Level.FULL, testKeys());
    },
    flash: blank,
  },
  "bench-test": {
    shows: "TEST 07",
    prepare: (card) => {
      exchange(card, { cla: 0x80, ins: Ins.SELF_TEST, p1: 1, p2: 0, le: 256 });
      card.press("7");
    },
    flash: blank,
  },
  "battery-low": {
    shows: "BATT LOW",
    prepare: (card) => {
      card.setBattery(2300);
      card.hold("press", 800);
    },
  },
};

/** How a picture differs from one of a card in an ordinary terminal. */
interface Scene {
  readonly size?: readonly [columns: number, rows: number];
  readonly ascii?: true;
  readonly screen?: string;
  readonly change?: (view: Scenery) => void;
}

/** A view that is being set up. */
type Scenery = { -readonly [K in keyof View]: View[K] };

function login(...stages: ((pane: LoginPane) => void)[]): Scene["change"] {
  return (view) => {
    view.focus = "login";
    for (const stage of stages) stage(view.login as LoginPane);
  };
}

function typed(text: string) {
  return (pane: { key(name: string): void }) => {
    for (const char of text) pane.key(char === "\r" ? "enter" : char);
  };
}

/** The pictures of panes and terminals, by name. */
const SCENES: Readonly<Record<string, Scene>> = {
  "login-name": { change: login(typed("demo\rde")) },
  "login-challenge": { screen: "response", change: login(typed(`demo\rdemo\r${expected(CHALLENGE).slice(0, 4)}`)) },
  "login-welcome": { screen: "response", change: login(typed(`demo\rdemo\r${expected(CHALLENGE)}\r`)) },
  "login-refused": { change: login(typed("demo\rwrong\r")) },
  "help-desk": {
    screen: "lock-code",
    change: (view) => {
      view.focus = "desk";
      view.beside = "desk";
      typed(`${view.card.display}\r`)(view.desk as HelpDeskPane);
    },
  },
  help: {
    change: (view) => {
      view.help = true;
    },
  },
  command: {
    screen: "pin",
    change: (view) => {
      view.commands?.start();
      typed("expect PIN>")(view.commands as CommandLine);
    },
  },
  "command-outcome": {
    screen: "pin",
    change: (view) => {
      view.commands?.start();
      typed("expect CHALLNG>\r")(view.commands as CommandLine);
    },
  },
  surroundings: {
    change: (view) => {
      view.around = { record: "monday.dsc", line: "/dev/shm/card", flash: "cards/IB3000001.bin" };
    },
  },
  "fast-forward": {
    screen: "pin",
    change: (view) => {
      view.speed = 30;
      view.down = "press";
    },
  },
  ascii: { screen: "challenge", ascii: true },
  "ascii-response": { screen: "response", ascii: true, change: login(typed("demo\r")) },
  "tall-80x40": { screen: "pin", size: [80, 40] },
  "wide-120x30": { screen: "challenge", size: [120, 30] },
  "large-200x60": { screen: "response", size: [200, 60] },
  "large-ascii-140x40": { screen: "pin", size: [140, 40], ascii: true },
  "too-small": { size: [79, 24] },
};

function demoFlash(): Flash {
  const flash = new Flash();
  personalizeDemo(MODULE, flash, 1);
  return flash;
}

/** A card at a screen, and the picture of it. */
export function pictureOf(screen: Screen, scene: Scene = {}): { card: Card; picture: string } {
  const card = new Card(MODULE, { flash: (screen.flash ?? demoFlash)(), seed: 1 });
  const log = new EventLog(card);
  const site = terminalSite(
    undefined,
    () => 0,
    () => CHALLENGE,
  );
  const view: Scenery = {
    card,
    down: undefined,
    around: {},
    speed: 1,
    log,
    login: new LoginPane((text) => log.add(text), site),
    desk: new HelpDeskPane((text) => log.add(text)),
    focus: "card",
    beside: "login",
    commands: new CommandLine((line) => `${line}: an error`),
    notes: [],
    help: false,
  };
  screen.prepare(card);
  log.poll();
  scene.change?.(view);
  const [columns, rows] = scene.size ?? [80, 24];
  const canvas = new Canvas(columns, rows, scene.ascii ? ASCII : UNICODE);
  drawView(canvas, view);
  return { card, picture: canvas.text() };
}

/** Every picture, by the name of its file. */
export function pictures(): Map<string, string> {
  const screens = Object.entries(SCREENS).map(([name, screen]) => [`${name}.txt`, pictureOf(screen).picture] as const);
  const scenes = Object.entries(SCENES).map(([name, scene]) => {
    const screen = SCREENS[scene.screen ?? "off"] as Screen;
    return [`${name}.txt`, pictureOf(screen, scene).picture] as const;
  });
  return new Map([...screens, ...scenes]);
}
