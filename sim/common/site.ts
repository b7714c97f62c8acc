// The demo login site: asks for user name and password, then for the card's response to a challenge.
//
// A challenge is valid once, whether the response is right or wrong. Several refusals in a row lock the site for a
// while.

import { DEMO_CARD } from "../core/democard.js";

/** The number of refusals in a row that lock the site, and for how long. */
export const REFUSALS = 5;
export const LOCK_SECONDS = 60;

/** A user who may log in, with the card that proves it. */
export interface Account {
  readonly user: string;
  readonly password: string;
  readonly suite: string;
  readonly key: Uint8Array;
}

/** The account of the demo card. */
export const DEMO_ACCOUNT: Account = { user: "demo", password: "demo", suite: DEMO_CARD.suite, key: DEMO_CARD.key };

/** The site's answer. Only `challenge` lets the login continue. */
export type Answer =
  | { readonly outcome: "challenge"; readonly challenge: string }
  | { readonly outcome: "welcome" | "refused" | "locked"; readonly text: string };

/** Functions that the surrounding program supplies. */
export interface SiteTools {
  /** A clock in ms. */
  now(): number;
  /** Draws a challenge of six digits. */
  draw(): string;
  /** Compares two texts in constant time. */
  same(a: string, b: string): boolean;
  /** The response to a challenge (OCRA). */
  response(suite: string, key: Uint8Array, challenge: string): string;
}

export class Site {
  readonly #account: Account;
  readonly #tools: SiteTools;
  #challenge: string | undefined;
  #refusals = 0;
  #lockedUntil = Number.NEGATIVE_INFINITY;

  /** A site with one account. */
  constructor(account: Account, tools: SiteTools) {
    this.#account = account;
    this.#tools = tools;
  }

  /** Seconds for which nobody may log in; 0: not locked. */
  get lockedFor(): number {
    return Math.max(0, Math.ceil((this.#lockedUntil - this.#tools.now()) / 1000));
  }

  /** The first step: name and password. The right ones get a challenge. */
  signIn(user: string, password: string): Answer {
    this.#challenge = undefined;
    if (this.lockedFor) return this.#locked();
    const known = this.#tools.same(user, this.#account.user);
    const right = this.#tools.same(password, this.#account.password);
    if (!known || !right) return this.#refuse("Refused: wrong user name or password.");
    this.#challenge = this.#tools.draw();
    return { outcome: "challenge", challenge: this.#challenge };
  }

  /** The second step: the card's response to the challenge. */
  respond(response: string): Answer {
    const challenge = this.#challenge;
    this.#challenge = undefined;
    if (this.lockedFor) return this.#locked();
    if (challenge === undefined) return this.#refuse("Refused: sign in first.");
    if (!this.#isRight(challenge, response)) return this.#refuse("Refused: wrong response.");
    this.#refusals = 0;
    return { outcome: "welcome", text: `Welcome, ${this.#account.user}!` };
  }

  /** The user starts over, so the challenge is void. */
  cancel(): void {
    this.#challenge = undefined;
  }

  #isRight(challenge: string, response: string): boolean {
    const { suite, key } = this.#account;
    return this.#tools.same(response, this.#tools.response(suite, key, challenge));
  }

  #refuse(text: string): Answer {
    if (++this.#refusals < REFUSALS) return { outcome: "refused", text };
    this.#refusals = 0;
    this.#lockedUntil = this.#tools.now() + LOCK_SECONDS * 1000;
    return this.#locked();
  }

  #locked(): Answer {
    return { outcome: "locked", text: `Locked: too many refusals. Try again in ${this.lockedFor} s.` };
  }
}
