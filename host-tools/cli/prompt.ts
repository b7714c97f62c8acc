// Questions to the person at the terminal: secrets are typed without echo, into buffers that can be wiped.
//
// Without a terminal nothing is asked: a UsageError says which option to use instead.

import { UsageError } from "../files/errors.js";
import { Interrupted, interruption } from "../files/interruption.js";
import { copyOfSecret } from "../files/secretbytes.js";
import { MAX_BYTES } from "../files/secretfile.js";

const PIN_DIGITS = 4;
/** One byte more than a secret may have, so that a longer one is refused instead of cut off. */
const LONGEST = MAX_BYTES + 1;

const YES = /^y(es)?$/i;
const NO = /^no?$/i;

const END_OF_FILE = 0x04;
const BREAK = 0x03;
const BACKSPACES = [0x08, 0x7f];
const CLEAR = 0x15;
const ENDS = [0x0a, 0x0d];
const FIRST_PRINTABLE = 0x20;
/** A byte of UTF-8 that continues a character. */
const CONTINUES = { mask: 0xc0, value: 0x80 };

/**
 * Asks for a PIN until `objection` has none; asks twice if a typing error would make a card unusable. Returns four
 * ASCII digits; wipe them after use.
 */
export async function askPin(twice: boolean, objection: (pin: Buffer) => string | undefined = () => undefined) {
  needTerminal("a PIN", "--pin-file FILE (or - for standard input)");
  for (;;) {
    const pin = await askHidden("PIN: ");
    const wrong = isPin(pin) ? objection(pin) : "A PIN has four digits.";
    if (wrong !== undefined) say(wrong);
    else if (!twice || (await repeats(pin, "PIN again: "))) return pin;
    pin.fill(0);
  }
}

/** Asks for a passphrase, twice for a new one. Wipe it after use. */
export async function askPassphrase(prompt: string, twice: boolean): Promise<Buffer> {
  needTerminal("a passphrase", "an option that names its file");
  for (;;) {
    const passphrase = await askHidden(`${prompt}: `);
    if (passphrase.length === 0) say("It must not be empty.");
    else if (!twice || (await repeats(passphrase, `${prompt}, again: `))) return passphrase;
    passphrase.fill(0);
  }
}

/** Asks for the PIN of a token. Wipe it after use. */
export async function askTokenPin(token: string): Promise<Buffer> {
  needTerminal(`the PIN of ${token}`, "pin-source= in the URI, or DSC_PKCS11_PIN_FILE");
  for (;;) {
    const pin = await askHidden(`PIN of ${token}: `);
    if (pin.length > 0) return pin;
    say("It must not be empty.");
  }
}

/** Asks whether to continue; anything but `yes` means no. */
export async function askYes(question: string): Promise<boolean> {
  return YES.test(await readAnswer(question));
}

/** Asks a yes-or-no question until it is answered. */
export async function askWhether(question: string): Promise<boolean> {
  for (;;) {
    const answer = await readAnswer(question);
    if (YES.test(answer)) return true;
    if (NO.test(answer)) return false;
    say("Answer yes or no.");
  }
}

async function readAnswer(question: string): Promise<string> {
  needTerminal("a confirmation", "--yes");
  const answer = await readTyped(`${question} (yes/no) `, (typed) => process.stderr.write(typed));
  return answer.toString().trim();
}

/** Whether there is somebody to ask. */
export function isInteractive(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

function needTerminal(what: string, instead: string): void {
  if (!isInteractive()) throw new UsageError(`${what} is needed, and there is no terminal to ask at; use ${instead}`);
}

async function repeats(first: Buffer, prompt: string): Promise<boolean> {
  const second = await askHidden(prompt);
  const same = first.equals(second);
  second.fill(0);
  if (!same) say("The two entries differ; try again.");
  return same;
}

function askHidden(prompt: string): Promise<Buffer> {
  return readTyped(prompt, () => {});
}

/** Reads a line key by key; `echo` shows what was typed, or nothing. */
function readTyped(prompt: string, echo: (typed: string) => void): Promise<Buffer> {
  const { stdin } = process;
  const line = new TypedLine(echo);
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      stdin.off("data", typed).off("end", ended).pause();
      interruption.removeEventListener("abort", ended);
      stdin.setRawMode(false);
      say("");
      settle();
    };
    const ended = () => finish(() => reject(line.wiped(new Interrupted())));
    const typed = (bytes: Buffer) => {
      const end = line.take(bytes);
      bytes.fill(0);
      if (end === "break") ended();
      else if (end === "done") finish(() => resolve(line.contents));
    };
    // Set before the prompt, since the terminal would echo what is typed early.
    stdin.setRawMode(true);
    process.stderr.write(prompt);
    stdin.on("data", typed).on("end", ended).resume();
    interruption.addEventListener("abort", ended);
  });
}

/** A line as it is typed. */
class TypedLine {
  readonly #bytes = Buffer.alloc(LONGEST);
  readonly #echo: (typed: string) => void;
  #size = 0;

  constructor(echo: (typed: string) => void) {
    this.#echo = echo;
  }

  /** The bytes so far, in a separate buffer; they are cleared here. */
  get contents(): Buffer {
    const contents = copyOfSecret(this.#bytes.subarray(0, this.#size));
    this.#bytes.fill(0);
    return contents;
  }

  wiped<T>(result: T): T {
    this.#bytes.fill(0);
    return result;
  }

  /** Takes typed bytes. Returns whether they ended the line. */
  take(bytes: Uint8Array): "done" | "break" | undefined {
    for (const byte of bytes) {
      if (ENDS.includes(byte)) return "done";
      if (byte === BREAK || (byte === END_OF_FILE && this.#size === 0)) return "break";
      this.#type(byte);
    }
    return undefined;
  }

  #type(byte: number): void {
    if (BACKSPACES.includes(byte)) this.#eraseOne();
    else if (byte === CLEAR) while (this.#size > 0) this.#eraseOne();
    else if (byte >= FIRST_PRINTABLE && this.#size < LONGEST) {
      this.#bytes[this.#size++] = byte;
      this.#echo(String.fromCharCode(byte));
    }
  }

  #eraseOne(): void {
    if (this.#size === 0) return;
    while (this.#size > 0 && isContinuation(this.#bytes[--this.#size] as number));
    this.#echo("\b \b");
  }
}

function isPin(typed: Buffer): boolean {
  return typed.length === PIN_DIGITS && typed.every((byte) => byte >= 0x30 && byte <= 0x39);
}

function isContinuation(byte: number): boolean {
  return (byte & CONTINUES.mask) === CONTINUES.value;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
