// What the board costs: bytes of its image, and instructions counted by the meter in QEMU, which repeat exactly.

import { buildImages, missingFor, pathOf } from "../../board/builder/images.js";
import { sizesOf } from "../../board/builder/sizes.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { personalize } from "../../sim/session/cardcommands.js";
import { DEMO, personalizeDemo } from "../../sim/session/demo.js";
import { Meter, MeterRandom, type Reading } from "../rig/meter.js";

export interface BoardFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const OK = 10;
const PRESS = 11;
/** In ms: the time that a contact must be still, and the rest of a hold. */
const BOUNCE = 20;
const REST_OF_HOLD = 780;
const CHALLENGE = "123456";
const SEED = 1;

/** Why the board cannot be measured here, in one line; undefined if it can. */
export function boardMissing(): string | undefined {
  return missingFor("development", "production", "meter");
}

export async function boardFigures(module: WebAssembly.Module): Promise<BoardFigure[]> {
  buildImages("development", "production");
  const meter = await Meter.start(buildImages("meter"));
  try {
    const personalization = await personalizeOn(meter, module);
    return [...sizeFigures(), ...(await loginFigures(meter, module)), instructions("personalization", personalization)];
  } finally {
    await meter.stop();
  }
}

function sizeFigures(): BoardFigure[] {
  const { flash, ram, parts } = sizesOf(pathOf("development"));
  return [
    bytes("image_flash_bytes", flash),
    bytes("image_ram_bytes", ram),
    bytes("production_flash_bytes", sizesOf(pathOf("production")).flash),
    bytes("production_ram_bytes", sizesOf(pathOf("production")).ram),
    ...parts.filter((part) => part.flash > 0).map((part) => bytes(`image_flash_${part.name}_bytes`, part.flash)),
    ...parts.filter((part) => part.ram > 0).map((part) => bytes(`image_ram_${part.name}_bytes`, part.ram)),
  ];
}

/** A login, key by key, and the same response in plain C. */
async function loginFigures(meter: Meter, module: WebAssembly.Module): Promise<BoardFigure[]> {
  const flash = new Flash();
  personalizeDemo(module, flash, SEED);
  await meter.flash(flash.bytes);
  await meter.boot();
  const hold = await holdPress(meter);
  const digits = await typeDigits(meter, DEMO.pin);
  await press(meter, OK);
  await typeDigits(meter, CHALLENGE);
  const ok = await press(meter, OK);
  const reference = await meter.reference(DEMO.key, CHALLENGE);
  const response = ok.slice(0, -1).reduce((sum, reading) => sum + reading.instructions, 0) + last(ok).toScreen;
  if (reference.display !== last(ok).display) throw new Error("module and plain C do not agree");
  return [
    instructions("hold_to_pin", hold.toScreen),
    instructions("key", digits),
    instructions("response", response),
    instructions("response_in_c", reference.instructions),
    { name: "response_vs_c", value: Number((response / reference.instructions).toFixed(3)), unit: "" },
    bytes("stack_high_water_bytes", reference.stack),
  ];
}

/** From the end of the bounce, through the hold of PRESS, to `PIN>`. */
async function holdPress(meter: Meter): Promise<Reading> {
  await meter.key(PRESS, true);
  await meter.tick(BOUNCE);
  const held = await meter.tick(REST_OF_HOLD);
  await meter.key(PRESS, false);
  await meter.tick(BOUNCE);
  return held;
}

/** The cost of the four calls of one press: contact closed, settled, open, settled. */
async function press(meter: Meter, key: number): Promise<Reading[]> {
  return [await meter.key(key, true), await meter.tick(BOUNCE), await meter.key(key, false), await meter.tick(BOUNCE)];
}

/** The instructions of the most expensive of these keys. */
async function typeDigits(meter: Meter, digits: string): Promise<number> {
  let most = 0;
  for (const digit of digits) {
    const readings = await press(meter, Number(digit));
    most = Math.max(
      most,
      readings.reduce((sum, { instructions }) => sum + instructions, 0),
    );
  }
  return most;
}

/** All frames of a personalization, as the desk sends them to a card with the meter's random numbers. */
async function personalizeOn(meter: Meter, module: WebAssembly.Module): Promise<number> {
  await meter.flash(new Uint8Array(4096).fill(0xff));
  await meter.boot();
  await meter.seed(SEED);
  const card = new Card(module, { random: new MeterRandom(SEED) });
  const frames: Uint8Array[] = [];
  const answers: Uint8Array[] = [];
  card.watchers.push({ serial: (bytes) => frames.push(bytes.slice()), sent: (bytes) => answers.push(bytes.slice()) });
  personalize(card, DEMO);
  let sum = 0;
  const sent: Uint8Array[] = [];
  for (const frame of frames) {
    const reading = await meter.serial(frame);
    sum += reading.instructions;
    sent.push(reading.sent);
  }
  if (!Buffer.concat(sent).equals(Buffer.concat(answers))) throw new Error("chip and simulator do not agree");
  return sum;
}

function last<T>(list: readonly T[]): T {
  return list[list.length - 1] as T;
}

function bytes(name: string, value: number): BoardFigure {
  return { name, value, unit: "bytes" };
}

function instructions(name: string, value: number): BoardFigure {
  return { name: `${name}_instructions`, value, unit: "" };
}
