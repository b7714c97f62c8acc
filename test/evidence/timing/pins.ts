// Instruction counts at the ABI, for typed digits, and from OK to the verdict for wrong PINs and wrong unlock codes.

import { Key } from "../../../firmware/wire.js";
import { Random } from "../../../sim/core/random.js";
import { DEMO } from "../../../sim/session/demo.js";
import { deriveBits, sivOpen, sivSeal } from "../../support/crypto.js";
import type { Failure, Figure } from "../campaign.js";
import type { MeteredCard } from "./chip.js";
import { Counts } from "./counts.js";

const PINS = 10_000;
const SEED = 4071;
/** Where the card is saved while it asks for a PIN, and for an unlock code. */
const PLACE = { PIN: 0, CODE: 1 };
/** Offsets and sizes from docs/FLASH.md. */
const PAGE = { size: 1024, magic: "DSC1", sequence: 4, root: 0x48, wrap: 0x90, wrapSize: 116 };
const USE_PIN = 0x81;
const TAG = 16;
const ERASED = 0xffffffff;
const SPENT = 0x3cc35aa5;

export interface Part {
  readonly figures: readonly Figure[];
  readonly failures: readonly Failure[];
}

/** All PINs but the right one. */
export function wrongPins(): string[] {
  const all = Array.from({ length: PINS }, (_, pin) => String(pin).padStart(4, "0"));
  return all.filter((pin) => pin !== DEMO.pin);
}

/**
 * At most `most` random wrong PINs, and at most `most` wrong PINs whose tag begins with the right byte: for these a
 * comparison that stops early takes longer.
 */
export function tellingPins(flash: Uint8Array, most: number): string[] {
  const random = new Random(SEED);
  const all = wrongPins();
  const some = Array.from({ length: most }, () => all[random.next() % all.length] as string);
  const near: string[] = [];
  for (const pin of all) {
    if (near.length >= most) break;
    if (beginsRight(currentPage(flash), pin)) near.push(pin);
  }
  return [...new Set([...some, ...near])];
}

function currentPage(flash: Uint8Array): Buffer {
  const bytes = Buffer.from(flash);
  const pages = [0, 1, 2, 3].map((page) => bytes.subarray(page * PAGE.size, (page + 1) * PAGE.size));
  const whole = pages.filter((page) => page.toString("latin1", 0, 4) === PAGE.magic);
  return whole.sort((a, b) => b.readUInt32LE(PAGE.sequence) - a.readUInt32LE(PAGE.sequence))[0] as Buffer;
}

/** Whether the tag that a PIN computes has the first byte of the one in the wrap. */
function beginsRight(page: Buffer, pin: string): boolean {
  const context = Buffer.alloc(12);
  context.write(pin, "latin1");
  context.writeUInt32LE(ERASED, 4);
  context.writeUInt32LE(SPENT, 8);
  const key = deriveBits(page.subarray(PAGE.root, PAGE.root + 16), USE_PIN, context, 256);
  const wrap = page.subarray(PAGE.wrap, PAGE.wrap + PAGE.wrapSize);
  const { plain } = sivOpen(key, wrap);
  return sivSeal(key, plain).subarray(0, TAG)[0] === wrap[0];
}

/** Turns a card on and saves it while it asks for a PIN. The measurements of this file begin there. */
export async function keepPinScreen(card: MeteredCard): Promise<void> {
  await card.turnOn();
  await card.meter.save(PLACE.PIN);
}

/** Wrong PINs: from OK until the verdict is on the screen, and until the call returns. */
export async function measurePins(card: MeteredCard, pins: readonly string[]): Promise<Part> {
  const counts = new Counts("wrong PIN, to the verdict and to the return");
  for (const pin of pins) {
    const { toScreen, instructions, display } = await card.enterAt(PLACE.PIN, pin);
    if (display !== "LEFT 4") throw new Error(`${pin}: the card shows ${display}`);
    counts.add(`pin/${pin}`, toScreen, instructions);
  }
  const right = await card.enterAt(PLACE.PIN, DEMO.pin);
  return {
    failures: counts.failures,
    figures: [
      { name: "timing_wrong_pins", value: pins.length, unit: "wrong PINs" },
      { name: "timing_wrong_pin_counts", value: counts.different, unit: "different counts" },
      { name: "timing_wrong_pin", value: Number.parseInt(counts.usual, 10), unit: "instructions to the verdict" },
      { name: "timing_right_pin", value: right.toScreen, unit: "instructions to the verdict" },
    ],
  };
}

/** Each digit in each place of a PIN, for the whole tap. */
export async function measureDigits(card: MeteredCard): Promise<Part> {
  const places = [];
  for (let place = 0; place < DEMO.pin.length; place++) places.push(await measurePlace(card, place));
  return {
    failures: places.flatMap(({ failures }) => failures),
    figures: [
      {
        name: "timing_digit_counts",
        value: Math.max(...places.map(({ different }) => different)),
        unit: "different counts",
      },
      { name: "timing_digit", value: Number(places[0]?.usual), unit: "instructions for a digit typed" },
    ],
  };
}

async function measurePlace(card: MeteredCard, place: number): Promise<Counts> {
  const counts = new Counts("a digit typed");
  for (let digit = 0; digit <= 9; digit++) {
    await card.meter.load(PLACE.PIN);
    for (let before = 0; before < place; before++) await card.tap(before);
    counts.add(`digit/${place}/${digit}`, await card.tap(digit));
  }
  return counts;
}

/** Wrong unlock codes. */
export async function measureCodes(card: MeteredCard, count: number): Promise<Part> {
  await card.meter.load(PLACE.PIN);
  for (let left = DEMO.tries; left > 0; left--) {
    await card.meter.enter("8888");
    if (left > 1) await card.meter.tick(2000);
  }
  await card.tap(Key.OK);
  await card.tap(Key.OK);
  await card.meter.save(PLACE.CODE);
  const random = new Random(SEED);
  const counts = new Counts("wrong unlock code, to the verdict and to the return");
  for (let i = 0; i < count; i++) {
    const code = String(random.next() % 100_000_000).padStart(8, "0");
    // OK with four of eight digits is ignored.
    const [, , { toScreen, instructions, display }] = await Promise.all([
      card.meter.load(PLACE.CODE),
      card.meter.enter(code.slice(0, 4)),
      card.meter.enter(code.slice(4)),
    ]);
    if (display !== "WRONG") throw new Error(`${code}: the card shows ${display}`);
    counts.add(`code/${code}`, toScreen, instructions);
  }
  return {
    failures: counts.failures,
    figures: [
      { name: "timing_wrong_codes", value: count, unit: "wrong unlock codes" },
      { name: "timing_wrong_code_counts", value: counts.different, unit: "different counts" },
    ],
  };
}
