// Receipts of exports: their contents and signatures, and that any change is noticed.

import { createPublicKey } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { SecretError } from "../../../host-tools/files/errors.js";
import { readSiteCertificate } from "../../../host-tools/seeds/cms.js";
import type { SeedRecord } from "../../../host-tools/seeds/pskcrecords.js";
import {
  checkSignature,
  type FiledReceipt,
  ReceiptError,
  readReceipt,
  receiptOf,
  signingKeyIn,
  writeReceipt,
} from "../../../host-tools/seeds/receipt.js";
import { newCertificate } from "../../support/certificates.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { packageTest } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { NO_OPENSSL, output } from "../../support/tools.js";

const test = suite("receipts");

const FOLDER = scratchFolder();
const HASH = "0123456789abcdef".repeat(4);
const AT = new Date("2026-11-28T13:14:15.678Z");

const CARD: SeedRecord = {
  serial: "IB3000123",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  key: pattern(32, 1),
  unlockKey: pattern(32, 2),
  state: "done",
  keyset: undefined,
};
const RECEIPT = receiptOf(
  { sha256: HASH, records: [CARD, { ...CARD, serial: "IB3000124", unlockKey: undefined }] },
  AT,
);

let files = 0;
const newPath = () => join(FOLDER, String(++files));

/** A receipt in a file, signed with the key in that file. */
function filed(keyFile?: string): string {
  const path = newPath();
  writeReceipt(path, RECEIPT, keyFile === undefined ? undefined : signingKeyIn(readFileSync(keyFile), keyFile));
  return path;
}

function refusal(run: () => unknown, kind: typeof ReceiptError | typeof SecretError = ReceiptError): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, kind);
    assert.not.match((error as Error).message, "\n");
    return (error as Error).message;
  }
  throw new Error("not refused");
}

test("a receipt names the export and each key that was read, and contains no key", () => {
  const path = filed();
  assert.equal(JSON.parse(readFileSync(path, "utf8")), {
    kind: "dsc-pskc-receipt",
    version: 1,
    at: "2026-11-28T13:14:15.678Z",
    export: HASH,
    keys: [
      { serial: "IB3000123", field: "token" },
      { serial: "IB3000123", field: "unlock" },
      { serial: "IB3000124", field: "token" },
    ],
  });
  if (process.platform !== "win32") assert.is(statSync(path).mode & 0o777, 0o600);
  assert.equal(readReceipt(path), RECEIPT);
  assert.match(
    refusal(() => checkSignature(path, readReceipt(path), createPublicKey(PUBLIC_KEY))),
    /is not signed/,
  );
});

/** The example of RFC 8410 §10.1. */
const PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----`;

/** The text that is signed, written out by hand. */
const SIGNED_TEXT = `{"at":"2026-11-28T13:14:15.678Z","export":"${HASH}","keys":[{"field":"token","serial":"IB3000123"},{"field":"unlock","serial":"IB3000123"},{"field":"token","serial":"IB3000124"}],"kind":"dsc-pskc-receipt","version":1}`;

/** How stock openssl checks the signature of each kind of key. */
const STOCK = {
  rsa: ["dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"],
  ec: ["dgst", "-sha256"],
};

for (const [kind, dgst] of Object.entries(STOCK) as [keyof typeof STOCK, string[]][]) {
  packageTest(
    test,
    NO_OPENSSL,
    `our check and stock openssl accept a receipt signed by the certificate's ${kind} key`,
    () => {
      const { certificate, key } = newCertificate(kind);
      const path = filed(key);
      const receipt = readReceipt(path);
      checkSignature(path, receipt, readSiteCertificate(certificate).publicKey);
      const [signature, publicKey] = [newPath(), newPath()];
      writeFileSync(signature, Buffer.from(receipt.signature?.value ?? "", "base64"));
      writeFileSync(publicKey, output("openssl", ["x509", "-in", certificate, "-noout", "-pubkey"]));
      const told = output("openssl", [...dgst, "-verify", publicKey, "-signature", signature], SIGNED_TEXT).toString();
      assert.match(told, /^Verified OK/);
    },
  );
}

