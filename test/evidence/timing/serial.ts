// Instruction counts of the secure channel, at the ABI: the cryptogram and the MAC of EXTERNAL AUTHENTICATE and the MAC of a
// command, each wrong in each byte.

import { Cla, Ins, Level } from "../../../firmware/wire.js";
import { cmac } from "../../../host-tools/card/aes.js";
import type { Command } from "../../../host-tools/card/apdu.js";
import { deriveSessionKeys, initializeUpdate, parseCardHello, SecureChannel } from "../../../host-tools/card/scp03.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import type { MeteredCard } from "./chip.js";
import { Counts } from "./counts.js";
import type { Part } from "./pins.js";

const HOST_CHALLENGE = Buffer.from("0011223344556677", "hex");
const MAC = 8;
/** Where the card is saved: after INITIALIZE UPDATE, and with the channel open. */
const PLACE = { INITIATED: 2, OPEN: 3 };
const FLIPS = [0x01, 0x10, 0x80, 0xff];

export async function measureChannel(card: MeteredCard): Promise<Part> {
  const { response } = await card.send(initializeUpdate(0, HOST_CHALLENGE));
  await card.meter.save(PLACE.INITIATED);
  const hello = parseCardHello(response.data);
  const { mac } = deriveSessionKeys(testKeys(), Buffer.concat([HOST_CHALLENGE, hello.challenge]));
  const channel = new SecureChannel(testKeys(), Level.FULL, HOST_CHALLENGE, hello);
  const right = channel.externalAuthenticate;
  const cryptograms = await measure(card, PLACE.INITIATED, "cryptogram", (at, flip) =>
    signed(mac, flipped(right, at, flip)),
  );
  const macs = await measure(card, PLACE.INITIATED, "mac", (at, flip) => flipped(right, MAC + at, flip));
  await card.send(right);
  await card.meter.save(PLACE.OPEN);
  const command = channel.wrap({ cla: Cla.GP_SECURE, ins: Ins.CHANGE_REFERENCE_DATA, p1: 0, p2: 0, data: digits() });
  const start = (command.data?.length ?? 0) - MAC;
  const commands = await measure(card, PLACE.OPEN, "command", (at, flip) => flipped(command, start + at, flip));
  const parts = { cryptogram: cryptograms, mac: macs, command: commands };
  return {
    failures: Object.values(parts).flatMap(({ failures }) => failures),
    figures: [
      { name: "timing_channel_cases", value: 3 * MAC * FLIPS.length, unit: "wrong cryptograms and MACs" },
      ...Object.entries(parts).map(([name, { different }]) => ({
        name: `timing_channel_${name}_counts`,
        value: different,
        unit: "different counts",
      })),
    ],
  };
}

/** Measures with each byte wrong, in several ways. */
async function measure(
  card: MeteredCard,
  place: number,
  name: string,
  wrong: (at: number, flip: number) => Command,
): Promise<Counts> {
  const counts = new Counts(`wrong ${name}`);
  for (let at = 0; at < MAC; at++) {
    for (const flip of FLIPS) {
      await card.meter.load(place);
      const { reading, response } = await card.send(wrong(at, flip));
      if (response.sw === 0x9000) throw new Error(`${name}/${at}/${flip}: the card took it`);
      counts.add(`${name}/${at}/${flip.toString(16)}`, reading.instructions);
    }
  }
  return counts;
}

function digits(): Buffer {
  return Buffer.from("88887394");
}

function flipped(command: Command, at: number, flip: number): Command {
  const data = Buffer.from(command.data ?? []);
  data[at] = (data[at] as number) ^ flip;
  return { ...command, data };
}

/** EXTERNAL AUTHENTICATE with a valid MAC over its cryptogram, so that only the cryptogram is wrong. */
function signed(key: Uint8Array, command: Command): Command {
  const cryptogram = (command.data as Uint8Array).subarray(0, MAC);
  const header = Buffer.of(command.cla, command.ins, command.p1, command.p2, 2 * MAC);
  const mac = cmac(key, Buffer.concat([Buffer.alloc(16), header, cryptogram]));
  return { ...command, data: Buffer.concat([cryptogram, mac.subarray(0, MAC)]) };
}
