// PKCS#11 URIs: every example of RFC 7512 §3, and what is refused.

import * as assert from "uvu/assert";
import { isTokenUri, parseTokenUri } from "../../../../host-tools/desk/custody/uri.js";
import { UsageError } from "../../../../host-tools/files/errors.js";
import { suite } from "../../../support/suite.js";

const test = suite("pkcs11 URIs");

/** The attributes that the URI has. */
function said(text: string): object {
  const { name: _, ...parsed } = parseTokenUri(text);
  return Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
}

const SOFTTOKEN = "The Software PKCS#11 Softtoken";
const SNAKE_OIL = "Snake Oil, Inc.";

/** The examples of RFC 7512 §3, in their order, with the meanings that the RFC gives. */
const EXAMPLES: readonly [string, object][] = [
  ["pkcs11:", {}],
  ["pkcs11:object=my-pubkey;type=public", { object: "my-pubkey", type: "public" }],
  [
    "pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
    { object: "my-key", type: "private", pinSource: "file:/etc/token" },
  ],
  [
    "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;" +
      "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
    {
      described: { token: SOFTTOKEN, manufacturer: SNAKE_OIL, model: "1.0", serial: "" },
      object: "my-certificate",
      type: "cert",
      id: Buffer.from("69953e5cf4bdec91", "hex"),
      pinSource: "file:/etc/token_pin",
    },
  ],
  [
    "pkcs11:object=my-sign-key;type=private?module-name=mypkcs11",
    { object: "my-sign-key", type: "private", moduleName: "mypkcs11" },
  ],
  [
    "pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1",
    { object: "my-sign-key", type: "private", modulePath: "/mnt/libmypkcs11.so.1" },
  ],
  [
    "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc.?pin-value=the-pin",
    { described: { token: "Software PKCS#11 softtoken", manufacturer: SNAKE_OIL }, hasPin: true },
  ],
  ["pkcs11:slot-description=Sun%20Metaslot", { described: { "slot-description": "Sun Metaslot" } }],
  [
    "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23",
    {
      described: {
        "library-description": "Soft Token Library",
        "library-manufacturer": SNAKE_OIL,
        "library-version": "1.23",
      },
    },
  ],
  [
    "pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03%Ba%dd%Ca%fe%04%05%06",
    {
      described: { token: "My token% created by Joe", "library-version": "3" },
      id: Buffer.from("010203baddcafe040506", "hex"),
    },
  ],
  [
    "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert",
    { described: { token: "A name with a substring %;" }, object: "my-certificate", type: "cert" },
  ],
  [
    "pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert",
    { described: { token: "Name with a small A with acute: á" }, object: "my-certificate", type: "cert" },
  ],
];

test("every example of the RFC without a vendor's attribute is parsed", () => {
  for (const [text, expected] of EXAMPLES)
    assert.equal(said(text), { described: {}, hasPin: false, ...expected }, text);
});

test("a vendor's attribute is ignored in the query, and refused in the path", () => {
  const { object, pinSource } = parseTokenUri("pkcs11:object=a?pin-source=file:/etc/token_pin&vendor-bbb=value-b");
  assert.equal([object, pinSource], ["a", "file:/etc/token_pin"]);
  // The last example of the RFC.
  const vendors = "pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a?vendor-bbb=value-b";
  assert.throws(() => parseTokenUri(vendors), /the attribute vendor-aaa is unknown/);
});

test("errors name the URI without its query, and a PIN in the URI is not kept", () => {
  const parsed = parseTokenUri("pkcs11:token=a;object=b?pin-value=2718281828&module-path=/x.so");
  assert.is(parsed.name, "pkcs11:token=a;object=b");
  assert.not.match(JSON.stringify(parsed), "2718281828");
});

test("the scheme may be in capitals; a file of that name in a folder is a file", () => {
  for (const text of ["pkcs11:object=a", "PKCS11:object=a"]) assert.ok(isTokenUri(text), text);
  for (const text of ["./pkcs11:object=a", "pkcs11", "-", "site.key"]) assert.not.ok(isTokenUri(text), text);
});

const PIN = "2718281828";
const WRONG = [
  "pkcs11:object",
  "pkcs11:=a",
  "pkcs11:object=a;object=b",
  "pkcs11:object=a;",
  "pkcs11:;object=a",
  "pkcs11:object=a b",
  "pkcs11:object=a/b",
  "pkcs11:object=%",
  "pkcs11:object=%4",
  "pkcs11:object=%4g",
  "pkcs11:object=%ff",
  "pkcs11:object=é",
  "pkcs11:object=a?module-path=/x&module-path=/y",
  `pkcs11:object=a?pin-value=${PIN}&pin-value=${PIN}`,
  `pkcs11:object=a?pin-value=${PIN} ${PIN}`,
  `pkcs11:object=a?${PIN}`,
];

test("an invalid URI is refused in one line, which contains no part that may be a PIN", () => {
  for (const text of WRONG)
    assert.throws(
      () => parseTokenUri(text),
      (error: Error) => error instanceof UsageError && !/\n/.test(error.message) && !error.message.includes(PIN),
      text,
    );
});

test.run();
