// What happens to the card by itself: a key, or the end of a screen's time.

/** What the keys, or the time, tell the card. */
export enum Event {
  NONE = 0,
  /** A key went down. */
  DOWN = 1,
  /** It was let go before HOLD. */
  TAP = 2,
  /** It is still down at HOLD. */
  HOLD = 3,
  /** It was let go after that. */
  RELEASE = 4,
  /** The time that the screen gives is over. */
  TIMEOUT = 5,
}
