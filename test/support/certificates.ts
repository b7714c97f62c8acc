// Certificates for tests, made by the openssl program as a site would make them.

import { join } from "node:path";
import { scratchFolder } from "./scratch.js";
import { output } from "./tools.js";

/** Files in PEM: a certificate and its private key. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

const KEYS = {
  rsa: ["-newkey", "rsa:2048"],
  "short rsa": ["-newkey", "rsa:1024"],
  "rsa-pss": ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
  ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  ed25519: ["-newkey", "ed25519"],
};
export type KindOfKey = keyof typeof KEYS;

const FOLDER = scratchFolder();
const DAYS = 30;

let made = 0;

/** When a certificate that was made now has expired, and when it is not valid yet. */
export const AFTER_EXPIRY = Date.now() + (DAYS + 1) * 86_400_000;
export const BEFORE_VALIDITY = Date.now() - 86_400_000;

/** A new self-signed certificate of a site. */
export function newCertificate(kind: KindOfKey): CertificateFiles {
  const name = join(FOLDER, `site-${++made}`);
  const files = { certificate: `${name}.pem`, key: `${name}.key` };
  const rest = ["-keyout", files.key, "-out", files.certificate, "-days", String(DAYS), "-subj", "/CN=site"];
  output("openssl", ["req", "-x509", "-nodes", ...KEYS[kind], ...rest]);
  return files;
}
