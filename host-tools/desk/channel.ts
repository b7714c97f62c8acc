// Opens the secure channel with a card whose status is not authenticated yet: tries the keys that the card may have,
// then reads the status again inside the channel, where a MAC authenticates it.

import type { CardClient, CardStatus } from "../card/cardclient.js";
import { AuthenticationFailed } from "../card/errors.js";
import type { SecurityLevel } from "../card/scp03.js";
import type { ExpectedKeyset } from "./expectedkeys.js";

/**
 * Opens the channel with the first of these keysets that the card has, and returns that keyset. `advice`: what to do if
 * the card has none of them.
 */
export async function openFirst<T extends ExpectedKeyset>(
  candidates: readonly T[],
  card: CardClient,
  level: SecurityLevel,
  advice: string,
): Promise<T> {
  let refused: unknown = new Error("there is nothing to try");
  for (const candidate of candidates) {
    try {
      await card.openChannel(level, candidate.keyset, candidate);
      return candidate;
    } catch (error) {
      if (!(error instanceof AuthenticationFailed)) throw error;
      refused =
        candidates.length > 1 || !candidate.secretsAfter
          ? new AuthenticationFailed(`${error.message}; ${advice}`)
          : error;
    }
  }
  throw refused;
}

/**
 * The plan was made from an unauthenticated status, so it is valid only if the card reports the same status under a
 * MAC.
 */
export function refuseChanged(before: CardStatus, now: CardStatus): void {
  const changed = (["id", "serial", "life", "kind"] as const).filter((what) => before[what] !== now[what]);
  if (changed.length === 0) return;
  throw new AuthenticationFailed(
    `in the secure channel the card's report differs from its earlier one (${changed.join(", ")}): another card, or a ` +
      "changed line; nothing was stored",
  );
}

/** Best effort: the card closes the channel by itself, and the caller has another error to report. */
export async function closeQuietly(card: CardClient): Promise<void> {
  if (card.level === undefined) return;
  try {
    await card.closeChannel();
  } catch {
    // A silent card turns off after 30 s.
  }
}
