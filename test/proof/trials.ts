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
  /** Makes memory agree with flash, as after `mount`. */
  readonly isMounted?: boolean;
  /** Begins with a card that the module itself started, personalized or not, with tries used. */
  readonly isStarted?: boolean;
}

const PIN = 0x1b0;
const CODE = 0x188;
const tally = (random: Random) => [random.next() % 2 ? PIN : CODE];
const scratch = 0xd00;
const ERASED = 0xffffffff;
const SPENT = 0x3cc35aa5;
const GIVEN = 0xc33ca55a;
const MOST_SLOTS = 74;
/** Life, who checks the PIN, and tries: the offset of the first of them in a page. */
const LIFE = 8;
const HEAD_WORDS = 0x48 / 4;

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
  { name: "pages/commit", args: () => [], variables: 30, isStarted: true },
  { name: "pages/mount", args: () => [], variables: 30, isStarted: true },
  { name: "pages/finishWipe", args: () => [], variables: 30, isStarted: true },
  { name: "card/firstState", args: () => [], variables: 30, isStarted: true },
  { name: "pin/set", args: () => [scratch], variables: 30, isStarted: true },
  { name: "pin/check", args: () => [scratch], variables: 0, isStarted: true },
  { name: "unlock/check", args: () => [scratch], variables: 30, isStarted: true },
  { name: "transportkeys/replace", args: () => [scratch, 67, scratch], variables: 30, isStarted: true },
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
      const trial = kind.isStarted ? startedTrial(firmware, compiled, kind, random) : trialOf(firmware, kind, random);
      const found = compare(firmware, compiled, trial);
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

/** A card that the module started, with a PIN, some tries used, and rests of other pages; what is on these is variable. */
function startedTrial(firmware: Firmware, compiled: WebAssembly.Module, kind: Kind, random: Random): Trial {
  const { image, current, receipt } = firmware.layout;
  const v8 = new V8Machine(compiled, { flash: new Uint32Array(1024).fill(ERASED) });
  v8.call(firmware.index("pages/mount"));
  const bytes = new Uint8Array(v8.memory.buffer);
  const times = random.next() % 4;
  for (let i = 0; i <= times; i++) {
    const [personalized, cardChecks] = [3, 1];
    bytes.set([personalized, cardChecks, 3 + (random.next() % 8)], image + LIFE);
    v8.memory[receipt / 4] = GIVEN;
    bytes.set([0x37, 0x31, 0x39, 0x30 + (random.next() % 10)], scratch);
    v8.call(firmware.index("pin/set"), scratch);
  }
  const page = v8.memory[current / 4] as number;
  const slots = random.next() % 3 === 0 ? MOST_SLOTS : random.next() % 4;
  for (let i = 0; i < slots; i++) {
    v8.flash[page * 256 + PIN / 4 + 2 * i] = SPENT;
    if (i < slots - 2) v8.flash[page * 256 + PIN / 4 + 2 * i + 1] = GIVEN;
  }
  const others = Array.from({ length: kind.variables }, () => random.next() % 1024).filter(
    (index) => index >> 8 !== page && index % 256 > HEAD_WORDS,
  );
  for (const index of others) if (random.next() % 2) v8.flash[index] = random.next();
  v8.memory[receipt / 4] = GIVEN;
  return {
    name: kind.name,
    args: kind.args(random),
    variables: [...new Set(others)].map((index) => 1024 + index),
    memory: v8.memory.slice(),
    flash: v8.flash.slice(),
  };
}
