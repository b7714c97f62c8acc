// The responses of ../shared: those of RFC 6287, appendix C, and those of the card's own suites.

import type { OcraInput } from "../../host-tools/ocra.js";
import { vectors } from "./shared.js";

export const OCRA_FILES = ["ocra-rfc6287.json", "ocra-card.json"] as const;

export interface OcraVector {
  suite: string;
  key: Buffer;
  input: OcraInput;
  response: string;
}

interface OcraFile {
  groups: {
    suite: string;
    key?: string;
    /** C is decimal; T counts time steps, in hexadecimal. */
    tests: { key?: string; Q: string; C?: number; pin?: string; T?: string; R: string }[];
  }[];
}

/** Every response of a file. */
export function ocraVectors(file: (typeof OCRA_FILES)[number]): OcraVector[] {
  return vectors<OcraFile>(file).groups.flatMap(({ suite, key, tests }) =>
    tests.map(({ Q, C, pin, T, R, ...own }) => {
      const input: OcraInput = { challenge: Q };
      if (C !== undefined) input.counter = BigInt(C);
      if (pin !== undefined) input.pin = pin;
      if (T !== undefined) input.time = BigInt(`0x${T}`);
      return { suite, key: Buffer.from(own.key ?? key ?? "", "hex"), input, response: R };
    }),
  );
}
