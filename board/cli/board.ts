// `npm run board`: builds an image for a chip and prints its size.
//
//   npm run board                       build/board/microbit/development/dsc.elf and .hex, and a table of their size
//   npm run board -- --production       the same in build/board/microbit/production
//   npm run board -- --target PORT      a card for another port, build/board/PORT/dsc.elf and .hex
//   npm run board -- IMAGE              another of IMAGES (images.ts), build/board/...
//   npm run board -- --all              each image whose tools are installed, as the tests need

import { relative } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";
import { buildImages, IMAGES, type Image, type ImageName, imageFor, missingFor } from "../builder/images.js";
import { PORTS, type PortName } from "../builder/ports.js";
import { printSizes, refuseLarge, type Sizes, sizesOf } from "../builder/sizes.js";
import { BuildError } from "../builder/tools.js";

function command(args: readonly string[]): void {
  if (args[0] === "--all") return buildAll();
  const name = imageOf(args);
  const image = buildImages(name);
  const files = image.endsWith(".elf") ? [image, image.replace(/elf$/, "hex")] : [image];
  console.log(`${files.map((file) => relative(ROOT, file)).join(", ")}: ${IMAGES[name].name}`);
  if (image.endsWith(".elf")) tellSizes(IMAGES[name], sizesOf(image));
}

/** Prints the table. Throws if the image is larger than its port allows. */
function tellSizes({ name, limits }: Image, sizes: Sizes): void {
  printSizes(sizes, limits);
  if (limits) refuseLarge(name, sizes, limits);
}

/** The requested image. */
function imageOf(args: readonly string[]): ImageName {
  const [name = "development", port, ...rest] = args.map((arg) => arg.replace(/^--production$/, "production"));
  if (name === "--target" && port !== undefined && rest.length === 0) {
    if (isPort(port)) return imageFor(port);
    throw new BuildError(`--target ${port}: there are ${Object.keys(PORTS).join(", ")}`);
  }
  if (isImage(name) && port === undefined) return name;
  throw new BuildError(
    `${args.join(" ")}: there are --production, --target PORT, --all, ${Object.keys(IMAGES).join(", ")}`,
  );
}

function isPort(name: string): name is PortName {
  return Object.hasOwn(PORTS, name);
}

function isImage(name: string): name is ImageName {
  return Object.hasOwn(IMAGES, name);
}

/** For the tests: every image whose tools are installed. */
function buildAll(): void {
  for (const name of Object.keys(IMAGES) as ImageName[]) if (!missingFor(name)) buildImages(name);
}

try {
  command(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`board: ${error.message}\n`);
  process.exitCode = 1;
}
