// `npm run release`: the package, the module and the images of all boards, with their SHA-256 sums, into build/release.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { buildImages, IMAGES, type Image, type ImageName, pathOf } from "../board/builder/images.js";
import { BuildError } from "../board/builder/tools.js";
import { BUILD, ROOT, version } from "../host-tools/files/project.js";
import { makePackage, PackingError } from "./tarball.js";

const OUT = join(BUILD, "release");
const SUMS = "SHA256SUMS";

function release(): void {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  copyFileSync(join(BUILD, "dsc.wasm"), join(OUT, `dsc-${version()}.wasm`));
  for (const name of boards()) copyImage(name);
  makePackage(ROOT, OUT);
  const sums = readdirSync(OUT).sort().map(sum);
  writeFileSync(join(OUT, SUMS), sums.join(""));
  process.stdout.write(`${sums.join("")}in ${relative(ROOT, OUT)}; check them there with: sha256sum -c ${SUMS}\n`);
}

/** The images of cards: those whose port states limits of flash and RAM. */
function boards(): ImageName[] {
  return (Object.keys(IMAGES) as ImageName[]).filter((name) => (IMAGES[name] as Image).limits !== undefined);
}

/** microbit/production/dsc.hex becomes dsc-0.2.0-microbit-production.hex. */
function copyImage(name: ImageName): void {
  buildImages(name);
  const board = dirname(IMAGES[name].output).replaceAll("/", "-");
  copyFileSync(pathOf(name).replace(/elf$/, "hex"), join(OUT, `dsc-${version()}-${board}.hex`));
}

/** A line in the format of sha256sum. */
function sum(name: string): string {
  const hash = createHash("sha256").update(readFileSync(join(OUT, name)));
  return `${hash.digest("hex")}  ${name}\n`;
}

try {
  release();
} catch (error) {
  if (!(error instanceof BuildError || error instanceof PackingError)) throw error;
  process.stderr.write(`release: ${error.message}\n`);
  process.exitCode = 1;
}
