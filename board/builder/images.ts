// Images: the released module as C (wasm2c) with the host and a port, and further images for tests and benchmarks.
//
// The same compiler gives the same image for a chip, byte for byte, in every folder. `buildImages` builds each image
// that is missing or older than its sources.

import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD, ROOT } from "../../host-tools/files/project.js";
import type { Limits } from "../ports/port.js";
import { mustStateLimits, PORTS, type PortName } from "./ports.js";
import { BuildError, isInstalled, prefixOf, run, TOOLS, type Tool } from "./tools.js";

const BOARD = join(ROOT, "board");
const OUT = join(BUILD, "board");

/** The version whose output board/runtime/wasm-rt.h was written for. */
const WASM2C_VERSION = "1.0.32";

/** The dialect of our own C, and the warnings that it must not cause, in images and in tests. */
export const STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Wconversion", "-Werror"];
/** wasm2c's output relies on wrapping integers and on bytes used as words, and causes warnings. */
const GENERATED = ["-std=gnu11", "-fno-strict-aliasing", "-w"];
/**
 * The compiler's flags for a chip, after those of its core. File names in the image start at the repository's root, so
 * that a debugger started there finds the sources.
 */
function chip(core: readonly string[]): string[] {
  const flags = "-O2 -g -ffunction-sections -fdata-sections -DNDEBUG";
  return [...core, ...flags.split(" "), `-ffile-prefix-map=${ROOT}=.`];
}
/** Flags for an ARM core, by its name. */
export function cortex(core: string): string[] {
  return chip([`-mcpu=${core}`, "-mthumb", "-mfloat-abi=soft"]);
}
/**
 * The flag for the linker script of a port. It goes to the compiler, since picolibc's specs otherwise add their own
 * script.
 */
