// UserId of PSKC: the user of a key, as a distinguished name (RFC 6030 §4.2; RFC 4514). dsc writes UID=NAME.

import { SeedFileError } from "../files/errors.js";
import { quoted } from "./pskcxml.js";

/** Characters that need a backslash in a distinguished name (RFC 4514 §2.4). */
const ESCAPED = /["+,;<>\\=]|^#/g;
/** Blanks at the ends are written in hexadecimal, since XML would drop them as white space. */
const OUTER_BLANKS = /^ | $/g;
/** A leading UID: escaped characters, and others that do not end a value. */
const UID = /^\s*uid\s*=\s*((?:\\[0-9a-f]{2}|\\.|[^\\,+;])*)/iu;
const NAME = /^[^\p{Cc}\p{Cs}]{1,256}$/u;

/** The UserId of a user name. */
export function userIdOf(userName: string): string {
  if (!NAME.test(userName)) throw new SeedFileError(`cannot store a user name such as ${quoted(userName)}`);
  return `UID=${userName.replace(ESCAPED, "\\$&").replace(OUTER_BLANKS, "\\20")}`;
}

/**
 * The user name in a UserId: its UID, or the whole text if it has none. undefined: nothing that can be shown to people.
 */
export function userNameIn(userId: string): string | undefined {
  const uid = UID.exec(userId)?.[1];
  const name = uid === undefined ? userId : unescaped(uid);
  return NAME.test(name) ? name : undefined;
}

/** Escapes in hexadecimal are bytes of UTF-8. */
function unescaped(value: string): string {
  return value.replace(/((?:\\[0-9a-f]{2})+)|\\(.)/giu, (_, bytes: string | undefined, character: string) =>
    bytes === undefined ? character : Buffer.from(bytes.replaceAll("\\", ""), "hex").toString(),
  );
}
