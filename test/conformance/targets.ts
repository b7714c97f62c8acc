// The targets that this computer has: the simulator, the posix port, the chip in QEMU, and boards that are plugged in.

import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { buildImages, type ImageName, pathOf } from "../../board/builder/images.js";
import { CHIP_SPEED, Machine, MachineError } from "../../board/emulator/machine.js";
import { closePort, openPort } from "../../host-tools/card/port.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { SimTarget } from "./simtarget.js";
import { StreamTarget, type Target } from "./target.js";

export const TARGETS = ["sim", "posix", "qemu"] as const;
export type TargetName = (typeof TARGETS)[number];

/** The image that each needs. */
export const IMAGE_OF: Record<TargetName, ImageName | undefined> = {
  sim: undefined,
  posix: "posix",
  qemu: "development",
};

/** Builds what a target needs, and starts it. */
export async function openTarget(name: TargetName): Promise<Target> {
  const image = IMAGE_OF[name];
  if (image) buildImages(image);
  if (name === "sim") return new SimTarget(loadFirmware());
  return name === "posix" ? openPosix() : openQemu();
}

function openPosix(): Target {
  const child = spawn(pathOf("posix"), ["--stdio"], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const line = Duplex.from({ readable: child.stdout, writable: child.stdin });
  const target = new StreamTarget("posix port", line, {
    close: async () => {
      child.kill();
      await ended;
    },
  });
  child.once("error", (error) => target.onEnd(error.message));
  child.once("close", () => target.onEnd(said.trim().split("\n")[0] || "the process ended"));
  return target;
}

/** Its time goes by its instructions, and a scenario holds the card's. */
async function openQemu(): Promise<Target> {
  const machine = await Machine.start({ image: pathOf("development"), icount: CHIP_SPEED });
  if (!machine.serial) throw new MachineError("QEMU has no serial line");
  return new StreamTarget("QEMU", machine.serial, { close: () => machine.stop() });
}

/** The board on a serial port. */
export async function openBoard(path: string): Promise<Target> {
  const port = await openPort(path);
  return new StreamTarget(path, port, { careful: true, close: () => closePort(port) });
}
