// A board that is plugged in: checks that it may be used, and leaves it blank afterwards.

import { readFileSync } from "node:fs";
import { Channel } from "../../firmware/wire.js";
import type { CardStatus } from "../../host-tools/card/cardclient.js";
import { encodeFrame } from "../../host-tools/card/frame.js";
import { openCard } from "../../host-tools/card/port.js";
import { exitCodeOf } from "../../host-tools/cli/exit.js";
import { firmwareOf } from "../../host-tools/flashing/firmwarehash.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import { encodeCommand, Op } from "../support/development.js";
import { Conversation } from "./conversation.js";
import type { Target } from "./target.js";
import { openBoard } from "./targets.js";

/** How often a board is asked, and how long each answer may take (ms): opening its port may reset the board. */
const ATTEMPTS = 10;
const ANSWER_TIME = 500;

/** A board that cannot be used; the message is for people. */
export class BoardError extends Error {
  override name = "BoardError";
}

/**
 * Opens a board that takes commands and has the firmware built here. Its card must be blank unless it may be erased
 * (`erase`).
 */
export async function openForUse(path: string, options: { erase: boolean }): Promise<Target> {
  await (await openDevelopment(path)).close();
  const status = await statusOf(path);
  if (!options.erase) refuseWhatIsKept(path, status);
  refuseOtherFirmware(path, status);
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

/** Asks by a command, which also ends an unfinished frame of an earlier run, and by hello. */
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

/** Waits for the answers to all that was asked. */
async function catchUp(target: Target, conversation: Conversation): Promise<"command" | undefined> {
  target.send(encodeCommand(Op.STATUS));
  for (;;) {
    const observed = await conversation.next(ANSWER_TIME * ATTEMPTS);
    if (typeof observed === "string") return undefined;
    if (observed.answer.op === Op.STATUS) return "command";
  }
}

/** The card's status; or why there is none, since its flash may be damaged. */
async function statusOf(path: string): Promise<CardStatus | string> {
  const card = await openCard(path);
  try {
    return await card.client.readStatus();
  } catch (error) {
    if (exitCodeOf(error) === undefined) throw error;
    return (error as Error).message;
  } finally {
    await card.close();
  }
}

function refuseWhatIsKept(path: string, status: CardStatus | string): void {
  if (typeof status !== "string" && status.life === "blank") return;
  const what =
    typeof status === "string" ? `the card does not tell what is on it (${status})` : `the card is ${status.life}`;
  throw new BoardError(`${path}: ${what}; all on it would be erased: say --erase if it may be`);
}

function refuseOtherFirmware(path: string, status: CardStatus | string): void {
  const built = firmwareOf(readFileSync(FIRMWARE_FILE))?.hash;
  if (typeof status === "string" || status.firmware.hash === built) return;
  throw new BoardError(`${path}: its firmware is ${status.firmware.hash}, the one built here ${built}: flash it first`);
}
