// PKCS#11 URIs (RFC 7512): which token, which key in it, where its PIN is, and which module speaks to it.
//
//   pkcs11:token=desk;object=site?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/dsc/token.pin
//
// Path attributes select the object. An unknown one is refused, since ignoring it could select the wrong object. Query
// attributes say how to reach the object; unknown ones are meant for other programs. Each attribute may appear once.

import { UsageError } from "../../files/errors.js";

/** Path attributes that are compared with what module, slot and token report. */
export const DESCRIBING = [
  "token",
  "manufacturer",
  "model",
  "serial",
  "slot-id",
  "slot-description",
  "slot-manufacturer",
  "library-description",
  "library-manufacturer",
  "library-version",
] as const;
export type Describing = (typeof DESCRIBING)[number];

export interface TokenUri {
  /** The URI up to its query, for errors. */
  readonly name: string;
  readonly described: Readonly<Partial<Record<Describing, string>>>;
  /** The label of the key (CKA_LABEL). */
  readonly object: string | undefined;
  /** CKA_ID. */
  readonly id: Buffer | undefined;
  /** The class of the object, such as `secret-key`. */
  readonly type: string | undefined;
  /** A path, or a file: URI. */
  readonly pinSource: string | undefined;
  /** Whether the URI itself contains a PIN, which is not kept. */
  readonly hasPin: boolean;
  readonly moduleName: string | undefined;
  readonly modulePath: string | undefined;
}

const SCHEME = /^pkcs11:/i;
const NAME = /^[a-z0-9_-]+$/i;
/** pk11-pchar and pk11-qchar of RFC 7512 §2.3. */
const PATH_VALUE = /^(?:[\w\-.~:[\]@!$'()*+,=&]|%[0-9a-f]{2})*$/i;
const QUERY_VALUE = /^(?:[\w\-.~:[\]@!$'()*+,=;/?|]|%[0-9a-f]{2})*$/i;

/** Whether the text names a key in a token rather than a file. */
export function isTokenUri(text: string): boolean {
  return SCHEME.test(text);
}

/** Throws a UsageError of one line, which never repeats a PIN. */
export function parseTokenUri(text: string): TokenUri {
  const [name = "", ...rest] = text.split("?");
  const path = attributesIn(name.replace(SCHEME, ""), ";", PATH_VALUE);
  // A query may itself contain question marks.
  const query = attributesIn(rest.join("?"), "&", QUERY_VALUE);
  const take = (attributes: Map<string, Buffer>, attribute: string) => {
    const value = attributes.get(attribute);
    attributes.delete(attribute);
    return value;
  };
  const id = take(path, "id");
  const object = textOf("object", take(path, "object"));
  const type = textOf("type", take(path, "type"));
  const described: Partial<Record<Describing, string>> = {};
  for (const attribute of DESCRIBING) {
    const value = textOf(attribute, take(path, attribute));
    if (value !== undefined) described[attribute] = value;
  }
  const [unknown] = path.keys();
  if (unknown !== undefined) throw new UsageError(`pkcs11 URI: the attribute ${unknown} is unknown; leave it out`);
  return {
    name,
    described,
    object,
    id,
    type,
    pinSource: textOf("pin-source", take(query, "pin-source")),
    hasPin: query.has("pin-value"),
    moduleName: textOf("module-name", take(query, "module-name")),
    modulePath: textOf("module-path", take(query, "module-path")),
  };
}

function attributesIn(text: string, separator: string, allowed: RegExp): Map<string, Buffer> {
  const attributes = new Map<string, Buffer>();
  for (const attribute of text === "" ? [] : text.split(separator)) {
    const at = attribute.indexOf("=");
    const name = attribute.slice(0, at);
    if (at < 0 || !NAME.test(name)) throw new UsageError("pkcs11 URI: attributes are NAME=VALUE; see docs/TOKENS.md");
    if (attributes.has(name)) throw new UsageError(`pkcs11 URI: ${name} appears twice; give it once`);
    const value = attribute.slice(at + 1);
    if (!allowed.test(value)) throw new UsageError(`pkcs11 URI: ${name}: write special characters as %XX`);
    attributes.set(name, decoded(value));
  }
  return attributes;
}

function decoded(value: string): Buffer {
  const parts = value.match(/%[0-9a-f]{2}|[^%]+/gi) ?? [];
  return Buffer.concat(parts.map((part) => (part[0] === "%" ? Buffer.from(part.slice(1), "hex") : Buffer.from(part))));
}

function textOf(name: string, value: Buffer | undefined): string | undefined {
  try {
    return value && new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    throw new UsageError(`pkcs11 URI: ${name} is not UTF-8; encode its bytes as UTF-8`);
  }
}
