// What a command of the language does, in steps: it moves contacts at once, and says whenever time is to pass. So one
// definition plays on a card whose clock is virtual and on a board, whose time is real.

import type { Card } from "../../core/card.js";
import type { Subject } from "../../core/subject.js";

/** Time that is to pass: all of it, or less where `until` holds before. */
export interface Wait {
  readonly ms: number;
  readonly until?: () => boolean;
}

/** Each wait is answered by whether its `until` held in the end. */
export type Steps = Generator<Wait, void, boolean>;

/** What the host knows of the card, so that it can do the site's and the help desk's part. */
export interface HostKeys {
  readonly suite: string;
  readonly key: Uint8Array;
  /** Absent where nobody said it. */
  readonly unlockKey?: Uint8Array | undefined;
}

/** The response to a challenge under a suite (OCRA), by whatever computes it where this runs. */
export type Response = (suite: string, key: Uint8Array, challenge: string) => string;

/** What a line reports beside the card's state. */
export interface Extra {
  cut?: true;
  ops?: number;
}

/** What a command may use beside the card. */
export interface Context {
  readonly extra: Extra;
  keys(): HostKeys;
  readonly response: Response;
  /** The bytes that left on the serial line in the last line in which some did. */
  readonly sent: Uint8Array;
  /** How long a board may take to show what came of the keys, in ms; 0 where time is virtual. */
  readonly patience: number;
}

/** Carries a command out. One that lets no time pass may return nothing. */
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

/** What a line expected did not come. The card is as the line left it. */
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
