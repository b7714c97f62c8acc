// Project Wycheproof's cases for MACs (mac_test_schema_v1), as they lie in ../shared.

import { vectors } from "./shared.js";

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
