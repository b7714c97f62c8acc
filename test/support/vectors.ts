// The vectors of test/vectors.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { HashName } from "../../host-tools/card/hashes.js";
import { ROOT } from "../../host-tools/files/project.js";
import type { OcraInput } from "../../host-tools/seeds/suite.js";

const FOLDER = join(ROOT, "test", "vectors");

export const OCRA_FILES = ["rfc6287.json", "card.json"] as const;

/** A seed file (PSKC) of another tool, what it is encrypted under, and the key that python-pskc reads in it. */
export const EXAMPLE_SEED_FILE = join(FOLDER, "pskc-of-another-tool.xml");
export const EXAMPLE_SEED_SECRET = Buffer.from("12345678901234567890123456789012", "hex");
export const EXAMPLE_SEED_KEY = "f1e2d3c4b5a69788796a5b4c3d2e1f00ff1122334455667788990a0b0c0d0e0f";

export interface OcraVector {
  readonly suite: string;
  readonly key: Buffer;
  readonly input: OcraInput & { pin?: string };
  readonly response: string;
}

export interface HmacVector {
  /** The RFC, and the number of its test case. */
  readonly source: string;
  readonly hash: HashName;
  readonly key: Buffer;
  readonly message: Buffer;
  /** Truncated if the RFC truncates it. */
  readonly tag: Buffer;
}

/** An entry of the file. */
interface OcraEntry {
  suite: string;
  key: string;
  challenge: string;
  response: string;
  counter?: number;
  pin?: string;
  minutes?: number;
}

/** Every response of a file. */
export function ocraVectors(file: (typeof OCRA_FILES)[number]): OcraVector[] {
  return read<OcraEntry[]>(file).map(({ suite, key, challenge, response, counter, pin, minutes }) => {
    const input: OcraVector["input"] = { challenge };
    if (counter !== undefined) input.counter = BigInt(counter);
    if (pin !== undefined) input.pin = pin;
    if (minutes !== undefined) input.time = BigInt(minutes);
    return { suite, key: Buffer.from(key, "hex"), input, response };
  });
}

/** Every test case of RFC 2202 and RFC 4231 for one hash. */
export function hmacVectors(hash: HashName): HmacVector[] {
  const all = read<Record<"source" | "hash" | "key" | "message" | "tag", string>[]>("hmac.json");
  const hex = (text: string) => Buffer.from(text, "hex");
  return all
    .filter((any) => any.hash === hash)
    .map(({ source, key, message, tag }) => ({ source, hash, key: hex(key), message: hex(message), tag: hex(tag) }));
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as T;
}
