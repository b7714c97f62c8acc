// Days for commands that take one, since they refuse a day that is past.

const DAY = 86_400_000;

/** A day of this week's shipments: YYYY-MM-DD. */
export const SOON = new Date(Date.now() + 5 * DAY).toISOString().slice(0, "YYYY-MM-DD".length);
