// Tests of the board: skipped if its tools are missing, or failed if `CI` is set.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildImages, IMAGES, type ImageName, missingFor, STRICT } from "../../board/builder/images.js";
import { ROOT } from "../../host-tools/files/project.js";
import { Flash } from "../../sim/core/flash.js";
import { personalizeDemo } from "../../sim/session/demo.js";
import { MODULE } from "./cards.js";
import { packageTest } from "./skipping.js";
import type { Test } from "./suite.js";

/** A test that runs if these images can be built and run. */
export function boardTest(
  test: Test,
  images: readonly ImageName[],
  name: string,
  run: () => void | Promise<void>,
): void {
  packageTest(test, missingFor(...images), name, run);
}

/** The development image, built if it is missing or old. */
export function developmentImage(): string {
  return buildImages("development");
}

/** The flash of a demo card. */
export function demoFlash(): Uint8Array {
  const flash = new Flash();
  personalizeDemo(MODULE, flash, 1);
  return flash.bytes;
}

/** The image that a port is built as, and the files of the port that its main file already contains. */
interface PortOptions {
  readonly of?: "development" | "production";
  readonly without?: readonly string[];
}

/** Builds an image of the micro:bit port around another main (a C file in test/board). Returns its path. */
export function portImage(main: string, { of = "development", without = [] }: PortOptions = {}): string {
  const { compiler, flags, link } = IMAGES[of];
  const output = join(ROOT, "build", "board", "test", main.replace(/c$/, "elf"));
  mkdirSync(dirname(output), { recursive: true });
  const port = ["interrupts.c", "oled.c", "port.c", "uart.c"]
    .filter((name) => !without.includes(name))
    .map((name) => join("ports", "microbit", name));
  const host = ["segments.c", join("cortexm", "start.c"), ...port].map((name) => join(ROOT, "board", name));
  const files = [join(ROOT, "test", "board", main), ...host];
  const args = [...STRICT, `-I${join(ROOT, "board")}`, ...flags, ...link, ...files, "-o", output];
  const { status, stderr } = spawnSync(compiler, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return output;
}
