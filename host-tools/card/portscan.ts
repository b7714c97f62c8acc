// Which of several serial ports have a card on them. All are asked at once, and each has a limit of its own, so that
// one that is slow, or answers everything with something, costs the others nothing.

import { CardInError } from "../files/errors.js";
import { FEW_SECONDS, realTimer, sayWaiting, type Timer } from "../files/waiting.js";
import type { CardStatus } from "./cardclient.js";
import { isFailure } from "./failures.js";
import { readStatusAt } from "./port.js";

/** What a port turned out to be: a card, or a reason why it is none. */
export type Found = { readonly port: string } & (
  | { readonly status: CardStatus }
  /** `inError`: it is a card, and which ERROR it is in. */
  | { readonly status: undefined; readonly reason: string; readonly inError?: string }
);

export interface ScanOptions {
  /** Reads the status of the card at a port. It has a limit of its own. */
  readonly ask?: (path: string) => Promise<CardStatus>;
  readonly timer?: Timer;
  /** Told of the ports that have not answered after a few seconds. */
  readonly onWait?: (what: string) => void;
}

/** Asks each port; the result is in the order of `paths`. Throws only what is a mistake in these tools. */
export async function scanPorts(paths: readonly string[], options: ScanOptions = {}): Promise<Found[]> {
  const { ask = readStatusAt, timer = realTimer, onWait = sayWaiting } = options;
  const waiting = new Set(paths);
  const stop = timer(FEW_SECONDS, () => onWait(`what is at ${[...waiting].join(", ")} to answer`));
  try {
    return await Promise.all(paths.map((path) => lookAt(path, ask).finally(() => waiting.delete(path))));
  } finally {
    stop();
  }
}

async function lookAt(port: string, ask: (path: string) => Promise<CardStatus>): Promise<Found> {
  try {
    return { port, status: await ask(port) };
  } catch (error) {
    if (!isFailure(error)) throw error;
    const reason = (error as Error).message.replace(`${port}: `, "");
    return { port, status: undefined, reason, ...(error instanceof CardInError && { inError: error.state }) };
  }
}
