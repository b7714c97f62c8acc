// What is wanted of one personalization.

import type { Master } from "../card/transportkeys.js";

/** What is wanted. Its secrets stay the caller's. */
export interface Request {
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  readonly tries: number;
  /** Four digits; nothing where the server judges the PIN: the card keeps none then. */
  readonly pin?: string | Uint8Array | undefined;
  /** The token key that the site already has; drawn unless given. */
  readonly key?: Uint8Array | undefined;
  /** The master key of the transport keys that the card shall have; the public test keys stay unless given. */
  readonly transport?: Master | undefined;
  /** The master key of those that it has, where that is another one. */
  readonly transportOld?: Master | undefined;
  /** The card may be personalized, have been another one's, or be another card than the one that the register has. */
  readonly reseed?: boolean | undefined;
  /** The card may be a development image, which anybody at its contacts can read and blank. */
  readonly allowDevelopment?: boolean | undefined;
}
