// The request for one personalization.

import type { Master } from "../card/transportkeys.js";

/** The request. The caller wipes its secrets. */
export interface Request {
  readonly serial: string;
  readonly suite: string;
  readonly pinCheck: "card" | "server";
  readonly tries: number;
  /** Four digits; undefined if the server checks the PIN, since the card then keeps none. */
  readonly pin?: string | Uint8Array | undefined;
  /** The token key that the site already has; default: drawn. */
  readonly key?: Uint8Array | undefined;
  /** The master key of the transport keys that the card shall get; default: the public test keys stay. */
  readonly transport?: Master | undefined;
  /** The master key of the transport keys that the card has now, if it is a different one. */
  readonly transportOld?: Master | undefined;
  /** Allows a card that is personalized, that had another serial number, or that is not the card of the register. */
  readonly reseed?: boolean | undefined;
  /** Allows a development image, which anybody at its contacts can read and erase. */
  readonly allowDevelopment?: boolean | undefined;
}
