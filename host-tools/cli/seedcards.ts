// Looks up a card in a seed file for a command.

import { checkSerialNumber } from "../card/serialnumber.js";
import { SeedFileError } from "../files/errors.js";
import type { SeedFile, SeedRecord } from "../seeds/pskc.js";
import { warn } from "./output.js";

/** The card with that serial number. A file of another tool may have serial numbers of another form. */
export function cardIn(seeds: SeedFile, serial: string): SeedRecord {
  const card = seeds.find(serial);
  if (!card) throw new SeedFileError(`${seeds.path}: has no card ${checkSerialNumber(serial)}; look for its seed file`);
  if (card.state === "pending") warn(`${serial} is not personalized to the end; run dsc personalize again`);
  return card;
}