function chipLink(port: string): string[] {
  const script = join(BOARD, "ports", port, "image.ld");
  return [..."-nostartfiles -Wl,--gc-sections -Wl,--no-warn-rwx-segments".split(" "), `-L${BOARD}`, "-T", script];
}
export const MICROBIT = cortex("cortex-m0");
export const MICROBIT_LINK = chipLink("microbit");
export const NATIVE = ["-O1", "-g", "-DNDEBUG", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
/**
 * Two instruments are off, since they would take longer than the card itself: tracing of comparisons, of which each
 * memory access has one, and UBSan's checks of pointers, which in wasm2c's output always point into one array or one
 * instance.
 */
const FUZZER = [
  ...["-O2", "-fsanitize=fuzzer", "-fno-sanitize-coverage=trace-cmp,trace-gep,trace-div,stack-depth"],
  ...["-fno-sanitize=null,alignment,object-size,pointer-overflow"],
];
/** The corpus keeps inputs for their coverage of the module, not of the code around it. */
const UNCOUNTED = ["-fno-sanitize-coverage=edge,inline-8bit-counters,pc-table,indirect-calls"];

/** The modules from which images are built: the released one, and the tests' build of its crypto. */
const MODULES = { dsc: "dsc.wasm", crypto: "crypto-test.wasm" } as const;

/** An image that is built from a module. */
export interface Image {
  readonly name: string;
  /** Folders and C files in the project. */
  readonly sources: readonly string[];
  readonly compiler: Tool;
  readonly flags: readonly string[];
  readonly link: readonly string[];
  /** In build/board. */
  readonly output: string;
  /** The released one by default. */
  readonly module?: keyof typeof MODULES;
  /** The port for which it is a card, if any, with that port's limits. */
  readonly port?: PortName;
  readonly limits?: Limits;
}

const HOST = ["board/card.c", "board/main.c"];

interface PortImage {
  readonly production?: boolean;
  /** The port's name and ".elf" unless given. */
  readonly name?: string;
  readonly output?: string;
}

/** The image of a card for the chip of a port. */
function portImage(port: PortName, { production = false, ...given }: PortImage = {}): Image {
  const { title, core, flags, sources, limits } = PORTS[port];
  return {
    name: title,
    sources: [
      ...[...HOST, ...sources, ...(production ? [] : ["board/development"])],
      ...[core.start, `board/ports/${port}`],
    ],
    compiler: core.compiler,
    flags: [...chip([...flags, ...core.flags]), `-DDEVELOPMENT=${production ? 0 : 1}`],
    link: chipLink(port),
    output: `${port}/dsc.elf`,
    port,
    limits,
    ...given,
  };
}

/** The development images of all ports except the micro:bit, whose images have other names. */
const PORT_IMAGES = Object.fromEntries(
  (Object.keys(PORTS) as PortName[]).filter((port) => port !== "microbit").map((port) => [port, portImage(port)]),
) as Record<Exclude<PortName, "microbit">, Image>;

export const IMAGES = {
  development: portImage("microbit", { name: "development image", output: "microbit/development/dsc.elf" }),
  production: portImage("microbit", {
    production: true,
    name: "production image",
    output: "microbit/production/dsc.elf",
  }),
  ...PORT_IMAGES,
  meter: {
    name: "meter",
    sources: [
      "board/card.c",
      "test/rig/meter",
      "board/cortexm",
      ...["port.c", "interrupts.c"].map((file) => `board/ports/microbit/${file}`),
    ],
    compiler: "arm-none-eabi-gcc",
    flags: [...MICROBIT, "-DDEVELOPMENT=1"],
    link: MICROBIT_LINK,
    output: "meter/dsc.elf",
  },
  cryptometer: {
    name: "crypto meter",
    sources: ["test/rig/cryptometer", "test/rig/meter/line.c", "board/cortexm"],
    compiler: "arm-none-eabi-gcc",
    // Its buffer needs more memory than a card has.
    flags: [...MICROBIT, "-DDEVELOPMENT=1", "-DWASM_RT_MEMORY_SIZE=8192u"],
    link: [...MICROBIT_LINK, "-Wl,--defsym=RAM_SIZE=16K"],
    output: "cryptometer/dsc.elf",
    module: "crypto",
  },
  posix: {
    name: "posix port",
    sources: [...HOST, "board/development", "board/ports/posix"],
    compiler: "cc",
    flags: [...NATIVE, "-DDEVELOPMENT=1"],
    link: [],
    output: "posix/dsc",
  },
  fuzz: {
    name: "fuzzing targets",
    sources: ["board/card.c", "board/ports/posix/flash.c", "test/rig/fuzzing"],
    compiler: "clang",
    flags: [...NATIVE, ...FUZZER, "-DDEVELOPMENT=1"],
    link: UNCOUNTED,
    output: "fuzz/dsc-fuzz",
  },
} as const satisfies Record<string, Image>;
export type ImageName = keyof typeof IMAGES;

/** The development image of a port's card. */
export function imageFor(port: PortName): ImageName {
  return port === "microbit" ? "development" : port;
}

/**
 * The command that installs what these images need to be built (and run: QEMU); undefined if everything is installed.
 */
export function missingFor(...images: ImageName[]): string | undefined {
  const tools = new Set<Tool>(["wasm2c", ...images.map((name) => IMAGES[name].compiler)]);
  for (const { core } of Object.values(PORTS)) if (tools.has(core.compiler)) tools.add(core.qemu);
  const packages = [...tools].filter((tool) => !isInstalled(tool)).map((tool) => TOOLS[tool]);
  return packages.length > 0 ? `apt-get install ${packages.join(" ")}` : undefined;
}

/** Builds images that are missing or out of date. Returns the path of the last. */
export function buildImages(...names: ImageName[]): string {
  const missing = missingFor(...names);
  if (missing) throw new BuildError(`the tools that build the board are missing: ${missing}`);
  for (const name of names) {
    const { port }: Image = IMAGES[name];
    if (port) mustStateLimits(port, PORTS[port]);
    compile(IMAGES[name], moduleC(IMAGES[name]));
  }
  return pathOf(names.at(-1) as ImageName);
}

/** Builds an image with another module and further flags, in a folder of build/board. Returns its path. */
export function buildVariant(name: ImageName, module: Uint8Array, folder: string, ...flags: string[]): string {
  const file = join(OUT, folder, "dsc.wasm");
  if (!existsSync(file) || !readFileSync(file).equals(module)) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, module);
  }
  const output = join(OUT, folder, "c", "dsc.c");
  generate(file, output);
  const image: Image = IMAGES[name];
  return compile({ ...image, flags: [...image.flags, ...flags], output: join(folder, "dsc.elf") }, output);
}

/** The C of an image's module, generated if it is missing or out of date. */
function moduleC({ module = "dsc" }: Image): string {
  const output = join(OUT, module === "dsc" ? "c" : `c-${module}`, `${module}.c`);
  generate(join(ROOT, "build", MODULES[module]), output);
  return output;
}

