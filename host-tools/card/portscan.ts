// Finds out which of several serial ports have a card. All are asked at once, each with its own time limit, so that a
// slow or misbehaving device does not delay the others.

import { CardInError } from "../files/errors.js";
import { FEW_SECONDS, realTimer, sayWaiting, type Timer } from "../files/waiting.js";
import type { CardStatus } from "./cardclient.js";
import { isFailure } from "./failures.js";
import { readStatusAt } from "./port.js";

/** The result for a port: a card, or the reason why there is none. */
export type Found = { readonly port: string } & (
  | { readonly status: CardStatus }
  /** `inError`: it is a card, in this ERROR. */
  | { readonly status: undefined; readonly reason: string; readonly inError?: string }
);

export interface ScanOptions {
  /** Reads the status of the card at a port, within a time limit. */
  readonly ask?: (path: string) => Promise<CardStatus>;
  readonly timer?: Timer;
  /** Called with the ports that have not answered after a few seconds. */
  readonly onWait?: (what: string) => void;
}

/** Asks each port; results are in the order of `paths`. Throws only for bugs in these tools. */
export async function scanPorts(paths: readonly string[], options: ScanOptions = {}): Promise<Found[]> {
  const { ask = readStatusAt, timer = realTimer, onWait = sayWaiting } = options;
  const waiting = new Set(paths);
  const stop = timer(FEW_SECONDS, () => onWait(`the devices at ${[...waiting].join(", ")} to answer`));
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
