// CMS (RFC 5652, 5083): a file that only the owner of a certificate's private key can open, with standard openssl.
//
// The `openssl` program makes it. The contents go to it over standard input and are written to no file; the certificate
// is public.

import { spawn } from "node:child_process";
import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { FileError } from "../files/errors.js";
import { DISK, type FileSystem, readWhole } from "../files/files.js";
import { interruption } from "../files/interruption.js";

/** A certificate that nothing can be encrypted for, or a missing openssl. Nothing was written. */
export class CertificateError extends FileError {
  override name = "CertificateError";
}

/** A site's certificate that can be encrypted for. */
export interface SiteCertificate {
  readonly path: string;
  readonly publicKey: KeyObject;
  /** SHA-256 of the certificate, in hexadecimal. */
  readonly fingerprint: string;
}

/** A larger file is no certificate. */
const MOST_BYTES = 64 * 1024;
const LEAST_RSA_BITS = 2048;

/** How the content-encryption key is encrypted: RSA-OAEP (RFC 8017), or ECDH (RFC 5753), with SHA-256. */
const KEY_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  rsa: ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"],
  ec: ["-keyopt", "ecdh_kdf_md:sha256"],
};

/** 1.2.840.113549.1.9.16.1.23 and 1.2.840.113549.1.7.3 in DER: the content types of encrypted CMS. */
const ENVELOPES = ["060b2a864886f70d0109100117", "06092a864886f70d010703"].map((hex) => Buffer.from(hex, "hex"));
/** The content type comes within this many bytes: after the tag and length of a sequence. */
const ENVELOPE_WITHIN = 24;
const SEQUENCE = 0x30;

/** Whether the bytes are encrypted CMS in DER. */
export function isCms(bytes: Buffer): boolean {
  const head = bytes.subarray(0, ENVELOPE_WITHIN);
  return head[0] === SEQUENCE && ENVELOPES.some((oid) => head.includes(oid));
}

/** Reads a certificate (PEM or DER; the first of several). Throws a CertificateError or a FileError. */
export function readSiteCertificate(path: string, now: number = Date.now(), disk: FileSystem = DISK): SiteCertificate {
  const certificate = parsed(path, readWhole(path, MOST_BYTES, disk));
  const { publicKey, validFrom, validTo } = certificate;
  refuseKey(path, publicKey);
  if (now < Date.parse(validFrom))
    throw new CertificateError(`${path}: the certificate is not valid before ${validFrom}; use a current one`);
  if (now > Date.parse(validTo))
    throw new CertificateError(`${path}: the certificate expired on ${validTo}; use a current one`);
  return { path, publicKey, fingerprint: createHash("sha256").update(certificate.raw).digest("hex") };
}

function parsed(path: string, bytes: Buffer): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw new CertificateError(`${path}: is not a certificate; give X.509 in PEM or DER`);
  }
}

function refuseKey(path: string, { asymmetricKeyType: kind, asymmetricKeyDetails }: KeyObject): void {
  if (kind === undefined || !Object.hasOwn(KEY_OPTIONS, kind))
    throw new CertificateError(`${path}: cannot encrypt for a key of kind ${kind}; RSA or EC is needed`);
  const bits = asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS;
  if (bits < LEAST_RSA_BITS)
    throw new CertificateError(
      `${path}: an RSA key of ${bits} bits is too short; use one of ${LEAST_RSA_BITS} or more`,
    );
}

/** CMS in DER under AES-256-GCM, for the certificate. Throws a CertificateError. */
export async function encryptForSite(contents: Uint8Array, { path, publicKey }: SiteCertificate): Promise<Buffer> {
  // An absolute path, since openssl treats some names as URIs.
  const recipient = ["-recip", resolve(path), ...(KEY_OPTIONS[publicKey.asymmetricKeyType ?? ""] ?? [])];
  const options = ["-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", ...recipient];
  const { code, stdout, stderr } = await runOpenssl(["cms", ...options], contents);
  interruption.throwIfAborted();
  if (code === 0 && isCms(stdout)) return stdout;
  throw new CertificateError(`${path}: openssl cms failed: ${reasonIn(stderr)}; OpenSSL 3 is needed`);
}

interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function runOpenssl(args: readonly string[], input: Uint8Array): Promise<Ended> {
  const child = spawn("openssl", args, { stdio: "pipe", windowsHide: true });
  const stop = () => void child.kill();
  interruption.addEventListener("abort", stop, { once: true });
  const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  for (const name of ["stdout", "stderr"] as const)
    child[name].on("data", (chunk: Buffer) => void chunks[name].push(chunk));
  // If openssl ends without reading, its exit code and message explain more than the broken pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise<Ended>((settle, reject) => {
    child.on("error", (error: NodeJS.ErrnoException) => reject(notRun(error)));
    child.on("close", (code) =>
      settle({ code, stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr).toString() }),
    );
  }).finally(() => interruption.removeEventListener("abort", stop));
}

function notRun({ code }: NodeJS.ErrnoException): CertificateError {
  if (code === "ENOENT") return new CertificateError("openssl is not installed (Debian: apt-get install openssl)");
  return new CertificateError(`openssl cannot be run (${code})`);
}

/**
 * The reason in `…:error:NUMBER:library:function:reason:file:line:more`, otherwise the first line that openssl wrote.
 */
function reasonIn(stderr: string): string {
  const reason = /:error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/.exec(stderr)?.[1];
  const line = reason ?? stderr.split("\n").find((any) => any.trim() !== "") ?? "it does not say why";
  return line
    .trim()
    .slice(0, 200)
    .replace(/[^ -~]/g, "?");
}
