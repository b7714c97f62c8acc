// A personalized card on the meter. It is brought to a screen once, saved there, and restored for each case.

import { Channel, Key } from "../../../firmware/wire.js";
import { type Command, decodeResponse, encodeCommand, type Response } from "../../../host-tools/card/apdu.js";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { payloads } from "../../../sim/session/cardcommands.js";
import { Meter, type Reading } from "../../rig/meter.js";

/** In ms: a hold, a tap, and the time after either. */
const HOLD = 1000;
const TAP = 80;
const UP = 40;

export class MeteredCard {
  readonly meter: Meter;

  constructor(meter: Meter) {
    this.meter = meter;
  }

  /** A card with this flash, off. */
  static async start(image: string, flash: Uint8Array): Promise<MeteredCard> {
    const meter = await Meter.start(image);
    await meter.flash(flash);
    await meter.seed(1);
    await meter.boot();
    return new MeteredCard(meter);
  }

  /** Holds PRESS. Returns the screen after it. */
  async turnOn(): Promise<string> {
    await this.meter.key(Key.PRESS, true);
    await this.meter.tick(HOLD);
    await this.meter.key(Key.PRESS, false);
    return (await this.meter.tick(UP)).display;
  }

  /** Taps a key. Returns the instructions of the whole tap. */
  async tap(key: number): Promise<number> {
    const readings: Reading[] = [];
    readings.push(await this.meter.key(key, true), await this.meter.tick(TAP));
    readings.push(await this.meter.key(key, false), await this.meter.tick(UP));
    return readings.reduce((sum, { instructions }) => sum + instructions, 0);
  }

  /** Restores the card saved at `place`, then types digits and OK. */
  async enterAt(place: number, digits: string): Promise<Reading> {
    const [, reading] = await Promise.all([this.meter.load(place), this.meter.enter(digits)]);
    return reading;
  }

  /** Sends a command. Measures from the last byte of its frame, because escaping changes a frame's length. */
  async send(command: Command): Promise<{ reading: Reading; response: Response<Buffer> }> {
    const frame = encodeFrame(Channel.APDU, encodeCommand(command));
    const [, reading] = await Promise.all([
      this.meter.serial(frame.subarray(0, -1)),
      this.meter.serial(frame.subarray(-1)),
    ]);
    const [answer] = payloads(reading.sent);
    if (!answer) throw new Error("the card did not answer");
    return { reading, response: decodeResponse(answer) };
  }

  stop(): Promise<void> {
    return this.meter.stop();
  }
}
