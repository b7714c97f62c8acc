// Makes the pages of a batch's papers: labels and letters of desk/paper/, with the settings of the register.

import type { PaperSettings } from "../paper/papersettings.js";
import type { Register } from "../register/register.js";
import type { Printer } from "./papers.js";

/** Loads the page makers with the current settings. */
export async function printerOf({ engine }: Register): Promise<Printer> {
  const [{ labelsPdf }, { pinLettersPdf }, { paperSettings }] = await Promise.all([
    import("../paper/labels.js"),
    import("../paper/letters.js"),
    import("../paper/papersettings.js"),
  ]);
  const settings = await engine.read(paperSettings);
  return {
    labels: (cards) => labelsPdf(cards, settings),
    letters: (letters) => pinLettersPdf(letters, settings),
  };
}

/** Somebody who will get a letter or label. */
export interface Recipient {
  /** Its source, for messages: a line of a file. */
  readonly what: string;
  readonly user: string;
}

/**
 * Throws a PaperError for a name that cannot be printed. Called before a card is seeded, while the name can still be
 * corrected.
 */
export async function checkPrintable({ engine }: Register, recipients: readonly Recipient[]): Promise<void> {
  const [{ checkRecipients }, { paperSettings }] = await Promise.all([
    import("../paper/letters.js"),
    import("../paper/papersettings.js"),
  ]);
  const settings: PaperSettings = await engine.read(paperSettings);
  await checkRecipients(recipients, settings);
}
