// `npm run board`: builds an image for a chip and prints its size.
//
//   npm run board                       build/board/microbit/development/dsc.elf and .hex, and a table of their size
//   npm run board -- --production       the same in build/board/microbit/production
//   npm run board -- --target PORT      a card for another port, build/board/PORT/dsc.elf and .hex
//   npm run board -- IMAGE              another of IMAGES (images.ts), build/board/...
//   npm run board -- --all              each image whose tools are installed, as the tests need

import { relative } from "node:path";
import { withoutControls } from "../../host-tools/files/commandline.js";
import { ROOT } from "../../host-tools/files/project.js";
import { buildImages, IMAGES, type Image, type ImageName, imageFor, missingFor } from "../builder/images.js";
import { PORTS, type PortName } from "../builder/ports.js";
import { printSizes, refuseLarge, type Sizes, sizesOf } from "../builder/sizes.js";
import { BuildError } from "../builder/tools.js";

const FAILED = 1;
const USAGE = 2;

/** A line for stderr and exit code 2. */
class UsageError extends Error {}

const CHOICE = "give one of --production, --target PORT and --all, or nothing";

function command(args: readonly string[]): void {
  if (args[0] === "--all") {
    refuseMore(args, 1);
    return buildAll();
  }
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
  const [first = "development", port] = args;
  if (first === "--target") {
    refuseMore(args, 2);
    return targetOf(port);
  }
  const name = first === "--production" ? "production" : first;
  if (!isImage(name)) throw new UsageError(`unknown ${name.startsWith("-") ? "option" : "image"} ${name}; ${CHOICE}`);
  refuseMore(args, 1);
  return name;
}

/** Refuses what stands after the first `count` arguments. */
function refuseMore(args: readonly string[], count: number): void {
  if (args.length > count) throw new UsageError(`${args.join(" ")}: that is more than one choice; ${CHOICE}`);
}

function targetOf(port: string | undefined): ImageName {
  const ports = Object.keys(PORTS).join(", ");
  if (port === undefined) throw new UsageError(`--target: a port is needed; choose one of ${ports}`);
  if (!isPort(port)) throw new UsageError(`--target ${port}: there is no such port; choose one of ${ports}`);
  return imageFor(port);
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
  if (!(error instanceof BuildError || error instanceof UsageError)) throw error;
  process.stderr.write(`board: ${withoutControls(error.message)}\n`);
  process.exitCode = error instanceof UsageError ? USAGE : FAILED;
}
