// Campaign timing: the number of instructions, counted in QEMU, does not depend on secrets.
//
// It is the same for all typed digits, wrong PINs and wrong unlock codes; for AES, CMAC, HMAC and SIV with any key and
// message; and for cryptograms and MACs with any wrong byte. An id names part and case, such as pin/1234.

import { buildImages, missingFor } from "../../board/builder/images.js";
import type { Measurement } from "../mutants/timing.js";
import { demoFlash } from "../support/board.js";
import type { Campaign, Failure, Options, Result } from "./campaign.js";
import { MeteredCard } from "./timing/chip.js";
import { measureCrypto } from "./timing/crypto.js";
import {
  keepPinScreen,
  measureCodes,
  measureDigits,
  measurePins,
  type Part,
  tellingPins,
  wrongPins,
} from "./timing/pins.js";
import { measureChannel } from "./timing/serial.js";

/** The number of wrong unlock codes, and of keys and messages. */
const CODES = { normal: 500, long: 5000 };
const ROUNDS = { normal: 1000, long: 10_000 };
/** How an id begins. */
const PARTS = /^(pin|digit|code|cryptogram|mac|command|aes|cmac|hmac_sha\d+|siv_\w+)\//;
/** In the short form: the number of random PINs, and of PINs that a comparison which stops early would tell from them. */
const FEW = 20;

export const TIMING: Campaign = {
  name: "timing",
  title: "instruction counts say nothing about PINs, keys and MACs",
  run: async (options) => {
    const missing = missingFor("meter", "cryptometer");
    if (missing) return { figures: [], failures: [], skipped: missing };
    return runAll(options);
  },
};

async function runAll({ long, only, log }: Options): Promise<Result> {
  if (only !== undefined && !PARTS.test(only))
    return { figures: [], failures: [{ id: only, what: "no case has this id" }] };
  const size = long ? "long" : "normal";
  const pins = only?.startsWith("pin/") ? ["0000", "8888", only.slice(4)] : wrongPins();
  const crypto = await measureCrypto(buildImages("cryptometer"), ROUNDS[size]);
  log("crypto done");
  const card = await measureCard(buildImages("meter"), pins, CODES[size]);
  const failures = [...crypto.failures, ...card.failures];
  return {
    figures: [...card.figures, ...crypto.figures],
    failures: only === undefined ? failures : failures.filter(({ id }) => id === only),
  };
}

/** The measurements at the ABI. */
const ALL: readonly Measurement[] = ["pins", "digits", "codes", "channel"];

/** Measures the card in an image at the ABI. */
export async function measureCard(
  image: string,
  pins: readonly string[],
  codes: number,
  measurements = ALL,
): Promise<Part> {
  const run: Record<Measurement, (card: MeteredCard) => Promise<Part>> = {
    pins: (card) => measurePins(card, pins),
    digits: measureDigits,
    codes: (card) => measureCodes(card, codes),
    channel: measureChannel,
  };
  const parts: Part[] = [];
  for (const name of measurements) parts.push(await onCard(image, name !== "channel", run[name]));
  return { figures: parts.flatMap((part) => part.figures), failures: parts.flatMap((part) => part.failures) };
}

/** Measures a new card. With `on` it asks for a PIN; otherwise it is off. */
async function onCard(image: string, on: boolean, measure: (card: MeteredCard) => Promise<Part>): Promise<Part> {
  const card = await MeteredCard.start(image, demoFlash());
  try {
    if (on) await keepPinScreen(card);
    return await measure(card);
  } finally {
    await card.stop();
  }
}

/** The short form, at the ABI: the cases of an image whose instruction count differs. */
export async function oddities(image: string, measurements = ALL): Promise<readonly Failure[]> {
  const pins = measurements.includes("pins") ? tellingPins(demoFlash(), FEW) : [];
  return (await measureCard(image, pins, FEW, measurements)).failures;
}

/** Repeats one case of the short form: the failures with that id. */
export async function odditiesOf(image: string, id: string): Promise<readonly Failure[]> {
  const found = await oddities(image, [measurementOf(id)]);
  return found.filter((failure) => failure.id === id);
}

/** The measurement that an id comes from. */
function measurementOf(id: string): Measurement {
  const [part] = id.split("/");
  return part === "pin" ? "pins" : part === "digit" ? "digits" : part === "code" ? "codes" : "channel";
}
