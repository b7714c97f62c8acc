// `npm run bench`: what a login costs and how much room it takes. Prints a table, writes build/bench.json.
//
// Each speed is the best of several rounds, because other work on the machine can only slow a round down. Speeds are
// those of this computer; firmware and node:crypto compute the same responses. The chip's work is counted in
// instructions. The ratio of a personalization's time to the time of its bytes on the line is given twice: for a card
// that answers at once, and with the time that the chip computes.

import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BUILD } from "../../host-tools/files/project.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { DEMO, personalizeDemo } from "../../sim/session/demo.js";
import { FIRMWARE_FILE, loadFirmware } from "../../sim/session/firmware.js";
import { boardFigures, boardMissing } from "./board.js";
import { deskFigures, deskMissing } from "./desk.js";
import { type Figure, interfaceFigures } from "./interfaces.js";
import { registerCosts } from "./register.js";
import { command, personalizeOverWire, verification } from "./serial.js";
import { startFigures } from "./start.js";
import { webFigures, webMissing } from "./web.js";

/** The exports of the crypto test build that are used here. */
interface CryptoModule {
  readonly memory: WebAssembly.Memory;
  buffer(): number;
  ocraParse(text: number, length: number): number;
  ocraRespond(...args: (number | bigint)[]): number;
}

/** Cycles of the nRF51's core in a millisecond. */
const CHIP_PER_MS = 16_000;
const ROUNDS = 7;
const ROUND_MS = 400;
const CHALLENGE = "123456";
/** The number of different challenges, whose responses are computed in turn. */
const CHALLENGES = 100;

const module = loadFirmware();
const wire = await personalizeOverWire(module);
const costs = await registerCosts();
const figures: Figure[] = [
  { name: "logins_per_second", value: perSecond(login(demoCard())), unit: "1/s" },
  { name: "responses_per_second", value: perSecond(responses(firmwareResponse(), nodeResponse())), unit: "1/s" },
  {
    name: "responses_per_second_node_crypto",
    value: perSecond(responses(nodeResponse(), firmwareResponse())),
    unit: "1/s",
  },
  { name: "personalize_wire_ratio", value: rounded(wire.ratio), unit: "of the time of its bytes, the card at once" },
  { name: "apdus_per_second", value: perSecond(command(module)), unit: "1/s" },
  { name: "verifications_per_second", value: perSecond(verification()), unit: "1/s" },
  { name: "register_ms_per_card_at_100000", value: rounded(costs.msPerCard), unit: "ms of the register alone" },
  { name: "register_ms_writing_per_card", value: rounded(costs.msWriting), unit: "ms of it in writing transactions" },
  { name: "register_processor_ms_per_card", value: rounded(costs.msProcessor), unit: "ms of processor time for it" },
  { name: "register_writes_per_card", value: costs.transactions, unit: "writing transactions" },
  { name: "register_cost_ratio_100000_to_100", value: rounded(costs.ratio), unit: "of processor time for a card" },
  { name: "module_bytes", value: readFileSync(FIRMWARE_FILE).length, unit: "bytes" },
  { name: "memory_bytes", value: memoryUsed(), unit: "bytes" },
  ...startFigures(),
  ...(await interfaceFigures()),
];
const missing = boardMissing();
if (missing) console.log(`the board is left out: ${missing}`);
else {
  const board = await boardFigures(module);
  figures.push(...board, ...withChip(board));
}
const noDesk = deskMissing();
if (noDesk) console.log(`the desk is left out: ${noDesk}`);
else figures.push(...(await deskFigures()));
const noWeb = webMissing();
if (noWeb) console.log(`the page is left out: ${noWeb}`);
else figures.push(...(await webFigures()));
for (const { name, value, unit } of figures) {
  console.log(`${name.padEnd(34)} ${value.toLocaleString("en-US").padStart(12)} ${unit}`);
}
writeFileSync(join(BUILD, "bench.json"), `${JSON.stringify(figures, null, 1)}\n`);

/**
 * The least time of a personalization on the chip, at one cycle per instruction and without the time of the flash; and
 * the ratio of the whole personalization to the time of its bytes on the line, with that time added.
 */
