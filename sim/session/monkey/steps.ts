// The steps of a random run, as intentions: "the right PIN", "open a channel of level 33 with the wrong keys". What they
// are on the line and on the keys is made anew each time, from the seed and from what the card said.

import type { Key } from "../../../firmware/wire.js";
import type { CodeChoice, Meant, Spoilt, Via } from "./host.js";

export type { CodeChoice };

/** What is typed. `again` is the new PIN that NEW> was given; `some` are digits that nobody asked for. */
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
  /** Until shortly before, or just when, the next thing happens by itself. */
  | { readonly do: "await"; readonly early: number }
  | { readonly do: "battery"; readonly millivolts: number }
  /** Power fails at a flash operation to come. */
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

/** How long a key is down and nothing follows where nothing else is said, in ms. */
export const TAP = 80;
export const UP = 40;
export const LONG = 1000;
