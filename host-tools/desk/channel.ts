// The secure channel with a card of which only a claim is known so far: opened with the first keys that the card has, and
// looked at again inside, where a MAC is on what the card says.

import type { CardClient, CardStatus } from "../card/cardclient.js";
import { AuthenticationFailed, type SecurityLevel } from "../card/scp03.js";
import type { ExpectedKeyset } from "./expectedkeys.js";

/** Opens the channel with the first of the keys that the card has, and returns those. `advice`: for whoever has none left. */
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

/** What was decided by what nobody vouches for holds only for a card that says the same under a MAC. */
export function refuseChanged(before: CardStatus, now: CardStatus): void {
  const changed = (["id", "serial", "life", "kind"] as const).filter((what) => before[what] !== now[what]);
  if (changed.length === 0) return;
  throw new AuthenticationFailed(
    `in the secure channel the card says something else than before it (${changed.join(", ")}): another card, or a ` +
      "changed line; nothing was stored",
  );
}

/** Best effort: the card closes it by itself, and another error is the one to tell. */
export async function closeQuietly(card: CardClient): Promise<void> {
  if (card.level === undefined) return;
  try {
    await card.closeChannel();
  } catch {
    // The card turns off after 30 s.
  }
}
