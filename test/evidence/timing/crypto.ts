// Instruction counts of AES, CMAC, HMAC, SIV and the response, for random keys and messages.

import { CryptoMeter, type FunctionName } from "../../rig/cryptometer.js";
import type { Failure, Figure } from "../campaign.js";
import type { Part } from "./pins.js";

const SEED = 20260;
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const CHALLENGE = "123456";
/** The bytes in a PIN's wrap, and the bytes that sealing adds. */
const SECRETS = 100;
const OVERHEAD = 16;
const FLIPS = [0x01, 0x80, 0xff];

/** The addresses of the arguments. */
interface Layout {
  readonly key: number;
  readonly data: number;
  readonly out: number;
  readonly suite: number;
  readonly challenge: number;
}

interface Series {
  readonly name: string;
  readonly call: FunctionName;
  readonly args: (at: Layout) => readonly number[];
}

const KEY = 32;
const MESSAGE = 64;

const SERIES: readonly Series[] = [
  { name: "aes", call: "aes", args: ({ key, data }) => [key, data] },
  { name: "cmac", call: "cmac", args: ({ key, data, out }) => [key, data, MESSAGE, out] },
  { name: "hmac_sha1", call: "hmac", args: ({ key, data, out }) => [1, key, KEY, data, MESSAGE, out] },
  { name: "hmac_sha256", call: "hmac", args: ({ key, data, out }) => [2, key, KEY, data, MESSAGE, out] },
  { name: "hmac_sha512", call: "hmac", args: ({ key, data, out }) => [3, key, KEY, data, MESSAGE, out] },
  { name: "siv_seal", call: "sivSeal", args: ({ key, data, out }) => [key, data, SECRETS, out] },
  { name: "siv_open_wrong", call: "sivOpen", args: ({ key, data, out }) => [key, data, SECRETS, out] },
];

export async function measureCrypto(image: string, rounds: number): Promise<Part> {
  const meter = await CryptoMeter.start(image);
  try {
    const at = await layOut(meter);
    const figures: Figure[] = [{ name: "timing_crypto_rounds", value: rounds, unit: "keys and messages each" }];
    const failures: Failure[] = [];
    await meter.draw(at.key, at.out - at.key);
    for (const { name, call, args } of SERIES) {
      await meter.seed(SEED);
      const { fewest, most, odd } = await meter.call(call, args(at), rounds);
      figures.push({ name: `timing_${name}`, value: fewest, unit: "instructions" });
      if (most !== fewest) failures.push({ id: `${name}/${odd}`, what: `${fewest} to ${most} instructions` });
    }
    failures.push(...(await measureOpening(meter, at)));
    figures.push(...(await measureResponse(meter, at, rounds)));
    return { figures, failures };
  } finally {
    await meter.stop();
  }
}

async function layOut(meter: CryptoMeter): Promise<Layout> {
  const { result: key } = await meter.call("buffer", []);
  const at = { key, data: key + 64, out: key + 256, suite: key + 512, challenge: key + 576 };
  await meter.put(at.suite, Buffer.from(SUITE));
  await meter.put(at.challenge, Buffer.from(CHALLENGE));
  await meter.call("parse", [at.suite, SUITE.length]);
  return at;
}

/** Opens a valid sealed text, then ones with each byte of the tag wrong. */
async function measureOpening(meter: CryptoMeter, { key, data, out }: Layout): Promise<Failure[]> {
  await meter.draw(key, 0);
  await meter.call("sivSeal", [key, data, SECRETS, out]);
  const open = () => meter.call("sivOpen", [key, out, SECRETS, data]);
  const right = await open();
  if (right.result !== 0) throw new Error("what was sealed does not open");
  const tag = await meter.get(out, OVERHEAD);
  const failures: Failure[] = [];
  for (let at = 0; at < OVERHEAD; at++) {
    for (const flip of FLIPS) {
      await meter.put(out + at, Uint8Array.of((tag[at] as number) ^ flip));
      const { fewest, result } = await open();
      if (result === 0) throw new Error("a wrong tag is taken");
      const id = `siv_open/${at}/${flip.toString(16)}`;
      if (fewest !== right.fewest) failures.push({ id, what: `${fewest} instructions, a right tag ${right.fewest}` });
    }
    await meter.put(out + at, tag.subarray(at, at + 1));
  }
  return failures;
}

/**
 * The response. Its counts are recorded and may differ: the division by ten takes longer for some responses, but the card
 * shows the response anyway.
 */
async function measureResponse(meter: CryptoMeter, at: Layout, rounds: number): Promise<Figure[]> {
  await meter.draw(at.key, KEY);
  await meter.seed(SEED);
  const args = [at.suite, SUITE.length, at.key, KEY, at.challenge, CHALLENGE.length, at.out];
  const { fewest, most } = await meter.call("respond", args, rounds);
  return [
    { name: "timing_response_fewest", value: fewest, unit: "instructions" },
    { name: "timing_response_most", value: most, unit: "instructions" },
  ];
}
