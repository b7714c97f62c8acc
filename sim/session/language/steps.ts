// A command of the language as steps: it moves contacts at once, and yields whenever time has to pass. So one
// definition works for a card with a virtual clock and for a board in real time.

import type { Card } from "../../core/card.js";
import type { Subject } from "../../core/subject.js";

/** Time that has to pass: all of it, or less if `until` holds earlier. */
export interface Wait {
  readonly ms: number;
  readonly until?: () => boolean;
}

/** Each wait returns whether its `until` held in the end. */
export type Steps = Generator<Wait, void, boolean>;

/** What the host knows about the card, so that it can play the site and the help desk. */
export interface HostKeys {
  readonly suite: string;
  readonly key: Uint8Array;
  /** undefined if it was not given. */
  readonly unlockKey?: Uint8Array | undefined;
}

/** Computes the response to a challenge under a suite (OCRA). */
export type Response = (suite: string, key: Uint8Array, challenge: string) => string;

/** What a line reports in addition to the card's state. */
export interface Extra {
  cut?: true;
  ops?: number;
}

/** What a command may use besides the card. */
export interface Context {
  readonly extra: Extra;
  keys(): HostKeys;
  readonly response: Response;
  /** The bytes that the card last sent on the serial line. */
  readonly sent: Uint8Array;
  /** The time that a board may take to show the effect of a key, in ms; 0 if time is virtual. */
  readonly timeoutMs: number;
}

/** Carries out a command. A command that lets no time pass may return nothing. */
export type Act<C extends Subject> = (card: C, context: Context) => Steps | undefined;
export type AnyAct = Act<Subject>;
export type CardAct = Act<Card>;

/** The first lines of a file say how the card is made. */
export interface SetUp {
  seed(seed: number): void;
  demo(): void;
  flash(file: string): void;
  keys(key: Uint8Array, unlockKey: Uint8Array | undefined): void;
}

/** An expectation of a line was not met. The card stays as the line left it. */
export class Unmet extends Error {
  override name = "Unmet";
  constructor(
    message: string,
    readonly expected: string,
    readonly actual: string,
  ) {
    super(message);
  }
}
