// The events that a state handles: a key, or the end of the screen's time.

/** An event of the keys or of the clock. */
export enum Event {
  NONE = 0,
  /** A key went down. */
  DOWN = 1,
  /** The key was released before HOLD. */
  TAP = 2,
  /** The key is still down at HOLD. */
  HOLD = 3,
  /** The key was released after HOLD. */
  RELEASE = 4,
  /** The screen's time is over. */
  TIMEOUT = 5,
}
