// Project Wycheproof's cases for MACs and for AES-CBC (mac_test_schema_v1, ind_cpa_test_schema_v1), from ../shared.

import { vectors } from "./sharedvectors.js";

/** One case: is `tag` the MAC of `message` under `key`, cut to the tag's length? */
export interface MacCase {
  name: string;
  key: Buffer;
  message: Buffer;
  tag: Buffer;
  valid: boolean;
}

interface MacFile {
  testGroups: {
    keySize: number;
    tagSize: number;
    tests: { tcId: number; comment: string; key: string; msg: string; tag: string; result: string }[];
  }[];
}

/** The cases of a file, all of them or those with a key of `keySize` bits. */
export function macCases(file: string, keySize?: number): MacCase[] {
  const groups = vectors<MacFile>(file).testGroups;
  const wanted = groups.filter((group) => keySize === undefined || group.keySize === keySize);
  return wanted.flatMap((group) =>
    group.tests.map((test) => ({
      name: `case ${test.tcId}: ${test.comment}`,
      key: Buffer.from(test.key, "hex"),
      message: Buffer.from(test.msg, "hex"),
      tag: Buffer.from(test.tag, "hex").subarray(0, group.tagSize / 8),
      valid: test.result === "valid",
    })),
  );
}

/** One case of AES-CBC with the padding of PKCS #5: does `cipher` hold `message` and a right padding? */
export interface CbcCase {
  name: string;
  key: Buffer;
  iv: Buffer;
  /** With its padding. */
  padded: Buffer;
  cipher: Buffer;
  valid: boolean;
}

interface CbcFile {
  testGroups: {
    keySize: number;
    tests: { tcId: number; comment: string; key: string; iv: string; msg: string; ct: string; result: string }[];
  }[];
}

/** The cases of a file, all of them or those with a key of `keySize` bits. */
export function cbcCases(file: string, keySize?: number): CbcCase[] {
  const groups = vectors<CbcFile>(file).testGroups;
  const wanted = groups.filter((group) => keySize === undefined || group.keySize === keySize);
  return wanted.flatMap((group) =>
    group.tests.map((test) => ({
      name: `case ${test.tcId}: ${test.comment}`,
      key: Buffer.from(test.key, "hex"),
      iv: Buffer.from(test.iv, "hex"),
      padded: padded(Buffer.from(test.msg, "hex")),
      cipher: Buffer.from(test.ct, "hex"),
      valid: test.result === "valid",
    })),
  );
}

function padded(message: Buffer): Buffer {
  const size = 16 - (message.length % 16);
  return Buffer.concat([message, Buffer.alloc(size, size)]);
}
