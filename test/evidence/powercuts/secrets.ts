// The secrets that an attacker with the flash, the right PIN and the right unlock code could open, by docs/FLASH.md and
// the host's own crypto. A locked, blocked or wiped card must not hold them any more, whatever its screen says.

import { aessiv } from "@noble/ciphers/aes.js";
import { kdf } from "../../../host-tools/card/scp03.js";
import { PAGE_SIZE, PAGES } from "../../../sim/core/flash.js";
import { unlockCodeOf } from "../../support/cards.js";
import { OWNERS, PINS } from "./situation.js";

const LOCK_CODE = 0x10;
const ROOT = 0x48;
const ROOT_SIZE = 16;
const WRAP_SIZE = 116;
const KEY_SIZE = 32;
const WRAPS = { PIN: { at: 0x90, use: 0x81 }, CODE: { at: 0x108, use: 0x82 } } as const;
/** The slot of a try before and after it is spent, little-endian. */
const SLOT = [0xff, 0xff, 0xff, 0xff, 0xa5, 0x5a, 0xc3, 0x3c];

export interface Opened {
  /** Whether a wrap opens with the right PIN, or with the unlock code for its page. */
  readonly pin: boolean;
  readonly code: boolean;
}

/** Tries each wrap of each page under each root that any page has. */
export function openable(image: Uint8Array): Opened {
  const pages = pagesOf(image);
  const roots = pages.map((page) => page.slice(ROOT, ROOT + ROOT_SIZE)).filter((root) => !isBare(root));
  const opens = (wrap: keyof typeof WRAPS, secrets: (page: Uint8Array) => readonly string[]) =>
    pages.some((page) => roots.some((root) => secrets(page).some((digits) => opensWith(page, root, wrap, digits))));
  return { pin: opens("PIN", () => PINS), code: opens("CODE", unlockCodes) };
}

/** A flash image, page by page. */
export function pagesOf(image: Uint8Array): Uint8Array[] {
  return Array.from({ length: PAGES }, (_, page) => image.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
}

function unlockCodes(page: Uint8Array): string[] {
  const code = new DataView(page.buffer, page.byteOffset).getUint32(LOCK_CODE, true);
  const lockCode = String(code).padStart(8, "0");
  return lockCode.length > 8 ? [] : Object.values(OWNERS).map(({ unlockKey }) => unlockCodeOf(lockCode, unlockKey));
}

function opensWith(page: Uint8Array, root: Uint8Array, wrap: keyof typeof WRAPS, digits: string): boolean {
  const { at, use } = WRAPS[wrap];
  const sealed = page.slice(at, at + WRAP_SIZE);
  if (isBare(sealed)) return false;
  try {
    aessiv(kdf(root, use, Uint8Array.from([...Buffer.from(digits), ...SLOT]), KEY_SIZE)).decrypt(sealed);
    return true;
  } catch {
    return false;
  }
}

/** All zeros or all ones: nothing is there. */
function isBare(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === bytes[0]) && (bytes[0] === 0 || bytes[0] === 0xff);
}
