// A session with one card in the headless command language: a line in, a report out.
//
// The first lines of a file may set the card up (seed, demo, flash); the rest acts on it.

import { Card, KEYS, type KeyName } from "../core/card.js";
import { type CutMode, Flash } from "../core/flash.js";
import { payloads } from "./cardcommands.js";
import { personalizeDemo } from "./demo.js";
import { UserError } from "./usererror.js";

/** What a line of the language returns: the line of JSON, before it is one. */
export interface Report {
  /** The card's clock, in ms. */
  t: number;
  on: boolean;
  state: string;
  display: string;
  error?: string;
  /** Bytes that left on the serial line since the last report, in hex. */
  tx?: string;
  /** A power cut fell. */
  cut?: true;
  /** Flash operations so far. */
  ops?: number;
}

export interface SessionOptions {
  readonly module: WebAssembly.Module;
  readonly seed: number;
  readonly demo?: boolean;
  readonly flash?: Flash;
  /** Opens what `flash FILE` names. */
  readonly openFlash: (file: string) => Flash;
  /** Called once, with the card as it is before the first command. */
  readonly onStart?: (card: Card, setup: Setup) => void;
  /** Called where the demo was asked for and the card is not blank. */
  readonly onNotBlank?: () => void;
}

/** How a card was made: enough to make it again. */
export interface Setup {
  readonly seed: number;
  readonly demo: boolean;
  /** The flash it began with, before the demo was put on it. */
  readonly flash: Uint8Array;
}

/** A line that is wrong. The card was not touched. */
class LineError extends Error {}

const LONGEST_WAIT = 1_000_000_000;
const HIGHEST_BATTERY = 5000;

