// The location and the version of the project.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder. This file runs from build/js/host-tools/files. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");
/** The output of the set-up: firmware, compiled tools, images of the board. */
export const BUILD = join(ROOT, "build");

/**
 * Whether this is a checkout, where npm commands build missing files. The package has neither the commands nor the
 * sources.
 */
export const IS_CHECKOUT = existsSync(join(ROOT, "scripts", "setup.mjs"));

/** The parts of package.json that are read here. */
interface Manifest {
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** The version in package.json. */
export function version(): string {
  return manifest().version;
}

/** The version of an optional peer package. Throws if package.json names none of that name. */
export function peerVersion(name: string): string {
  const version = manifest().peerDependencies[name];
  if (version === undefined) throw new Error(`${name} is no peer dependency`);
  return version;
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
}
