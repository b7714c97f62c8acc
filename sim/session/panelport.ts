// `--port`: opens a serial port and finds the front panel of the card on it.
//
// The screen is requested before hello is sent, since hello turns the card on, and only the person who holds it should
// do that.

import { setTimeout as sleep } from "node:timers/promises";
import { NoAnswer } from "../../host-tools/card/errors.js";
import { Link } from "../../host-tools/card/link.js";
import { Panel } from "./panel.js";
import { UserError } from "./usererror.js";

/** The time that a board may take to start, in ms: opening its port may reset it. */
const START_TIME = 5000;
/** How often hello is sent to a card that shows no screen. */
const HELLOS = 2;
/** The time that the last bytes may take to be sent, in ms. */
const LAST_WORDS = 500;

/** A card that cannot be reached, or no longer; the message is for people. */
export class PanelError extends UserError {
  override name = "PanelError";
  override readonly exitCode = 3;
}

/** A panel on a port that is open. */
export interface PanelPort {
  readonly panel: Panel;
  /** The same port, for commands. */
  readonly link: Link;
  /** Releases the keys and closes the port. */
  close(): Promise<void>;
}

/** Opens a port and waits for the screen of the card on it. */
export async function openPanel(path: string): Promise<PanelPort> {
  const { port, closePort } = await open(path);
  const link = new Link(port);
  const panel = new Panel(link);
  const close = async () => {
    panel.close();
    if (port.isOpen) await Promise.race([new Promise<void>((resolve) => port.end(resolve)), elapsed(LAST_WORDS)]);
    await closePort(port);
  };
  const shown = await Promise.race([panel.shown, panel.closed, elapsed(START_TIME)]);
  if (shown) return { panel, link, close };
  const reason = await whyNot(link);
  await close();
  throw new PanelError(`${path}: ${reason}`);
}

async function open(path: string) {
  // Loaded only here, so that everything else works without a driver for serial ports.
  const { closePort, openPort } = await import("../../host-tools/card/port.js");
  try {
    return { port: await openPort(path), closePort };
  } catch (error) {
    throw new PanelError((error as Error).message, { cause: error });
  }
}

/** Why no screen came. */
async function whyNot(link: Link): Promise<string> {
  try {
    await link.hello(HELLOS);
    return "the card has no front panel: its firmware was built without";
  } catch (error) {
    return error instanceof NoAnswer ? "no card answers" : (error as Error).message;
  }
}

/** Waits without keeping the process alive. */
function elapsed(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}
