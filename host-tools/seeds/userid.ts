// UserId of PSKC: whose key it is, as a distinguished name (RFC 6030 §4.2; RFC 4514). Ours are UID=NAME.

import { SeedFileError } from "../files/errors.js";
import { quoted } from "./pskcxml.js";

/** What a name in a distinguished name has a backslash in front of (RFC 4514 §2.4). */
const ESCAPED = /["+,;<>\\=]|^#/g;
/** Blanks at an end would be lost with the white space of XML, so they stand there in hexadecimal. */
const OUTER_BLANKS = /^ | $/g;
/** A UID at the beginning: escaped characters, and others that end no value. */
const UID = /^\s*uid\s*=\s*((?:\\[0-9a-f]{2}|\\.|[^\\,+;])*)/iu;
const NAME = /^[^\p{Cc}\p{Cs}]{1,256}$/u;

/** The UserId of a user name. */
export function userIdOf(userName: string): string {
  if (!NAME.test(userName)) throw new SeedFileError(`cannot keep a user name such as ${quoted(userName)}`);
  return `UID=${userName.replace(ESCAPED, "\\$&").replace(OUTER_BLANKS, "\\20")}`;
}

/** The user name in a UserId: its UID, or all of it where it has none. Undefined: nothing that is fit for people. */
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
