// The targets that this computer has: the simulator, the posix port, the chips in QEMU, and boards that are plugged in.

import { spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { buildImages, type ImageName, imageFor, pathOf } from "../../board/builder/images.js";
import { EMULATED, emulatorOf, type PortName } from "../../board/builder/ports.js";
import { Machine, MachineError } from "../../board/emulator/machine.js";
import { closePort, openPort } from "../../host-tools/card/port.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { nameOf } from "./chiptarget.js";
import { SimTarget } from "./simtarget.js";
import { StreamTarget, type Target } from "./target.js";

/** "qemu" is the micro:bit in QEMU; the other ports with a machine in QEMU go by their own names. */
export type TargetName = "sim" | "posix" | "qemu" | Exclude<PortName, "microbit">;

const OTHERS = EMULATED.filter((port): port is Exclude<PortName, "microbit"> => port !== "microbit");
export const TARGETS: readonly TargetName[] = ["sim", "posix", "qemu", ...OTHERS];

/** The port whose chip a target is. */
export function portOf(name: TargetName): PortName | undefined {
  if (name === "sim" || name === "posix") return undefined;
  return name === "qemu" ? "microbit" : name;
}

/** The image that a target needs. */
export function imageOf(name: TargetName): ImageName | undefined {
  const port = portOf(name);
  return port ? imageFor(port) : name === "posix" ? name : undefined;
}

/** Builds what a target needs, and starts it. */
export async function openTarget(name: TargetName): Promise<Target> {
  const [image, port] = [imageOf(name), portOf(name)];
  if (image) buildImages(image);
  if (port) return openQemu(port);
  return name === "sim" ? new SimTarget(loadFirmware()) : openPosix();
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

/** QEMU's time follows its instructions; a scenario stops the card's clock. */
export async function openQemu(port: PortName, image = pathOf(imageFor(port))): Promise<Target> {
  const machine = await Machine.start({ image, port, icount: "chip" });
  if (!machine.serial) throw new MachineError("QEMU has no serial line");
  const careful = emulatorOf(port).dropsOutput ?? false;
  return new StreamTarget(nameOf(port), machine.serial, { careful, close: () => machine.stop() });
}

/** The board on a serial port. */
export async function openBoard(path: string): Promise<Target> {
  const port = await openPort(path);
  return new StreamTarget(path, port, { careful: true, close: () => closePort(port) });
}
