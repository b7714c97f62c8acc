// Looks up a card in a seed file for a command.

import { SeedFileError } from "./errors.js";
import { warn } from "./output.js";
import type { SeedFile, SeedRecord } from "./pskc.js";
import { checkSerialNumber } from "./serialnumber.js";

/** The card with that serial number. A file of another tool may have serial numbers of another form. */
export function cardIn(seeds: SeedFile, serial: string): SeedRecord {
  const card = seeds.find(serial);
  if (!card) throw new SeedFileError(`${seeds.path}: has no card ${checkSerialNumber(serial)}; look for its seed file`);
  if (card.state === "pending") warn(`${serial} is not personalized to the end; run dsc personalize again`);
  return card;
}