function withChip(board: readonly Figure[]): Figure[] {
  const instructions = board.find(({ name }) => name === "personalization_instructions")?.value;
  if (instructions === undefined) throw new Error("no instructions of a personalization");
  const chip = instructions / CHIP_PER_MS;
  const ratio = wire.ratio + chip / wire.leastTime;
  return [
    { name: "personalization_chip_ms_at_least", value: Math.round(chip), unit: "ms at 16 MHz, without flash" },
    { name: "personalize_wire_ratio_with_chip", value: rounded(ratio), unit: "of the time of its bytes, at least" },
  ];
}

function rounded(ratio: number): number {
  return Number(ratio.toFixed(3));
}

function demoCard(): Card {
  const flash = new Flash();
  personalizeDemo(module, flash, 1);
  return new Card(module, { flash });
}

/** A whole login: hold, PIN, challenge, response, off. */
function login(card: Card): () => void {
  return () => {
    card.hold("press");
    card.type(DEMO.pin);
    card.press("ok");
    card.type(CHALLENGE);
    card.press("ok");
    card.press("press");
    if (card.on) throw new Error("the login did not end as it should");
  };
}

/** Computes the response to a challenge, as text. */
type Respond = (challenge: string) => string;

/** Computes only the response, by the firmware's code in its test build: from suite, key and challenge to digits. */
function firmwareResponse(): Respond {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(join(BUILD, "crypto-test.wasm"))));
  const crypto = instance.exports as unknown as CryptoModule;
  const memory = Buffer.from(crypto.memory.buffer);
  const suite = crypto.buffer();
  const key = suite + 64;
  const challenge = key + 64;
  const out = challenge + 64;
  return (digits) => {
    memory.write(DEMO.suite, suite, "latin1");
    memory.set(DEMO.key, key);
    memory.write(digits, challenge, "latin1");
    crypto.ocraParse(suite, DEMO.suite.length);
    const [suiteLength, keyLength] = [DEMO.suite.length, DEMO.key.length];
    const size = crypto.ocraRespond(suite, suiteLength, key, keyLength, 0n, challenge, digits.length, 0, 0, 0, 0n, out);
    return memory.toString("latin1", out, out + size);
  };
}

/** Computes the same response by node:crypto. */
function nodeResponse(): Respond {
  const message = Buffer.alloc(DEMO.suite.length + 1 + 128);
  return (digits) => {
    message.fill(0);
    message.write(DEMO.suite, "latin1");
    const nibbles = Number(digits).toString(16);
    message.write(nibbles.length % 2 ? `${nibbles}0` : nibbles, DEMO.suite.length + 1, "hex");
    const mac = createHmac("sha256", DEMO.key).update(message).digest();
    const offset = (mac[mac.length - 1] as number) & 15;
    return String((mac.readUInt32BE(offset) & 0x7fffffff) % 100_000_000).padStart(8, "0");
  };
}

/**
Computes responses to one challenge after the other and compares each with the one that `reference` computed before.
*/
function responses(respond: Respond, reference: Respond): () => void {
  const cases = Array.from({ length: CHALLENGES }, (_, i) => {
    const challenge = String((i * 999_983) % 1_000_000).padStart(6, "0");
    return { challenge, response: reference(challenge) };
  });
  let next = 0;
  return () => {
    const { challenge, response } = cases[next++ % CHALLENGES] as (typeof cases)[number];
    if (respond(challenge) !== response) throw new Error(`another response to ${challenge}`);
  };
}

/** The best rate over several rounds. */
function perSecond(act: () => void): number {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < ROUND_MS) {
      for (let i = 0; i < 100; i++) act();
      count += 100;
    }
    best = Math.max(best, count / ((performance.now() - start) / 1000));
  }
  return Math.round(best);
}

/** The highest address of memory in use, measured after every key of a login and of a PIN change. */
function memoryUsed(): number {
  const card = demoCard();
  let used = 0;
  const look = () => {
    const memory = card.memory;
    for (let at = memory.length; at > used; at--) if (memory[at - 1] !== 0) used = at;
  };
  const keys = [...DEMO.pin, "ok", ...CHALLENGE, "ok", "ok"] as const;
  card.hold("press");
  for (const key of keys) {
    card.press(key as Parameters<Card["press"]>[0]);
    look();
  }
  card.hold("ok");
  for (const key of [..."8053", "ok", ..."8053", "ok"]) {
    card.press(key as Parameters<Card["press"]>[0]);
    look();
  }
  return used;
}
