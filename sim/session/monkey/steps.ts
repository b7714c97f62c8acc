// The steps of a random run, as intentions: "the right PIN", "open a channel of level 33 with the wrong keys". They
// become frames and keys anew each time, from the seed and the card's answers.

import type { Key } from "../../../firmware/wire.js";
import type { CodeChoice, Meant, Spoilt, Via } from "./host.js";

export type { CodeChoice };

/** Typed input. `again` is the new PIN that was entered at NEW>; `some` are arbitrary digits. */
export type Typed =
  | { readonly what: "right PIN" | "wrong PIN" | "weak PIN" | "new PIN" | "again" | "right code" | "wrong code" }
  | { readonly what: "some"; readonly digits: string };

export type Step =
  /** A contact closes or opens; no time passes. */
  | { readonly do: "contact"; readonly key: number | Key; readonly closed: boolean }
  /** A key goes down, for `ms`. */
  | { readonly do: "press"; readonly key: number | Key; readonly ms: number }
  | { readonly do: "type"; readonly typed: Typed }
  | { readonly do: "wait"; readonly ms: number }
  /** Waits until shortly before, or exactly until, the next event that happens by itself. */
  | { readonly do: "await"; readonly early: number }
  | { readonly do: "battery"; readonly millivolts: number }
  /** Power fails at a later flash operation. */
  | { readonly do: "cut"; readonly count: number; readonly torn: boolean }
  | { readonly do: "random"; readonly fails: boolean }
  | { readonly do: "hello" | "noise" | "panel" }
  | { readonly do: "begin"; readonly version: "any" | "right" | "wrong" }
  | {
      readonly do: "authenticate";
      readonly level: number;
      readonly keys: "right" | "wrong";
      readonly spoilt: boolean;
    }
  | { readonly do: "command"; readonly meant: Meant; readonly via: Via; readonly spoilt?: Spoilt };

/** How a run begins. */
export interface Start {
  readonly seed: number;
  readonly card: "blank" | "demo" | "unreadable";
}

/** The default time that a key is down and of the pause after it, in ms. */
export const TAP = 80;
export const UP = 40;
export const LONG = 1000;