/** The path of an image, once it is built. */
export function pathOf(name: ImageName): string {
  return join(OUT, IMAGES[name].output);
}

/** Our own C files in an image, as paths. */
export function sourcesOf(image: Image): string[] {
  return image.sources.flatMap(cFiles);
}

/** A module as C: `output`, whose name is the module's in C, and a header beside it. */
export function generate(module: string, output: string): void {
  if (time(output) >= time(module)) return;
  const version = run("wasm2c", ["--version"]).trim();
  if (version !== WASM2C_VERSION) {
    throw new BuildError(`wasm2c is ${version}: board/runtime/wasm-rt.h was written for ${WASM2C_VERSION}`);
  }
  const header = output.replace(/c$/, "h");
  inDraft((draft) => {
    run("wasm2c", [module, "-n", basename(output, ".c"), "-o", join(draft, basename(output))]);
    return [header, output];
  });
}

/** Builds an image around the C of a module, if it is missing or out of date. Returns its path. */
export function compile(image: Image, moduleC: string): string {
  const output = join(OUT, image.output);
  const files = sourcesOf(image);
  const inputs = [BOARD, ...files.map((file) => dirname(file)), dirname(moduleC), fileURLToPath(import.meta.url)];
  if (time(output) >= Math.max(...inputs.map(time))) return output;
  const include = [BOARD, join(BOARD, "runtime"), dirname(moduleC)].map((path) => `-I${path}`);
  inDraft((draft) => {
    const drawn = join(draft, basename(output));
    const module = compileModule(image, moduleC);
    runCompiler(image, [...STRICT, ...include, ...image.link, ...files, module, "-o", drawn]);
    if (!output.endsWith(".elf")) return [output];
    const hex = output.replace(/elf$/, "hex");
    run(`${prefixOf(drawn)}-objcopy`, ["-O", "ihex", drawn, join(draft, basename(hex))]);
    return [hex, output];
  });
  return output;
}

/**
 * The C of a module as an object file. It takes most of a build's time, and images with the same compiler and flags
 * share it, except for flags that only the host reads.
 */
function compileModule(image: Image, moduleC: string): string {
  const flags = image.flags.filter((flag) => !flag.startsWith("-DDEVELOPMENT="));
  const key = createHash("sha256").update(JSON.stringify([image.compiler, flags, moduleC]));
  const object = join(OUT, "objects", `${key.digest("hex").slice(0, 16)}.o`);
  const folders = [join(BOARD, "runtime"), dirname(moduleC)];
  const headers = [...flags.filter((flag) => flag.startsWith("-I")).map((flag) => flag.slice(2)), ...folders];
  if (time(object) < Math.max(...headers.map(time), time(fileURLToPath(import.meta.url)))) {
    inDraft((draft) => {
      const include = folders.map((folder) => `-I${folder}`);
      const args = [...include, "-c", moduleC, "-o", join(draft, basename(object))];
      runCompiler({ ...image, flags }, [...GENERATED, ...args]);
      return [object];
    });
  }
  return object;
}

/** Run from the repository's root, since a compiler records the folder in which it runs. */
function runCompiler({ name, compiler, flags }: Image, args: readonly string[]): void {
  try {
    run(compiler, [...flags, ...args], ROOT);
  } catch (error) {
    const [, memory, bytes] = /region `(\w+)' overflowed by (\d+) bytes/.exec((error as Error).message) ?? [];
    if (!memory) throw error;
    throw new BuildError(`the ${name} does not fit: ${bytes} bytes more than its image.ld gives it of "${memory}"`);
  }
}

/**
 * Makes files in a separate folder and moves them when all are done, since concurrent tests may build the same ones.
 */
function inDraft(make: (draft: string) => readonly string[]): void {
  mkdirSync(OUT, { recursive: true });
  const draft = mkdtempSync(join(OUT, "draft-"));
  try {
    for (const file of make(draft)) {
      mkdirSync(dirname(file), { recursive: true });
      renameSync(join(draft, basename(file)), file);
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function cFiles(source: string): string[] {
  const path = join(ROOT, source);
  if (source.endsWith(".c")) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith(".c"));
  return names.sort().map((name) => join(path, name));
}

function time(path: string): number {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  // Scripts beside the C files are not part of an image.
  const names = readdirSync(path).filter((name) => !name.endsWith(".ts"));
  return Math.max(0, ...names.map((name) => time(join(path, name))));
}
