// Seed files as the first release wrote them, which `dsc pskc` still reads: both keys of a card under one serial number, and
// the card's progress in personalization.

import { writeFileSync } from "node:fs";
import type { Document, Element } from "@xmldom/xmldom";
import type { SeedSecret } from "../../host-tools/seeds/pskckeys.js";
import { appendPackages, newContainer, tokenPackage, unlockPackage } from "../../host-tools/seeds/pskcpackages.js";
import type { SeedRecord } from "../../host-tools/seeds/pskcrecords.js";
import { indent, maker, serialize } from "../../host-tools/seeds/pskcxml.js";

/** Writes a new file with these cards. Returns its path. */
export function putSeedFile(path: string, secret: SeedSecret, ...records: readonly SeedRecord[]): string {
  writeFileSync(path, seedFile(secret, ...records), { mode: 0o600, flag: "wx" });
  return path;
}

/** The contents of such a file. */
export function seedFile(secret: SeedSecret, ...records: readonly SeedRecord[]): Buffer {
  const { document, container, keys } = newContainer(secret);
  const packages = records.flatMap((record) => {
    const { serial, key, unlockKey } = record;
    const token = tokenPackage(document, record, key, keys);
    token.appendChild(progress(document, record));
    return unlockKey ? [token, unlockPackage(document, { serial, id: `${serial}-unlock` }, unlockKey, keys)] : [token];
  });
  appendPackages(document, container, packages);
  indent(document, container, 0);
  return serialize(container);
}

function progress(document: Document, { state, keyset, rotation, cardId }: SeedRecord): Element {
  const make = maker(document);
  const mark = make("dsc:Personalization", {
    State: state,
    KeysetVersion: keyset,
    KeysBefore: rotation?.before,
    PutKey: rotation?.putKey,
    CardId: cardId,
  });
  return make("pskc:Extensions", {}, mark);
}
