// `npm run bench`: what a login costs and how much room it takes. Prints a table, writes build/bench.json.
//
// Speeds are the best of several rounds, since other work on the machine only ever slows one down.

import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Card } from "../sim/card.js";
import { DEMO, personalizeDemo } from "../sim/demo.js";
import { FIRMWARE_FILE, loadFirmware } from "../sim/firmware.js";
import { Flash } from "../sim/flash.js";
import { boardFigures, boardMissing } from "./boardbench.js";
import { command, personalizeWireRatio, verification } from "./serialbench.js";

interface Figure {
  name: string;
  value: number;
  unit: string;
}

/** The exports of the crypto test build that are used here. */
interface CryptoModule {
  readonly memory: WebAssembly.Memory;
  buffer(): number;
  ocraParse(text: number, length: number): number;
  ocraRespond(...args: (number | bigint)[]): number;
}

const BUILD = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const ROUNDS = 7;
const ROUND_MS = 400;
const CHALLENGE = "123456";

const module = loadFirmware();
const figures: Figure[] = [
  { name: "logins_per_second", value: perSecond(login(demoCard())), unit: "1/s" },
  { name: "responses_per_second", value: perSecond(firmwareResponse()), unit: "1/s" },
  { name: "responses_per_second_node_crypto", value: perSecond(nodeResponse()), unit: "1/s" },
  { name: "personalize_wire_ratio", value: Number((await personalizeWireRatio(module)).toFixed(3)), unit: "" },
  { name: "apdus_per_second", value: perSecond(command(module)), unit: "1/s" },
  { name: "verifications_per_second", value: perSecond(verification()), unit: "1/s" },
  { name: "module_bytes", value: readFileSync(FIRMWARE_FILE).length, unit: "bytes" },
  { name: "memory_bytes", value: memoryUsed(), unit: "bytes" },
];
const missing = boardMissing();
if (missing) console.log(`the board is left out: ${missing}`);
else figures.push(...(await boardFigures(module)));
for (const { name, value, unit } of figures) {
  console.log(`${name.padEnd(34)} ${value.toLocaleString("en-US").padStart(12)} ${unit}`);
}
writeFileSync(join(BUILD, "bench.json"), `${JSON.stringify(figures, null, 1)}\n`);

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

/** The response alone, by the firmware's own code (in its test build). */
function firmwareResponse(): () => void {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(join(BUILD, "crypto-test.wasm"))));
  const crypto = instance.exports as unknown as CryptoModule;
  const suite = crypto.buffer();
  const key = suite + 64;
  const challenge = key + 64;
  const out = challenge + 64;
  const memory = new Uint8Array(crypto.memory.buffer);
  memory.set(Buffer.from(DEMO.suite), suite);
  memory.set(DEMO.key, key);
  memory.set(Buffer.from(CHALLENGE), challenge);
  return () => {
    crypto.ocraParse(suite, DEMO.suite.length);
    crypto.ocraRespond(suite, DEMO.suite.length, key, DEMO.key.length, 0n, challenge, 6, 0, 0, 0, 0n, out);
  };
}

/** The same response by node:crypto. */
function nodeResponse(): () => void {
  return () => {
    const field = Buffer.alloc(128);
    const nibbles = BigInt(CHALLENGE).toString(16);
    field.write(nibbles.padEnd(nibbles.length + (nibbles.length % 2), "0"), "hex");
    const mac = createHmac("sha256", DEMO.key).update(DEMO.suite).update("\0").update(field).digest();
    const offset = (mac.at(-1) as number) & 15;
    ((mac.readUInt32BE(offset) & 0x7fffffff) % 100_000_000).toString().padStart(8, "0");
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

/** The highest byte of memory ever seen in use, looked at after every key of a login and a PIN change. */
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
