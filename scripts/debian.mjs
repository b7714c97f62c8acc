// Installs the Debian packages that some tests need, if it may (root, or sudo without a password). Otherwise it says
// what to install, and those tests are skipped. Plain JavaScript, like setup.mjs.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Packages, and a file that each one installs. */
const PACKAGES = {
  pskctool: "/usr/bin/pskctool",
  openssl: "/usr/bin/openssl",
  "python3-pskc": "/usr/lib/python3/dist-packages/pskc/__init__.py",
  "python3-cryptography-vectors": "/usr/lib/python3/dist-packages/cryptography_vectors/__init__.py",
  "gcc-arm-none-eabi": "/usr/bin/arm-none-eabi-gcc",
  "libnewlib-arm-none-eabi": "/usr/lib/arm-none-eabi/newlib/libc.a",
  wabt: "/usr/bin/wasm2c",
  "qemu-system-arm": "/usr/bin/qemu-system-arm",
  "gcc-riscv64-unknown-elf": "/usr/bin/riscv64-unknown-elf-gcc",
  "picolibc-riscv64-unknown-elf": "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs",
  "qemu-system-misc": "/usr/bin/qemu-system-riscv32",
  gcc: "/usr/bin/gcc",
  "libc6-dev": "/usr/include/stdio.h",
  clang: "/usr/bin/clang",
  "libclang-rt-14-dev": "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.fuzzer-x86_64.a",
  openocd: "/usr/bin/openocd",
  postgresql: "/usr/bin/pg_ctlcluster",
  "chromium-headless-shell": "/usr/bin/chromium-headless-shell",
  "firefox-esr": "/usr/bin/firefox-esr",
  "poppler-utils": "/usr/bin/pdftotext",
  "zbar-tools": "/usr/bin/zbarimg",
  "groff-base": "/usr/bin/groff",
  softhsm2: "/usr/lib/softhsm/libsofthsm2.so",
};

const missing = Object.entries(PACKAGES)
  .filter(([, file]) => !existsSync(file))
  .map(([name]) => name);
if (missing.length > 0 && !install(missing)) {
  process.stderr.write(`some tests will be skipped; to run them: apt-get install ${missing.join(" ")}\n`);
}

/** Returns whether all of them are installed now. */
function install(packages) {
  const rights = rightsToInstall();
  if (!existsSync("/usr/bin/apt-get") || !rights) return false;
  process.stderr.write(`installing ${packages.join(", ")}…\n`);
  const [command, ...args] = [...rights, "apt-get"];
  const options = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  spawnSync(command, [...args, "update"], options);
  const quiet = ["install", "-y", "--no-install-recommends"];
  const get = (...names) => spawnSync(command, [...args, ...quiet, ...names], options).status === 0;
  // Leave out packages that this release of Debian lacks, so that the others are still installed.
  return get(...packages) || packages.map((name) => get(name)).every(Boolean);
}

/** The words before a command that run it as root; undefined if that is not possible without a question. */
function rightsToInstall() {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
}
