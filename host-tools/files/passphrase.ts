// Passphrases in one form: Unicode NFKC, so that an é is always the same, however a keyboard or editor encodes it.
//
// The first release used the typed bytes. Its seed files still open: the normalised form is tried first, then the typed
// bytes. New files use only the normalised form.

import { isUtf8 } from "node:buffer";
import { SecretError } from "./errors.js";
import { concatSecrets } from "./secretbytes.js";

/** A passphrase as it was given. */
export interface Passphrase {
  readonly passphrase: Uint8Array;
  /**
   * An error message that says why it is most likely not a passphrase. The first release accepted such contents, so
   * they may open a seed file, but no new file is made with them.
   */
  readonly doubt?: string | undefined;
}

const ASCII_END = 0x80;

/** The forms in which a passphrase may open a file, in the order in which to try them. Wipe them after use. */
export function formsOf({ passphrase, doubt }: Passphrase): Buffer[] {
  const typed = concatSecrets(passphrase);
  if (doubt !== undefined || !isUtf8(passphrase)) return [typed];
  const normal = nfkc(passphrase);
  if (!normal.equals(typed)) return [normal, typed];
  normal.fill(0);
  return [typed];
}

/** The form for a new file. Throws a SecretError if the text is most likely not a passphrase. Wipe it after use. */
export function formForNew({ passphrase, doubt }: Passphrase): Buffer {
  refuseDoubtful({ passphrase, doubt });
  if (!isUtf8(passphrase)) throw new SecretError("the passphrase is not UTF-8");
  return nfkc(passphrase);
}

/** Refuses to make a new file with something that is most likely not a passphrase. */
export function refuseDoubtful({ doubt }: Passphrase): void {
  if (doubt !== undefined) throw new SecretError(doubt);
}

/**
 * Text in UTF-8, normalised. Normalising needs a string, which cannot be wiped. So the text goes in pieces, and ASCII
 * parts need no string at all. A text may be split before an ASCII character (Unicode Annex 15: it never composes with
 * what precedes it).
 */
export function nfkc(text: Uint8Array): Buffer {
  const pieces = piecesOf(text).map((piece) => ({ piece, normal: isAscii(piece) ? undefined : normalised(piece) }));
  const whole = concatSecrets(...pieces.map(({ piece, normal }) => normal ?? piece));
  for (const { normal } of pieces) normal?.fill(0);
  return whole;
}

/** Runs of ASCII, and each run of other characters together with the ASCII character that it may compose with. */
function piecesOf(text: Uint8Array): Uint8Array[] {
  const ascii = (at: number) => (text[at] ?? 0) < ASCII_END;
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = 1; at < text.length; at++) {
    if (!ascii(at) || (ascii(at - 1) && ascii(at + 1))) continue;
    pieces.push(text.subarray(from, at));
    from = at;
  }
  return [...pieces, text.subarray(from)];
}

function isAscii(piece: Uint8Array): boolean {
  return piece.every((byte) => byte < ASCII_END);
}

function normalised({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(buffer, byteOffset, length).toString("utf8").normalize("NFKC"));
}
