// Other programs that read and check what `dsc` writes. Each is a reason to skip a test, or undefined if it is
// installed.

import { spawnSync } from "node:child_process";

/** Debian's, which has python3-pskc. */
export const PYTHON = "/usr/bin/python3";

export const NO_PSKCTOOL = without("apt-get install pskctool", /./, "pskctool", "--version");
export const NO_PYTHON_PSKC = without("apt-get install python3-pskc", /^/, PYTHON, "-c", "import pskc, cryptography");
export const NO_PYTHON = without("apt-get install python3", /^/, PYTHON, "-c", "import urllib.request");
/** Earlier ones than OpenSSL 3 have no CMS under AES-GCM. */
export const NO_OPENSSL = without("apt-get install openssl", /^OpenSSL ([3-9]|\d\d)\./, "openssl", "version");
/** Poppler reads text, places and pictures of PDF files. */
export const NO_POPPLER = without("apt-get install poppler-utils", /^/, "pdftotext", "-v");
/** ZBar reads bar codes of pictures. */
export const NO_ZBAR = without("apt-get install zbar-tools", /^/, "zbarimg", "--version");

function without(install: string, answer: RegExp, program: string, ...probe: string[]): string | undefined {
  const { status, stdout } = spawnSync(program, probe, { encoding: "utf8" });
  return status === 0 && answer.test(stdout) ? undefined : install;
}

/** The output of a program. Throws if its exit code is not 0. */
export function output(program: string, args: readonly string[], input: string | Uint8Array = ""): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw error ?? new Error(`${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}
