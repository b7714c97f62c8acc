// Exports: the keys of cards for another organisation, as PSKC (RFC 6030) under a pre-shared key or a passphrase.
//
//   KeyPackage   SerialNo IB3000123     KeyUsage CR: the token key
//   KeyPackage   SerialNo IB3000123-U   KeyUsage Unlock: the unlock key, only if requested
//
// Importers identify a key by its SerialNo alone, and keep only the last of several keys under one. So each key has its
// own.

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
  /** undefined: there is none, or none is exported. */
  readonly unlockKey?: Uint8Array | undefined;
}

export interface ExportOptions {
  /** Whether to export unlock keys too: a help desk unlocks cards with them, a login system does not need them. */
  readonly unlockKeys: boolean;
}

/**
 * The contents of the file: token keys, and nothing about a card's personalization. Throws a SeedFileError or
 * SecretError.
 */
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
    if (seen.has(serial)) throw new SeedFileError(`two keys would be exported as ${quoted(serial)}; leave one out`);
    seen.add(serial);
  }
}