for (const kind of ["rsa", "ec", "ed25519"] as const) {
  packageTest(test, NO_OPENSSL, `a changed receipt signed by a key of kind ${kind} is refused`, () => {
    const { key } = newCertificate(kind);
    const publicKey = createPublicKey(readFileSync(key));
    const path = filed(key);
    const right = readReceipt(path);
    checkSignature(path, right, publicKey);
    const [first, ...rest] = right.keys;
    const { signature } = right;
    assert.ok(first && signature);
    const others: FiledReceipt[] = [
      { ...right, export: HASH.replace("0", "1") },
      { ...right, at: right.at.replace("2026", "2027") },
      { ...right, keys: rest },
      { ...right, keys: [...rest, first] },
      { ...right, keys: [{ ...first, serial: "IB3000999" }, ...rest] },
      { ...right, keys: [first, ...rest, { serial: "IB3000124", field: "unlock" }] },
      { ...right, signature: { ...signature, algorithm: "none" } },
      { ...right, signature: { ...signature, value: Buffer.alloc(64).toString("base64") } },
    ];
    for (const changed of others)
      assert.match(
        refusal(() => checkSignature(path, changed, publicKey)),
        /the signature is wrong/,
      );
    const other = createPublicKey(readFileSync(newCertificate(kind).key));
    assert.match(
      refusal(() => checkSignature(path, right, other)),
      /not signed by the certificate's key/,
    );
    const renamed = { ...right, signature: { ...signature, key: readAs(other) } };
    assert.match(
      refusal(() => checkSignature(path, renamed, other)),
      /the signature is wrong/,
    );
  });
}

/** The name of a key in receipts: the hash of its SubjectPublicKeyInfo, computed by openssl. */
function readAs(publicKey: ReturnType<typeof createPublicKey>): string {
  const message = refusal(() => checkSignature("", { ...RECEIPT, signature: NO_SIGNATURE }, publicKey));
  assert.match(message, /is not signed by the certificate's key/);
  return spkiHash(publicKey);
}

const NO_SIGNATURE = { algorithm: "", key: "0".repeat(64), value: "AA==" };

function spkiHash(publicKey: ReturnType<typeof createPublicKey>): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return output("openssl", ["dgst", "-sha256", "-r"], der).toString().slice(0, 64);
}

test("a file that is no receipt, or one of a later version, is refused", () => {
  const put = (contents: string) => {
    const path = newPath();
    writeFileSync(path, contents);
    return path;
  };
  const spoiled: [object, RegExp][] = [
    [{ kind: "other" }, /not a receipt/],
    [{ version: 2 }, /later version/],
    [{ export: "ab" }, /not a receipt/],
    [{ export: HASH.toUpperCase() }, /not a receipt/],
    [{ at: "yesterday" }, /not a receipt/],
    [{ keys: {} }, /not a receipt/],
    [{ keys: [{ serial: "IB3000123" }] }, /not a receipt/],
    [{ keys: [{ serial: "IB3000123", field: "pin" }] }, /not a receipt/],
    [{ keys: [{ serial: "a\u001b[2J", field: "token" }] }, /not a receipt/],
    [{ keys: [...RECEIPT.keys, RECEIPT.keys[0]] }, /names a key twice/],
    [{ more: 1 }, /not a receipt/],
    [{ signature: {} }, /not a receipt/],
  ];
  for (const [change, why] of spoiled)
    assert.match(
      refusal(() => readReceipt(put(JSON.stringify({ ...RECEIPT, ...change })))),
      why,
    );
  for (const text of ["", "[]", "null", '"a"', JSON.stringify(RECEIPT).slice(0, -1)])
    refusal(() => readReceipt(put(text)));
});

packageTest(test, NO_OPENSSL, "a file without a signing key is refused, and the error contains nothing of it", () => {
  const { key, certificate } = newCertificate("ec");
  const wrapped = output("openssl", ["pkey", "-in", key, "-aes256", "-passout", "stdin"], "pass word\n");
  const x25519 = output("openssl", ["genpkey", "-algorithm", "x25519"]);
  for (const [contents, why] of [
    [wrapped, /^site.key: is encrypted with a passphrase; /],
    [x25519, /^site.key: a key of kind x25519; /],
    [readFileSync(certificate), /^site.key: is not a private key in PEM$/],
    [Buffer.from("c0ffee".repeat(8)), /^site.key: is not a private key in PEM$/],
  ] as const)
    assert.match(
      refusal(() => signingKeyIn(contents, "site.key"), SecretError),
      why,
    );
});

test.run();
