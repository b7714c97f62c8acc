// What terminal and browser show: a card in this program, or one at the other end of a serial line. What such a card does
// not tell is left out.

import type { CardWatcher, KeyName } from "./card.js";

export interface Subject {
  readonly watchers: CardWatcher[];
  readonly on: boolean;
  /** The name of the state. */
  readonly state: string;
  /** What the screen shows, without the blanks at its end. */
  readonly display: string;
  /** ms on the card's clock. */
  readonly time: number;
  readonly tries?: number | undefined;
  /** In mV; 0: none. */
  readonly battery?: number;
  readonly flash?: { readonly operations: number; readonly erases: readonly number[] };
  /** ms until something happens by itself, where the clock is virtual. */
  readonly due?: number;
  /** Closes a contact. */
  down(key: KeyName): void;
  /** Opens a contact. */
  up(key: KeyName): void;
  /** Whether a contact is closed. */
  isDown(key: KeyName): boolean;
  /** Lets `ms` pass, where the clock is virtual. */
  wait?(ms: number): void;
  /** Pulls the battery (0) or puts one in. */
  setBattery?(millivolts: number): void;
  /** Keeps the whole card under a name. */
  save?(name: string): void;
  /** Brings it back; false: nothing has that name. */
  load?(name: string): boolean;
}

/** Whether the card's time passes by itself: it is a board, or a simulator of its own. */
export function isLive(card: Subject): boolean {
  return card.wait === undefined;
}