export class Session {
  readonly #options: SessionOptions;
  #seed: number;
  #demo: boolean;
  #flash: Flash | undefined;
  #card: Card | undefined;
  #started = false;
  /** The bytes that left on the serial line last. */
  #sent: Uint8Array = new Uint8Array();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#seed = options.seed;
    this.#demo = options.demo ?? false;
    this.#flash = options.flash;
  }

  /** Whether `line` says nothing. */
  static isComment(line: string): boolean {
    return line.trim() === "" || line.trimStart().startsWith("#");
  }

  /** Runs one line. */
  execute(line: string): Report {
    const [name = "", ...words] = line.trim().split(/\s+/);
    const extra: Partial<Report> = {};
    try {
      if (Object.hasOwn(SETUP, name)) this.#setUp(name, words);
      else this.#command(name, words, line, extra);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      extra.error = error.message;
    }
    const card = this.card;
    const cut = card.takeCut() || extra.cut;
    const sent = card.takeSent();
    if (sent.length > 0) this.#sent = sent;
    if (sent.length > 0) extra.tx = Buffer.from(sent).toString("hex");
    return { t: card.time, on: card.on, state: card.state, display: card.display, ...extra, ...(cut && { cut }) };
  }

  /** The session's card, made when it is first asked for. */
  get card(): Card {
    this.#card ??= this.#makeCard();
    return this.#card;
  }

  #setUp(name: string, words: string[]): void {
    if (this.#started) throw new LineError(`${name}: only as one of the first lines of a file`);
    const apply = SETUP[name] as SetUp;
    apply(words, {
      seed: (seed) => {
        this.#seed = seed;
      },
      demo: () => {
        this.#demo = true;
      },
      flash: (file) => {
        this.#flash = opened(() => this.#options.openFlash(file));
      },
    });
    this.#card = undefined;
  }

  #command(name: string, words: string[], line: string, extra: Partial<Report>): void {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (!command) throw new LineError(`unknown command: ${printable(name)}`);
    const act = command(words, line.trim().slice(name.length).trim());
    const card = this.card;
    this.begin();
    act(card, extra, this.#sent);
  }

  /** The card is as it is to be: from now on things happen to it. */
  begin(): void {
    const card = this.card;
    if (this.#started) return;
    this.#started = true;
    this.#options.onStart?.(card, { seed: this.#seed, demo: this.#demo, flash: this.#initial });
  }

  #initial = new Uint8Array();

  #makeCard(): Card {
    const { module } = this.#options;
    const flash = this.#flash ?? new Flash();
    this.#initial = flash.bytes.slice();
    if (this.#demo && !personalizeDemo(module, flash, this.#seed)) this.#options.onNotBlank?.();
    return new Card(module, { seed: this.#seed, flash });
  }
}

/** What `open` returns; a file that cannot be used is an error in its line. */
function opened(open: () => Flash): Flash {
  try {
    return open();
  } catch (error) {
    if (error instanceof UserError) throw new LineError(error.message);
    throw error;
  }
}

/** `sent`: the bytes that left on the serial line in the last line in which some did. */
type Act = (card: Card, extra: Partial<Report>, sent: Uint8Array) => void;
/** Checks the words after a command's name (`rest` is the same, untouched) and says what to do. */
type Command = (words: string[], rest: string) => Act;
interface SetUpTarget {
  seed(seed: number): void;
  demo(): void;
  flash(file: string): void;
}
type SetUp = (words: string[], target: SetUpTarget) => void;

const SETUP: Record<string, SetUp> = {
  seed: (words, target) => target.seed(number("seed", words, 0, 0xffffffff)),
  demo: (words, target) => {
    none("demo", words);
    target.demo();
  },
  flash: (words, target) => {
    if (words.length === 0) throw new LineError("flash: which file?");
    target.flash(words.join(" "));
  },
};

const COMMANDS: Record<string, Command> = {
  ...Object.fromEntries(KEYS.map((key) => [key, pressing(key)])),
  hold: (words) => {
    const key = keyName("hold", words[0]);
    const ms = words.length > 1 ? number("hold", words.slice(1), 0, LONGEST_WAIT) : undefined;
    return (card) => card.hold(key, ms);
  },
  down: (words) => {
    const key = onlyKey("down", words);
    return (card) => card.down(key);
  },
  up: (words) => {
    const key = onlyKey("up", words);
    return (card) => card.up(key);
  },
  type: (words) => {
    const digits = words[0] ?? "";
    if (words.length !== 1 || !/^[0-9]+$/.test(digits)) throw new LineError("type: digits, with nothing between them");
    return (card) => card.type(digits);
  },
  wait: (words) => {
    const ms = number("wait", words, 0, LONGEST_WAIT);
    return (card) => card.wait(ms);
  },
  until: (words) => {
    const ms = number("until", words.slice(-1), 0, LONGEST_WAIT);
    if (words.length < 2) throw new LineError("until: a text, then milliseconds");
    const matches = matcher("until", words.slice(0, -1).join(" "));
    return (card, extra) => {
      if (!card.waitUntil(() => matches(card.display), ms)) extra.error = `until: not on the display within ${ms} ms`;
    };
  },
  show: (words) => {
    none("show", words);
    return () => {};
  },
  cut: (words) => {
    none("cut", words);
    return (card, extra) => {
      card.setBattery(0);
      extra.cut = true;
    };
  },
  battery: (words) => {
    const millivolts = number("battery", words, 0, HIGHEST_BATTERY);
    return (card) => card.setBattery(millivolts);
  },
  "cut-at": (words) => {
    const count = number("cut-at", words.slice(0, 1), 1, LONGEST_WAIT);
    const mode = words[1] ?? "clean";
    if (words.length > 2 || !isCutMode(mode)) throw new LineError("cut-at: a number, then clean or torn");
    return (card) => card.cutAt(count, mode);
  },
  "flash-ops": (words) => {
    none("flash-ops", words);
    return (card, extra) => {
      extra.ops = card.flash.operations;
    };
  },
  save: (words) => {
    const name = onlyName("save", words);
    return (card) => card.save(name);
  },
  load: (words) => {
    const name = onlyName("load", words);
    return (card, extra) => {
      if (!card.load(name)) extra.error = `load: nothing was saved as ${printable(name)}`;
    };
  },
  serial: (words) => {
    const hex = words.join("");
    if (!/^([0-9a-fA-F]{2})+$/.test(hex)) throw new LineError("serial: bytes in hex, two digits each");
    return (card) => card.receive(Uint8Array.from(Buffer.from(hex, "hex")));
  },
  random: (words) => {
    const [word] = words;
    none("random", words.slice(1));
    if (word !== "fails" && word !== "works") throw new LineError("random: fails or works");
    return (card) => {
      card.randomFails = word === "fails";
    };
  },
  "expect-answer": (_words, rest) => {
    const matches = matcher("expect-answer", rest);
    return (_card, extra, sent) => {
      const answer = payloads(sent).at(-1)?.toString("hex") ?? "";
      if (!matches(answer)) extra.error = "expect-answer: the answer is not that";
    };
  },
  expect: (_words, rest) => {
    const matches = matcher("expect", rest);
    return (card, extra) => {
      if (!matches(card.display)) extra.error = "expect: the display is not that";
    };
  },
};

function pressing(key: KeyName): Command {
  return (words) => {
    none(key, words);
    return (card) => card.press(key);
  };
}

/** A test for a display: the text itself, or a pattern between slashes. */
function matcher(command: string, text: string): (display: string) => boolean {
  if (!(text.length > 1 && text.startsWith("/") && text.endsWith("/"))) return (display) => display === text;
  try {
    const pattern = new RegExp(text.slice(1, -1));
    return (display) => pattern.test(display);
  } catch {
    throw new LineError(`${command}: no regular expression between the slashes`);
  }
}

function keyName(command: string, word: string | undefined): KeyName {
  const key = KEYS.find((name) => name === word);
  if (!key) throw new LineError(`${command}: a key is press, ok or a digit`);
  return key;
}

function onlyKey(command: string, words: string[]): KeyName {
  none(command, words.slice(1));
  return keyName(command, words[0]);
}

function onlyName(command: string, words: string[]): string {
  const [name] = words;
  if (!name || words.length > 1) throw new LineError(`${command}: one name`);
  return name;
}

function number(command: string, words: string[], least: number, most: number): number {
  const [word = ""] = words;
  const value = Number(word);
  if (words.length !== 1 || !/^[0-9]+$/.test(word) || value < least || value > most) {
    throw new LineError(`${command}: a whole number from ${least} to ${most}`);
  }
  return value;
}

function none(command: string, words: string[]): void {
  if (words.length > 0) throw new LineError(`${command}: nothing may follow`);
}

function isCutMode(word: string): word is CutMode {
  return word === "clean" || word === "torn";
}

/** At most a few printable characters of what somebody typed. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 20);
}
