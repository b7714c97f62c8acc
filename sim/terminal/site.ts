// The demo login site: user name and password, then a challenge, then the card's response.
//
// A challenge serves once, right or wrong. Refusals in a row lock the site for a while.

import { randomInt } from "node:crypto";
import { same, verifyResponse } from "../../host-tools/site/verify.js";
import { DEMO } from "../session/demo.js";

/** Refusals in a row that lock the site, and for how long. */
export const REFUSALS = 5;
export const LOCK_SECONDS = 60;

/** Who may log in, and the card that proves it. */
export interface Account {
  readonly user: string;
  readonly password: string;
  readonly suite: string;
  readonly key: Uint8Array;
}

/** The account of the demo card. */
export const DEMO_ACCOUNT: Account = { user: "demo", password: "demo", suite: DEMO.suite, key: DEMO.key };

/** What the site says. Only `challenge` lets the login go on. */
export type Answer =
  | { readonly outcome: "challenge"; readonly challenge: string }
  | { readonly outcome: "welcome" | "refused" | "locked"; readonly text: string };

export class Site {
  readonly #account: Account;
  readonly #now: () => number;
  readonly #draw: () => string;
  #challenge: string | undefined;
  #refusals = 0;
  #lockedUntil = Number.NEGATIVE_INFINITY;

  /** A site with one account; `now` is a clock in ms, `draw` draws a challenge. */
  constructor(account: Account = DEMO_ACCOUNT, now: () => number = () => performance.now(), draw = drawChallenge) {
    this.#account = account;
    this.#now = now;
    this.#draw = draw;
  }

  /** Seconds for which nobody may log in; 0: not locked. */
  get lockedFor(): number {
    return Math.max(0, Math.ceil((this.#lockedUntil - this.#now()) / 1000));
  }

  /** The first half: name and password. The right ones get a challenge. */
  signIn(user: string, password: string): Answer {
    this.#challenge = undefined;
    if (this.lockedFor) return this.#locked();
    const known = same(user, this.#account.user);
    const right = same(password, this.#account.password);
    if (!known || !right) return this.#refuse("Refused: wrong user name or password.");
    this.#challenge = this.#draw();
    return { outcome: "challenge", challenge: this.#challenge };
  }

  /** The second half: the card's response to the challenge. */
  respond(response: string): Answer {
    const challenge = this.#challenge;
    this.#challenge = undefined;
    if (this.lockedFor) return this.#locked();
    if (challenge === undefined) return this.#refuse("Refused: sign in first.");
    if (!verifyResponse(this.#account, challenge, response)) return this.#refuse("Refused: wrong response.");
    this.#refusals = 0;
    return { outcome: "welcome", text: `Welcome, ${this.#account.user}!` };
  }

  /** The user started over: the challenge is void. */
  cancel(): void {
    this.#challenge = undefined;
  }

  #refuse(text: string): Answer {
    if (++this.#refusals < REFUSALS) return { outcome: "refused", text };
    this.#refusals = 0;
    this.#lockedUntil = this.#now() + LOCK_SECONDS * 1000;
    return this.#locked();
  }

  #locked(): Answer {
    return { outcome: "locked", text: `Locked: too many refusals. Try again in ${this.lockedFor} s.` };
  }
}

function drawChallenge(): string {
  return String(randomInt(1_000_000)).padStart(6, "0");
}
