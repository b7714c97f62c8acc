// The card that terminal and browser show: in this program, or at the other end of a serial line. Optional members are
// absent if such a card does not report them.

import type { CardWatcher, KeyName } from "./card.js";

export interface Subject {
  readonly watchers: CardWatcher[];
  readonly on: boolean;
  /** The name of the state. */
  readonly state: string;
  /** The text of the screen, without trailing blanks. */
  readonly display: string;
  /** ms on the card's clock. */
  readonly time: number;
  readonly tries?: number | undefined;
  /** In mV; 0: no battery. */
  readonly battery?: number;
  readonly flash?: { readonly operations: number; readonly erases: readonly number[] };
  /** ms until something happens by itself, if the clock is virtual. */
  readonly due?: number;
  /** Closes a contact. */
  down(key: KeyName): void;
  /** Opens a contact. */
  up(key: KeyName): void;
  /** Whether a contact is closed. */
  isDown(key: KeyName): boolean;
  /** Lets `ms` pass, if the clock is virtual. */
  wait?(ms: number): void;
  /** Removes the battery (0), or inserts one. */
  setBattery?(millivolts: number): void;
  /** Saves the whole card under a name. */
  save?(name: string): void;
  /** Restores it; false: nothing has that name. */
  load?(name: string): boolean;
}

/** Whether the card's time passes by itself: it is a board or another simulator. */
export function isLive(card: Subject): boolean {
  return card.wait === undefined;
}
