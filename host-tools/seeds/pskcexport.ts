// Exports: the keys of cards for another house, as PSKC (RFC 6030) under a pre-shared key or a passphrase.
//
//   KeyPackage   SerialNo IB3000123     KeyUsage CR: the token key
//   KeyPackage   SerialNo IB3000123-U   KeyUsage Unlock: the unlock key, only where it is asked for
//
// Importers know a key by its SerialNo alone, and of two keys under one they keep the last. So no two keys share one.

import { SeedFileError } from "../files/errors.js";
import type { SeedSecret } from "./pskckeys.js";
import {
  appendPackages,
  checkWritable,
  newContainer,
  serialOf,
  type TokenCard,
  tokenPackage,
  unlockPackage,
  unlockSerialOf,
} from "./pskcpackages.js";
import { hasUsualShape, indent, MAX_BYTES, quoted, serialize } from "./pskcxml.js";

/** A card and its keys. */
export interface ExportedCard extends TokenCard {
  /** 16 to 64 bytes. */
  readonly key: Uint8Array;
  /** Undefined: there is none, or none is to leave the house. */
  readonly unlockKey?: Uint8Array | undefined;
}

export interface ExportOptions {
  /** Unlock keys too: with them a help desk unlocks cards, and a login system has no use for them. */
  readonly unlockKeys: boolean;
}

/** The file's contents: token keys, and nothing of a card's personalization. Throws a SeedFileError or SecretError. */
export function exportPskc(cards: readonly ExportedCard[], secret: SeedSecret, options: ExportOptions): Buffer {
  if (cards.length === 0) throw new SeedFileError("there is no card to export");
  const { document, container, keys } = newContainer(secret);
  try {
    const packages = cards.flatMap((card) => {
      const unlockKey = options.unlockKeys ? card.unlockKey : undefined;
      checkWritable(card, card.key, unlockKey);
      const token = tokenPackage(document, card, card.key, keys);
      if (!unlockKey) return [token];
      const serial = unlockSerialOf(card.serial);
      return [token, unlockPackage(document, { serial, id: serial }, unlockKey, keys)];
    });
    refuseSharedSerials(packages.map(serialOf));
    appendPackages(document, container, packages);
  } finally {
    keys.encryption.fill(0);
    keys.mac.fill(0);
  }
  indent(document, container, 0);
  const bytes = serialize(container);
  if (bytes.length > MAX_BYTES || !hasUsualShape(bytes.toString()))
    throw new SeedFileError(`${cards.length} cards are too many for one file; export them in several`);
  return bytes;
}

function refuseSharedSerials(serials: readonly string[]): void {
  const seen = new Set<string>();
  for (const serial of serials) {
    if (seen.has(serial)) throw new SeedFileError(`two keys would be exported as ${quoted(serial)}`);
    seen.add(serial);
  }
}
