// Installs the Debian packages that some tests need, where it may (root, or sudo without a password).
// Elsewhere it says what to install, and those tests skip themselves. Plain JavaScript, like setup.mjs.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Packages, and a file that each brings. */
const PACKAGES = {
  pskctool: "/usr/bin/pskctool",
  "python3-pskc": "/usr/lib/python3/dist-packages/pskc/__init__.py",
  "python3-cryptography-vectors": "/usr/lib/python3/dist-packages/cryptography_vectors/__init__.py",
};

const missing = Object.entries(PACKAGES)
  .filter(([, file]) => !existsSync(file))
  .map(([name]) => name);
if (missing.length > 0 && !install(missing)) {
  process.stderr.write(`some tests will be skipped; to run them: apt-get install ${missing.join(" ")}\n`);
}

/** Whether all of them are there now. */
function install(packages) {
  const rights = rightsToInstall();
  if (!existsSync("/usr/bin/apt-get") || !rights) return false;
  process.stderr.write(`installing ${packages.join(", ")}…\n`);
  const [command, ...args] = [...rights, "apt-get"];
  const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  spawnSync(command, [...args, "update"], options);
  const quiet = ["install", "-y", "--no-install-recommends"];
  return spawnSync(command, [...args, ...quiet, ...packages], options).status === 0;
}

/** What to put before a command to run it as root, or undefined where that cannot be had silently. */
function rightsToInstall() {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
}
