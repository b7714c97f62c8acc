// Exports encrypted in CMS for a site's certificate: stock openssl opens them, and an unusable certificate or openssl is an
// error of one line.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import * as assert from "uvu/assert";
import { Interrupted, interrupt } from "../../../host-tools/files/interruption.js";
import { CertificateError, encryptForSite, isCms, readSiteCertificate } from "../../../host-tools/seeds/cms.js";
import { AFTER_EXPIRY, BEFORE_VALIDITY, type KindOfKey, newCertificate } from "../../support/certificates.js";
import { failure } from "../../support/failure.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { ON_WINDOWS, packageTest, testUnless } from "../../support/skipping.js";
import { suite } from "../../support/suite.js";
import { NO_OPENSSL, output } from "../../support/tools.js";

const test = suite("cms");

const FOLDER = scratchFolder();
/** More than the buffer of a pipe. */
const CONTENTS = Buffer.concat([Buffer.from("<a>\r\n\n\0"), pattern(200_000, 5)]);

/** The structure as openssl prints it. */
function structureOf(cms: Buffer): string {
  return output("openssl", ["cms", "-cmsout", "-print", "-inform", "DER"], cms).toString();
}

for (const [kind, structure] of [
  ["rsa", [/rsaesOaep/, /sha256/, /mgf1/]],
  ["ec", [/dhSinglePass-stdDH-sha256kdf-scheme/, /id-aes256-wrap/]],
] as const) {
  packageTest(test, NO_OPENSSL, `stock openssl opens a file encrypted for an ${kind.toUpperCase()} key`, async () => {
    const { certificate, key } = newCertificate(kind);
    const cms = await encryptForSite(CONTENTS, readSiteCertificate(certificate));
    assert.equal(output("openssl", ["cms", "-decrypt", "-inform", "DER", "-inkey", key], cms), CONTENTS);
    assert.ok(isCms(cms));
    const text = structureOf(cms);
    for (const part of [/id-smime-ct-authEnvelopedData/, /aes-256-gcm/, ...structure]) assert.match(text, part);
    assert.is(cms.includes(CONTENTS.subarray(0, 32)), false);
  });
}

packageTest(test, NO_OPENSSL, "a changed file does not open", async () => {
  const { certificate, key } = newCertificate("ec");
  const cms = await encryptForSite(CONTENTS, readSiteCertificate(certificate));
  const at = cms.length - 100;
  cms[at] = (cms[at] as number) ^ 1;
  assert.throws(() => output("openssl", ["cms", "-decrypt", "-inform", "DER", "-inkey", key], cms));
});

packageTest(test, NO_OPENSSL, "a certificate in DER, or with text around it, is read", async () => {
  const { certificate, key } = newCertificate("rsa");
  const der = join(FOLDER, "site.der");
  output("openssl", ["x509", "-in", certificate, "-outform", "DER", "-out", der]);
  const commented = join(FOLDER, "commented.pem");
  writeFileSync(commented, `Our site\n${readFileSync(certificate, "utf8")}`);
  const fingerprints = new Set<string>();
  for (const path of [certificate, der, commented]) {
    const site = readSiteCertificate(path);
    fingerprints.add(site.fingerprint);
    const cms = await encryptForSite(CONTENTS, site);
    assert.equal(output("openssl", ["cms", "-decrypt", "-inform", "DER", "-inkey", key], cms), CONTENTS, path);
  }
  const told = output("openssl", ["x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"]).toString();
  assert.equal([...fingerprints], [told.trim().split("=")[1]?.replaceAll(":", "").toLowerCase()]);
});

function refusal(path: string, now?: number): string {
  try {
    readSiteCertificate(path, now);
  } catch (error) {
    assert.instance(error, CertificateError);
    assert.not.match((error as Error).message, "\n");
    assert.ok((error as Error).message.startsWith(`${path}: `), (error as Error).message);
    return (error as Error).message;
  }
  throw new Error("not refused");
}

packageTest(test, NO_OPENSSL, "a certificate outside its period of validity is refused", () => {
  const { certificate } = newCertificate("ec");
  readSiteCertificate(certificate);
  assert.match(refusal(certificate, AFTER_EXPIRY), /expired on .*20\d\d GMT; use a current one$/);
  assert.match(refusal(certificate, BEFORE_VALIDITY), /not valid before .*20\d\d GMT; use a current one$/);
});

