// Slots and the tokens in them: which one a URI names.

import { type Cryptoki, type Handle, TokenFlag, type TokenInfo } from "./cryptoki.js";
import { TokenError } from "./errors.js";
import { doing } from "./failures.js";
import type { TokenUri } from "./uri.js";

/** The one token that the URI describes, in its slot. */
export function findSlot(cryptoki: Cryptoki, uri: TokenUri): Handle {
  const present = doing(uri.name, () => cryptoki.C_GetSlotList(true)).filter((slot) => isInitialized(cryptoki, slot));
  const fitting = present.filter((slot) => fits(cryptoki, slot, uri));
  const [slot, ...more] = fitting;
  const labels = (slots: readonly Handle[]) =>
    slots
      .map((each) => describe(cryptoki, each))
      .map(({ name, info }) => `${name}, serial ${info.serialNumber.trim()}`);
  if (!slot)
    throw new TokenError(
      `${uri.name}: no such token; ${present.length === 0 ? "none is present" : `present: ${labels(present).join("; ")}`}`,
      "missing",
    );
  if (more.length > 0)
    throw new TokenError(
      `${uri.name}: more than one token fits: ${labels(fitting).join("; ")}; add serial=… to the URI`,
      "ambiguous",
    );
  return slot;
}

/** The token in a slot, and its name for errors and questions: `token "desk"`. */
export function describe(cryptoki: Cryptoki, slot: Handle): { info: TokenInfo; name: string } {
  const info = doing("token", () => cryptoki.C_GetTokenInfo(slot));
  return { info, name: `token ${JSON.stringify(info.label.trim())}` };
}

/**
 * SoftHSM and others show an extra slot with room for one more token. A token that was removed meanwhile does not count
 * either.
 */
function isInitialized(cryptoki: Cryptoki, slot: Handle): boolean {
  try {
    return (cryptoki.C_GetTokenInfo(slot).flags & TokenFlag.INITIALIZED) !== 0;
  } catch {
    return false;
  }
}

function fits(cryptoki: Cryptoki, slot: Handle, { described }: TokenUri): boolean {
  const { info } = describe(cryptoki, slot);
  const { slotDescription, manufacturerID } = doing("token", () => cryptoki.C_GetSlotInfo(slot));
  const module = doing("token", () => cryptoki.C_GetInfo());
  const { major, minor } = module.libraryVersion;
  const told: Readonly<Record<string, readonly string[]>> = {
    token: [info.label],
    manufacturer: [info.manufacturerID],
    model: [info.model],
    serial: [info.serialNumber],
    "slot-id": [String(slot.readUIntLE(0, Math.min(6, slot.length)))],
    "slot-description": [slotDescription],
    "slot-manufacturer": [manufacturerID],
    "library-description": [module.libraryDescription],
    "library-manufacturer": [module.manufacturerID],
    "library-version": minor === 0 ? [`${major}`, `${major}.0`] : [`${major}.${minor}`],
  };
  return Object.entries(described).every(([name, value]) => told[name]?.some((text) => text.trimEnd() === value));
}
