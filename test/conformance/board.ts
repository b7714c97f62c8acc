// A board that is plugged in: whether it may be used, and handing it back.

import { Channel } from "../../firmware/wire.js";
import { encodeFrame } from "../../host-tools/frame.js";
import { openCard } from "../../host-tools/port.js";
import { Conversation } from "./conversation.js";
import { encodeCommand, Op } from "./development.js";
import type { Target } from "./target.js";
import { openBoard } from "./targets.js";

/** How often a board is asked, and how long it may take (ms): opening its port may reset it. */
const ATTEMPTS = 10;
const ANSWER_TIME = 500;

/** A board that cannot be used; the message is for people. */
export class BoardError extends Error {
  override name = "BoardError";
}

/** Opens a board that takes commands, and whose card holds nothing, or nothing that is to be kept (`erase`). */
export async function openForUse(path: string, options: { erase: boolean }): Promise<Target> {
  await (await openDevelopment(path)).close();
  if (!options.erase) await refuseIfPersonalized(path);
  return openDevelopment(path);
}

/** Leaves a blank card whose clock, battery and random source are its own. */
export async function handBack(target: Target): Promise<void> {
  const conversation = new Conversation(target);
  for (const op of [Op.BLANK, Op.RELEASE]) {
    target.send(encodeCommand(op));
    await conversation.next(ANSWER_TIME * ATTEMPTS);
  }
}

async function openDevelopment(path: string): Promise<Target> {
  const target = await openBoard(path);
  const answer = await firstAnswer(target);
  if (answer === "command") return target;
  await target.close();
  const reason = answer === "hello" ? "it takes no commands: its image is not a development image" : "no card answers";
  throw new BoardError(`${path}: ${reason}`);
}

/** Asks by a command, which also ends what an earlier run left behind, and by hello. */
async function firstAnswer(target: Target): Promise<"command" | "hello" | undefined> {
  let hello = false;
  const conversation = new Conversation(target, ({ channel }) => {
    hello ||= channel === Channel.APDU;
  });
  for (let left = ATTEMPTS; left > 0; left--) {
    target.send(Buffer.concat([encodeCommand(Op.RELEASE), encodeFrame(Channel.APDU, Buffer.alloc(0))]));
    if (typeof (await conversation.next(ANSWER_TIME)) !== "string") return catchUp(target, conversation);
    if (hello) return "hello";
  }
  return undefined;
}

/** Hears the answers to all that was asked. */
async function catchUp(target: Target, conversation: Conversation): Promise<"command" | undefined> {
  target.send(encodeCommand(Op.STATUS));
  for (;;) {
    const observed = await conversation.next(ANSWER_TIME * ATTEMPTS);
    if (typeof observed === "string") return undefined;
    if (observed.answer.op === Op.STATUS) return "command";
  }
}

async function refuseIfPersonalized(path: string): Promise<void> {
  const card = await openCard(path);
  try {
    const { life } = await card.client.readStatus();
    if (life !== "blank") {
      throw new BoardError(`${path}: the card is ${life}; all on it would be erased: say --erase if it may be`);
    }
  } finally {
    await card.close();
  }
}
