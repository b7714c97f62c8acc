// Records every draw of random bytes and numbers in this process: who drew, and the result. Draws are repeatable here,
// so that a test of them never fails by chance.

import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { pattern } from "./pattern.js";

/** The functions of node:crypto by which the host tools draw. */
export const DRAWING = ["randomBytes", "randomFillSync", "randomInt"] as const;

export interface Draw {
  /** The file of the host tools that drew, and the position in it. */
  readonly file: string;
  readonly place: string;
  /** Bytes; a number as its decimal digits. */
  readonly value: Buffer;
}

const PLACE = /host-tools\/([\w/]+)\.[jt]s:(\d+)/;

/** The number of draws in this process: each gives different bytes. */
let count = 0;

/** Runs `work`; returns its draws, in order. */
export async function drawsOf(work: () => unknown): Promise<Draw[]> {
  const draws: Draw[] = [];
  const real = Object.fromEntries(DRAWING.map((name) => [name, crypto[name]]));
  const note = (value: Buffer) => {
    const [, file = "", line = ""] = PLACE.exec(new Error().stack ?? "") ?? [];
    draws.push({ file: `${file}.ts`, place: `${file}.ts:${line}`, value: Buffer.from(value) });
    return value;
  };
  const fill = (target: Uint8Array) => {
    target.set(note(pattern(target.length, ++count)));
    return target;
  };
  const fakes = {
    randomBytes: (size: number) => note(Buffer.from(pattern(size, ++count))),
    randomFillSync: fill,
    randomInt: (limit: number) => {
      const number = pattern(6, ++count).readUIntBE(0, 6) % limit;
      note(Buffer.from(String(number).padStart(String(limit - 1).length, "0")));
      return number;
    },
  };
  Object.assign(crypto, fakes);
  syncBuiltinESMExports();
  try {
    await work();
    return draws;
  } finally {
    Object.assign(crypto, real);
    syncBuiltinESMExports();
  }
}