for (const [kind, why] of [
  ["ed25519", /cannot encrypt for a key of kind ed25519/],
  ["rsa-pss", /cannot encrypt for a key of kind rsa-pss/],
  ["short rsa", /an RSA key of 1024 bits is too short; use one of 2048/],
] as const satisfies readonly (readonly [KindOfKey, RegExp])[]) {
  packageTest(test, NO_OPENSSL, `a certificate with a key of kind ${kind} is refused`, () => {
    assert.match(refusal(newCertificate(kind).certificate), why);
  });
}

packageTest(test, NO_OPENSSL, "what is no certificate is refused", () => {
  assert.match(refusal(newCertificate("ec").key), /is not a certificate/);
  for (const [name, contents] of [
    ["empty", ""],
    ["text", "hello"],
    ["cut", readFileSync(newCertificate("rsa").certificate, "utf8").slice(0, 500)],
  ] as const) {
    const path = join(FOLDER, name);
    writeFileSync(path, contents);
    assert.match(refusal(path), /is not a certificate/);
  }
});

let folders = 0;

/** Runs `use` with this script as `openssl`, or without any `openssl`. */
async function withOpenssl<T>(script: string | undefined, use: () => Promise<T>): Promise<T> {
  const folder = join(FOLDER, `bin-${++folders}`);
  mkdirSync(folder);
  const program = join(folder, "openssl");
  if (script !== undefined) writeFileSync(program, `#!/bin/sh\n${script}\n`);
  if (script !== undefined) chmodSync(program, 0o755);
  const path = process.env.PATH;
  process.env.PATH = script === undefined ? folder : `${folder}${delimiter}${path}`;
  try {
    return await use();
  } finally {
    process.env.PATH = path;
  }
}

const NOT_MADE = NO_OPENSSL === undefined ? ON_WINDOWS : NO_OPENSSL;

for (const [what, script, why] of [
  ["is not there", undefined, /^openssl is not installed \(Debian: apt-get install openssl\)$/],
  [
    "fails",
    `echo "40E7:error:03000096:digital envelope routines:init:not supported here:../a.c:1:" >&2; exit 3`,
    /: openssl cms failed: not supported here; OpenSSL 3 is needed$/,
  ],
  [
    "knows no such option",
    `echo "cms: Unknown cipher: aes" >&2; exit 1`,
    /: openssl cms failed: cms: Unknown cipher: aes;/,
  ],
  ["fails without a word", "exit 1", /openssl cms failed: it does not say why/],
  ["says nothing, and that all is well", "cat >/dev/null; exit 0", /openssl cms failed/],
  ["gives back what it was given", "cat; exit 0", /openssl cms failed/],
  ["is killed", "kill -9 $$", /openssl cms failed/],
] as const) {
  testUnless(test, NOT_MADE, `openssl ${what}: an error of one line`, async () => {
    const site = readSiteCertificate(newCertificate("ec").certificate);
    const error = await withOpenssl(script, () => failure(encryptForSite(CONTENTS, site)));
    assert.instance(error, CertificateError);
    assert.match((error as Error).message, why);
    assert.not.match((error as Error).message, "\n");
  });
}

testUnless(
  test,
  NOT_MADE,
  "the data goes to openssl over standard input, and is in no argument and no file",
  async () => {
    const log = join(FOLDER, "log");
    const script = `printf '%s\\n' "$@" >${log}; ls -l /proc/$$/fd/ >>${log} 2>/dev/null; exec /usr/bin/openssl "$@"`;
    const { certificate, key } = newCertificate("ec");
    const site = readSiteCertificate(certificate);
    const cms = await withOpenssl(script, () => encryptForSite(Buffer.from("a canary sings"), site));
    assert.is(
      output("openssl", ["cms", "-decrypt", "-inform", "DER", "-inkey", key], cms).toString(),
      "a canary sings",
    );
    const said = readFileSync(log, "utf8");
    assert.match(said, /^cms\n-encrypt\n-binary\n-aes-256-gcm\n-outform\nDER\n-recip\n/);
    assert.not.match(said, /canary/);
    assert.not.match(said, /^-(in|out)$/m);
  },
);

// This test must be the last: it interrupts the whole process.
testUnless(test, NOT_MADE, "Ctrl-C ends openssl with the command", async () => {
  const started = join(FOLDER, "started");
  const site = readSiteCertificate(newCertificate("ec").certificate);
  const error = await withOpenssl(`echo $$ >${started}.new; mv ${started}.new ${started}; exec sleep 600`, async () => {
    const encrypting = failure(encryptForSite(CONTENTS, site));
    while (!existsSync(started)) await new Promise((resolve) => setTimeout(resolve, 10));
    interrupt();
    return encrypting;
  });
  assert.instance(error, Interrupted);
  assert.throws(() => process.kill(Number(readFileSync(started, "utf8")), 0), /ESRCH/);
});

test.run();
