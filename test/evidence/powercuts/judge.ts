// Decides whether the card that starts from the flash of a cut kept its promises.
//
// What a card does after power-on depends on its flash alone, so no image is checked twice.

import { createHash } from "node:crypto";
import { Card } from "../../../sim/core/card.js";
import { Flash, type FlashCopy } from "../../../sim/core/flash.js";
import { turnOn } from "../../support/cards.js";
import { ask } from "./inquiry.js";
import { Broken, type Expectation } from "./run.js";
import { openable, pagesOf } from "./secrets.js";
import { lineOf, type Situation } from "./situation.js";

/** Differs from the seed of the flows, so that new draws differ from earlier ones. */
const SEED = 3;
/** Erases at one power-on: of a page that was torn, and of the page before a wipe's last one. */
const MOST_ERASES = 2;

/** The card's situation after power-on, or why it is not an allowed one. */
type Verdict = { readonly situation: Situation } | { readonly broken: string };

/** A flash after power-on, and its key. */
interface Settled {
  readonly key: string;
  readonly flash: FlashCopy;
}

export class Judge {
  /** The number of different images that the judged cuts left. */
  get images(): number {
    return this.#settled.size;
  }

  /** The number of different flashes after power-on; each was fully checked. */
  get cards(): number {
    return this.#answers.size;
  }

  readonly #module: WebAssembly.Module;
  readonly #settled = new Map<string, Settled | { readonly broken: string }>();
  readonly #answers = new Map<string, Verdict>();
  readonly #opened = new Map<string, ReturnType<typeof openable>>();
  readonly #shared = new Map<string, Settled>();

  constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  /** Why the card with this flash is not as expected; undefined if it is. */
  fault(flash: FlashCopy, { allowed, used, gone }: Expectation): string | undefined {
    const left = gone.pin || gone.code ? this.#openable(flash) : undefined;
    if (left && gone.pin && left.pin) return "a PIN opens what is left in its flash";
    if (left && gone.code && left.code) return "an unlock code opens what is left in its flash";
    const verdict = this.verdict(flash, used);
    if ("broken" in verdict) return verdict.broken;
    const found = lineOf(verdict.situation);
    const lines = [...new Set(allowed.map(lineOf))];
    return lines.includes(found) ? undefined : `it is ${found}; it may be ${lines.join(" or ")}`;
  }

  /** The situation of the card with this flash, in words. */
  explain(flash: FlashCopy, used: readonly string[]): string {
    const verdict = this.verdict(flash, used);
    return "broken" in verdict ? verdict.broken : lineOf(verdict.situation);
  }

  /** The situation of the card with this flash. */
  verdict(flash: FlashCopy, used: readonly string[]): Verdict {
    const settled = this.#settle(flash);
    if ("broken" in settled) return settled;
    const { key, flash: after } = settled;
    return known(this.#answers, `${key} ${used}`, () => attempt(() => ask(this.#module, after, used)));
  }

  /** The flash after the card has been turned on. */
  #settle(flash: FlashCopy): Settled | { readonly broken: string } {
    return known(this.#settled, keyOf(flash), () => {
      try {
        const after = this.#powerOn(flash);
        const key = keyOf(after);
        return known(this.#shared, key, () => ({ key, flash: after }));
      } catch (error) {
        return { broken: messageOf(error) };
      }
    });
  }

  #powerOn(flash: FlashCopy): FlashCopy {
    const own = new Flash();
    own.restore(flash);
    const card = new Card(this.#module, { flash: own, seed: SEED });
    const shown = turnOn(card);
    const erases = sum(own.erases) - sum(flash.erases);
    if (erases > MOST_ERASES) throw new Broken(`power-on erases ${erases} pages`);
    if (shown === "" || shown.startsWith("ERROR")) throw new Broken(`it turns on with ${shown || "nothing"}`);
    const pages = pagesOf(own.bytes).filter((page) => page.some((byte) => byte !== 0xff)).length;
    if (pages !== 1) throw new Broken(`power-on leaves ${pages} pages that are not blank`);
    return own.copy();
  }

  #openable(flash: FlashCopy): ReturnType<typeof openable> {
    return known(this.#opened, keyOf(flash), () => openable(flash.bytes));
  }
}

/** The key of a flash. Two have the same key if their bytes and the numbers of programs of their words are equal. */
export function keyOf({ bytes, programs }: Pick<FlashCopy, "bytes" | "programs">, memory?: Uint8Array): string {
  const hash = createHash("sha1").update(bytes).update(programs);
  return (memory ? hash.update(memory) : hash).digest("base64");
}

function attempt(run: () => Situation): Verdict {
  try {
    return { situation: run() };
  } catch (error) {
    return { broken: messageOf(error) };
  }
}

/** The message of an error. A card that traps, or misuses its flash, is broken too. */
export function messageOf(error: unknown): string {
  return error instanceof Error
    ? error.name === "Broken"
      ? error.message
      : `${error.name}: ${error.message}`
    : `${error}`;
}

function known<Value>(values: Map<string, Value>, key: string, make: () => Value): Value {
  const old = values.get(key);
  if (old !== undefined) return old;
  const made = make();
  values.set(key, made);
  return made;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
