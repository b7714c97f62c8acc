// What the serial line costs: a personalization over a line as slow as the real one, commands, verifications.

import { CardClient } from "../../host-tools/card/cardclient.js";
import { Link } from "../../host-tools/card/link.js";
import type { KeyRegister } from "../../host-tools/desk/keyregister.js";
import { carryOut } from "../../host-tools/desk/personalize.js";
import { makePlan } from "../../host-tools/desk/plan.js";
import type { Request } from "../../host-tools/desk/request.js";
import { ocra } from "../../host-tools/seeds/ocra.js";
import { verifyResponse } from "../../host-tools/site/verify.js";
import { Card } from "../../sim/core/card.js";
import { exchange } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { PacedLine } from "./pacedline.js";

const CHALLENGE = "123456";
const RUNS = 5;
const GET_STATUS = { cla: 0x80, ins: 0xca, p1: 0xdf, p2: 0x20, le: 256 } as const;

/** A register that keeps nothing and takes no time. */
const NO_REGISTER: KeyRegister = {
  name: "none",
  find: async () => undefined,
  bind: async () => {},
  setStoreData: async () => {},
  setPutKey: async () => {},
  setDone: async () => {},
};

/** The cost of a personalization over a line as slow as the real one, with a card that computes in no time. */
export interface OverWire {
  /** The time from the first byte to the last, divided by the time that the bytes need. */
  readonly ratio: number;
  /** The time that the bytes need, in ms. */
  readonly leastTime: number;
}

/** The best of a few personalizations. */
export async function personalizeOverWire(module: WebAssembly.Module): Promise<OverWire> {
  let best: OverWire = { ratio: Number.POSITIVE_INFINITY, leastTime: 0 };
  for (let run = 0; run < RUNS; run++) {
    const one = await personalizeOnce(module);
    if (one.ratio < best.ratio) best = one;
  }
  return best;
}

async function personalizeOnce(module: WebAssembly.Module): Promise<OverWire> {
  const line = new PacedLine(new Card(module, { seed: 1 }));
  const link = new Link(line);
  const client = new CardClient(link);
  const request: Request = { ...DEMO, transport: Buffer.alloc(16, 1) };
  await client.hello();
  const plan = await makePlan(request, await client.readStatus(), NO_REGISTER);
  await carryOut(plan, request, client, NO_REGISTER);
  link.close();
  return { ratio: (line.lastAt - line.firstAt) / line.leastTime, leastTime: line.leastTime };
}

/** One GET DATA through the firmware: frame, command, answer. */
export function command(module: WebAssembly.Module): () => void {
  const card = new Card(module, { seed: 1 });
  return () => {
    exchange(card, GET_STATUS);
  };
}

/** One check of a response, as the site does it. */
export function verification(): () => void {
  const response = ocra(DEMO.suite, DEMO.key, { challenge: CHALLENGE });
  return () => {
    if (!verifyResponse(DEMO, CHALLENGE, response)) throw new Error("a right response was refused");
  };
}
