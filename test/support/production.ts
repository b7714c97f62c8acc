// The packages that come with an installed `dsc-card`: its dependencies and theirs, as package-lock.json has them.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";

interface Locked {
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** Its folder, from the top folder: node_modules/a/node_modules/b. */
  readonly folder: string;
  /** npm runs a script of the package when it is installed. */
  readonly hasInstallScript: boolean;
}

const LOCKED = (
  JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { packages: Record<string, Locked> }
).packages;

/** All of them that this computer has; a package for another kind of computer is not installed. */
export function productionPackages(): Package[] {
  const found = new Map<string, Package>();
  const add = (from: string) => {
    const { dependencies = {}, optionalDependencies = {} } = LOCKED[from] as Locked;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const folder = resolve(from, name);
      if (folder === undefined || found.has(folder)) continue;
      found.set(folder, { folder, hasInstallScript: LOCKED[folder]?.hasInstallScript ?? false });
      add(folder);
    }
  };
  add("");
  return [...found.values()].filter(({ folder }) => existsSync(join(ROOT, folder)));
}

/** Where Node finds a package that is imported from a folder; undefined if the lock file does not have it. */
function resolve(from: string, name: string): string | undefined {
  const folder = join(from, "node_modules", name);
  if (LOCKED[folder]) return folder;
  const at = from.lastIndexOf("node_modules");
  return from === "" ? undefined : resolve(from.slice(0, Math.max(0, at - 1)), name);
}
