// The functions that the executor is compared with V8 on, with memory and flash that let them run: those that the proof
// executes, and the cryptography, which has the other instructions.

import { Random } from "../../sim/core/random.js";
import { compare, randomWords, type Trial } from "./executor.js";
import type { Firmware } from "./firmware.js";
import { V8Machine } from "./v8.js";

const MAGIC = 0x31435344;
const COMMON = [0xffffffff, 0, 0x3cc35aa5, 0xc33ca55a, MAGIC, 0x03010503];

/** Functions and how their arguments are drawn; `variables`: how many words of memory and flash are variables. */
interface Kind {
  readonly name: string;
  readonly args: (random: Random) => readonly number[];
  readonly variables: number;
  /** Leaves memory as it is, or makes memory agree with flash, as after `mount`. */
  readonly isMounted?: boolean;
}

const PIN = 0x1b0;
const CODE = 0x188;
const tally = (random: Random) => [random.next() % 2 ? PIN : CODE];
const scratch = 0xd00;

const KINDS: readonly Kind[] = [
  { name: "tally/spent", args: tally, variables: 40 },
  { name: "tally/spentBackwards", args: tally, variables: 40 },
  { name: "tally/freeSlot", args: tally, variables: 40 },
  { name: "tally/carry", args: () => [], variables: 40 },
  { name: "pin/triesLeft", args: () => [], variables: 40 },
  { name: "flash/isBlank", args: (random) => [random.next() % 4], variables: 40 },
  { name: "flash/zero", args: (random) => [(random.next() % 900) * 4, 120], variables: 20 },
  { name: "flash/clear", args: (random) => [random.next() % 4], variables: 20 },
  { name: "pages/isDestroyed", args: (random) => [random.next() % 2 ? 0x90 : 0x108], variables: 40 },
  { name: "pages/reads", args: (random) => [(random.next() % 4) * 1024], variables: 40 },
  { name: "pages/isCurrent", args: () => [], variables: 20, isMounted: true },
  { name: "pages/commit", args: () => [], variables: 0, isMounted: true },
  { name: "pages/mount", args: () => [], variables: 0, isMounted: true },
  { name: "pin/check", args: () => [scratch], variables: 0, isMounted: true },
  { name: "unlock/check", args: () => [scratch], variables: 0, isMounted: true },
  { name: "crypto/crc32/crc32", args: (random) => [random.next(), scratch, 68], variables: 0 },
  { name: "crypto/kdf/derive", args: () => [408, 129, scratch, 12, scratch + 64, 256], variables: 0 },
  { name: "crypto/aes/mixColumn", args: (random) => [random.next()], variables: 0 },
  { name: "crypto/aes/unmixColumn", args: (random) => [random.next()], variables: 0 },
  { name: "crypto/aes/decrypt", args: () => [scratch], variables: 0 },
  { name: "crypto/sha1/compress", args: () => [], variables: 0 },
  { name: "crypto/sha256/compress", args: () => [], variables: 0 },
  { name: "crypto/sha512/compress", args: () => [], variables: 0 },
  { name: "crypto/ocra/decimal", args: (random) => [random.next(), 8, scratch], variables: 0 },
  { name: "selftest/cryptoWorks", args: () => [], variables: 0 },
];

export interface Comparisons {
  readonly runs: number;
  readonly steps: number;
  readonly differences: readonly string[];
}

/** Compares each kind so many times, with different memories and flashes. */
export function compareAll(firmware: Firmware, times: number, seed = 1): Comparisons {
  const compiled = V8Machine.compile(firmware.module);
  const random = new Random(seed);
  let [runs, steps] = [0, 0];
  const differences: string[] = [];
  for (const kind of KINDS) {
    // The long ones take no different way on other data.
    for (let i = 0; i < (kind.name.startsWith("selftest") ? 1 : times); i++) {
      const found = compare(firmware, compiled, trialOf(firmware, kind, random));
      runs += 2;
      steps += found.steps;
      differences.push(...found.differences);
    }
  }
  return { runs, steps, differences };
}

function trialOf(firmware: Firmware, kind: Kind, random: Random): Trial {
  const { image, current } = firmware.layout;
  const flash = randomWords(random, COMMON);
  const memory = randomWords(random, COMMON);
  for (const { at, bytes } of firmware.module.data) new Uint8Array(memory.buffer).set(bytes, at);
  const page = random.next() % 4;
  memory[current / 4] = page;
  if (kind.isMounted) {
    flash[page * 256] = MAGIC;
    flash[page * 256 + 2] = 0x03050103;
    flash[page * 256 + 3] = (flash[page * 256 + 3] as number) & 0xffffff00;
    flash.fill(0xffffffff, page * 256 + (PIN + 8 * (random.next() % 75)) / 4, (page + 1) * 256);
    memory.set(flash.subarray(page * 256, page * 256 + 96), image / 4);
  }
  const isFixed = (index: number) => index === current / 4 || kind.isMounted;
  const variables = Array.from({ length: kind.variables }, () => random.next() % 2048).filter(
    (index) => !isFixed(index) || index >= 1024 + 4,
  );
  return {
    name: kind.name,
    args: kind.args(random),
    variables: variables.filter((index) => index > 16),
    memory,
    flash,
  };
}
