// The images for the chip: their size, the bound of their stack, and what they contain and do not contain.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { join, relative } from "node:path";
import * as assert from "uvu/assert";
import {
  buildImages,
  compile,
  cortex,
  IMAGES,
  type Image,
  type ImageName,
  imageFor,
} from "../../board/builder/images.js";
import { mustStateLimits, PORTS, type PortName } from "../../board/builder/ports.js";
import { sizesOf } from "../../board/builder/sizes.js";
import { BuildError } from "../../board/builder/tools.js";
import { Machine, type MachineOptions } from "../../board/emulator/machine.js";
import { Rests } from "../../board/emulator/rests.js";
import { CORTEX_M } from "../../board/ports/cores.js";
import type { Core, Limits } from "../../board/ports/port.js";
import { ROOT } from "../../host-tools/files/project.js";
import { firmwareOf } from "../../host-tools/flashing/firmwarehash.js";
import { type Block, parseIntelHex } from "../../host-tools/flashing/intelhex.js";
import { boardOf } from "../../host-tools/flashing/nrf51.js";
import { FIRMWARE_FILE } from "../../sim/session/firmware.js";
import { atLeast } from "../support/atleast.js";
import { boardTest } from "../support/board.js";
import { type CallGraph, callsOf, callsOfImage, cycleIn, depthOf, listingOf } from "../support/callgraph.js";
import { Elf, type Section } from "../support/elf.js";
import { scratchFolder } from "../support/scratch.js";
import { suite } from "../support/suite.js";
import { dataSegments } from "../support/wasmdata.js";

const image = suite("image");

const BUILD = join(ROOT, "build", "board");
/** The images of the reference board. */
const NAMES = ["development", "production"] as const;
/** The development images of the other ports. */
const PORT_NAMES = (Object.keys(PORTS) as PortName[]).filter((port) => port !== "microbit").map(imageFor);
/** Every image that a card can run. */
const CARDS: readonly ImageName[] = [...NAMES, ...PORT_NAMES];
const ON_CORTEX = CARDS.filter((name) => coreOf(name) === CORTEX_M);
type Name = ImageName;
/** The images that use no exception of the core. */
const PORTS_WITHOUT_HANDLERS: readonly Name[] = [...NAMES, "template"];
/** What a port may be built for. */
const CORES = ["cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"];

const FLASH_LIMIT = 44 * 1024;
const RAM_LIMIT = 6 * 1024;
const STACK_SIZE = 1536;
const RAM_START = 0x20000000;
const CARD_PAGES = 0x3f000;
const CHIP_FLASH_END = 0x40000;
const RBPCONF = 0x10001004;
const PROTECT_ALL = 0xffff00ff;
const OPEN = 0xffffffff;
/** The register that enables the interrupts of serial line and timer; a port writes it last when it starts. */
const NVIC_ISER = 0xe000e100;
const STARTED = (1 << 2) | (1 << 8);
/** Segments shorter than this may go into instructions. */
const SEGMENT_IN_FLASH = 8;

/** Eight registers, and a word to align them to eight bytes. (ARMv6-M Architecture Reference Manual, B1.5.6.) */
const EXCEPTION_FRAME = 36;
/** Exceptions of the core except reset: those that wipe the card in every image, and those that a port may use. */
const FAULT_VECTORS = [3, 4, 5, 6, 7];
const PORT_VECTORS = new Map([
  [2, "port_nmi"],
  [11, "port_svcall"],
  [12, "port_debug_monitor"],
  [14, "port_pendsv"],
  [15, "port_systick"],
]);
/** Of those the one that interrupts any other handler. */
const NMI = 2;
const CORE_VECTORS = 16;

/** The functions that may call through a register, and their callees. */
const INDIRECT: Readonly<Record<string, readonly string[]>> = {
  // Calls begin() on an empty stack, or request_reset(), which never returns.
  clear_ram: ["request_reset"],
  // On an empty stack.
  fault: ["port_reset"],
  // Calls the function that measures the supply.
  Z_hostZ_battery: ["port_battery"],
  development_battery: ["port_battery"],
  // Returns to setjmp().
  longjmp: [],
};

function coreOf(name: ImageName): Core {
  return PORTS[(IMAGES[name] as Image).port ?? "microbit"].core;
}

function elfOf(name: Name): Elf {
  return new Elf(readFileSync(buildImages(name)));
}

function hexOf(name: Name): Block[] {
  return parseIntelHex(readFileSync(buildImages(name).replace(/elf$/, "hex"), "latin1"));
}

function board(...args: string[]) {
  return spawnSync(process.execPath, [join(ROOT, "build", "js", "board", "cli", "board.js"), ...args], {
    encoding: "utf8",
  });
}

// ---- size and place ----

for (const name of NAMES) {
  boardTest(image, NAMES, `the ${name} image fits the chip`, () => {
    const elf = elfOf(name);
    const flash = elf.segments.filter(({ address, size }) => size > 0 && address < RBPCONF).map(endOf);
    assert.ok(Math.max(...flash) <= FLASH_LIMIT, `${Math.max(...flash)} bytes of flash`);
    const ram = elf.sections.filter(({ address, isLoaded }) => isLoaded && address >= RAM_START).map(endOf);
    const used = Math.max(...ram) - RAM_START;
    assert.ok(used <= RAM_LIMIT, `${used} bytes of RAM`);
    const sizes = sizesOf(buildImages(name));
    assert.is(sizes.flash, Math.max(...flash));
    assert.ok(sizes.ram <= used && used - sizes.ram < 8, `${sizes.ram} of ${used} bytes of RAM`);
  });

  boardTest(image, NAMES, `no part of the ${name} image lies in the card's pages`, () => {
    for (const { address, bytes } of atLeast(1, hexOf(name))) {
      const isFree = address + bytes.length <= CARD_PAGES || address >= CHIP_FLASH_END;
      assert.ok(isFree, `0x${address.toString(16)}, ${bytes.length} bytes`);
    }
  });
}

for (const name of CARDS) {
  boardTest(
    image,
    [name],
    `the stack of the ${name} image is at the bottom of RAM, so that an overflow cannot overwrite data`,
    () => {
      const elf = elfOf(name);
      const bottom = elf.address("ram_start");
      assert.is(elf.address("stack_bottom"), bottom);
      assert.is(elf.address("stack_top"), bottom + STACK_SIZE);
      const others = elf.sections.filter((section) => section.isLoaded && section.name !== ".stack");
      for (const { name, address } of atLeast(1, others))
        assert.ok(address < bottom || address >= bottom + STACK_SIZE, name);
    },
  );
}

for (const name of ON_CORTEX) {
  boardTest(image, [name], `every vector of the ${name} image is a handler in flash`, () => {
    const elf = elfOf(name);
    const [stack, ...handlers] = vectorsOf(elf);
    assert.is(stack, elf.address("stack_top"));
    const set = handlers.filter((handler) => handler !== 0);
    assert.is(set.length, 1 + FAULT_VECTORS.length + PORT_VECTORS.size + interruptsOf(elf).length);
    const functions = new Set(elf.symbols.filter(({ isFunction }) => isFunction).map(({ address }) => address));
    for (const handler of set) assert.ok(handler % 2 === 1 && functions.has(handler), handler.toString(16));
    for (const vector of FAULT_VECTORS) assert.is(handlers[vector - 1], elf.address("fault"), `vector ${vector}`);
    // Each vector has its own handler or is an alias of fault().
    for (const [vector, own] of PORT_VECTORS) assert.is(handlers[vector - 1], elf.address(own), own);
    if (PORTS_WITHOUT_HANDLERS.includes(name)) assert.equal(claimedOf(elf, [...PORT_VECTORS.keys()]), []);
  });
}

boardTest(
  image,
  ["template"],
  "a port has the exceptions of the core that it defines handlers for, and no fault",
  () => {
    buildImages("template");
    const sources = [...IMAGES.template.sources, "test/board/handlers.c"];
    const source = join(BUILD, "c", "dsc.c");
    const elf = new Elf(readFileSync(compile({ ...IMAGES.template, sources, output: "test/handlers.elf" }, source)));
    const table = vectorsOf(elf);
    for (const [vector, name] of PORT_VECTORS) assert.is(table[vector], elf.address(name), name);
    assert.is(
      new Set([...PORT_VECTORS.values(), "fault"].map((name) => elf.address(name))).size,
      PORT_VECTORS.size + 1,
    );
    for (const vector of FAULT_VECTORS) assert.is(table[vector], elf.address("fault"), `vector ${vector}`);
  },
);

function endOf({ address, size }: { address: number; size: number }): number {
  return address + size;
}

/** The vectors of the core, and those of the port behind them. */
function vectorsOf(elf: Elf): number[] {
  const text = elf.sections.find(({ name }) => name === ".text") as Section;
  const [core, port] = ["vectors", "interrupts"].map((name) => elf.symbols.find((symbol) => symbol.name === name));
  assert.equal([core?.address, port?.address], [text.address, text.address + 4 * CORE_VECTORS]);
  const count = CORE_VECTORS + (port?.size ?? 0) / 4;
  return Array.from({ length: count }, (_, i) => text.bytes.readUInt32LE(4 * i));
}

/** The handlers of interrupts. */
function interruptsOf(elf: Elf): string[] {
  const set = vectorsOf(elf)
    .slice(CORE_VECTORS)
    .filter((handler) => handler !== 0);
  return set.map((handler) => functionAt(elf, handler));
}

/** The port's own handlers of these exceptions of the core. */
function claimedOf(elf: Elf, vectors: readonly number[]): string[] {
  const table = vectorsOf(elf);
  const handlers = vectors.map((vector) => table[vector] as number);
  return handlers.filter((handler) => handler !== elf.address("fault")).map((handler) => functionAt(elf, handler));
}

function functionAt(elf: Elf, handler: number): string {
  return elf.symbols.find(({ address }) => address === handler)?.name ?? "nothing";
}

// ---- stack ----

const calls = (pairs: Record<string, string[]>): CallGraph =>
  new Map(Object.entries(pairs).map(([name, callees]) => [name, new Set(callees)]));

image("a cycle of calls and the deepest call path are found", () => {
  assert.is(cycleIn(calls({ a: ["b", "c"], b: ["c"], c: [] })), undefined);
  assert.equal(cycleIn(calls({ a: ["b"], b: ["c"], c: ["b"] })), ["b", "c", "b"]);
  assert.equal(cycleIn(calls({ a: ["a"] })), ["a", "a"]);
  const frames = new Map(Object.entries({ a: 8, b: 16, c: 4 }));
  assert.is(depthOf("a", calls({ a: ["b", "c"], b: ["c"], c: [] }), frames), 28);
  assert.ok(Number.isNaN(depthOf("a", calls({ a: ["unknown"] }), frames)));
});

boardTest(image, NAMES, "the module has no cycle of calls, and no call through a table", () => {
  const listing = listingOf(FIRMWARE_FILE);
  assert.ok(listing.size > 50, `${listing.size} functions`);
  const graph = callsOf(listing);
  assert.ok([...graph.values()].some((callees) => callees.size > 5));
  assert.is(cycleIn(graph)?.join(" "), undefined);
  const instructions = [...listing.values()].flat();
  for (const forbidden of [/^call_indirect/, /^return_call/, /^memory\.grow/, /^table\./]) {
    assert.is(
      instructions.find((line) => forbidden.test(line)),
      undefined,
    );
  }
  const module = new WebAssembly.Module(readFileSync(FIRMWARE_FILE));
  assert.ok(WebAssembly.Module.exports(module).every(({ kind }) => kind !== "table"));
  const headers = spawnSync("wasm-objdump", ["-h", FIRMWARE_FILE], { encoding: "utf8" }).stdout;
  assert.match(headers, /^\s+Code /m);
  assert.not.match(headers, /^\s+(Table|Elem|Start) /m);
});

for (const name of CARDS) {
  boardTest(image, [name], `the stack of the ${name} image holds the deepest calls and interrupts`, () => {
    const path = buildImages(name);
    const elf = new Elf(readFileSync(path));
    const { graph, frames, indirect } = callsOfImage(path, elf);
    for (const caller of atLeast(1, indirect)) assert.ok(caller in INDIRECT, `${caller} calls through a register`);
    const whole = new Map(
      [...graph].map(([name, callees]) => [name, new Set([...callees, ...goesTo(name, indirect)])]),
    );
    // The jump to reset begins on an empty stack.
    whole.get("request_reset")?.delete("reset");
    assert.is(cycleIn(whole)?.join(" "), undefined);
    assert.ok(
      whole.get("main")?.has("card_serial") || whole.get("main")?.has("Z_dscZ_serial"),
      "main reaches the module",
    );
    const depth = (name: string) => depthOf(name, whole, frames);
    const start = (frames.get("reset") ?? Number.NaN) + (frames.get("clear_ram") ?? Number.NaN);
    const interrupts = coreOf(name) === CORTEX_M ? interruptsOnCortex(elf, depth) : depth("port_interrupt");
    assert.ok(depth("port_reset") < STACK_SIZE);
    const worst = start + depth("begin") + interrupts;
    console.log(`     worst case of the ${name} image's stack: ${worst} of ${STACK_SIZE} bytes`);
    assert.ok(worst > 300, `${worst} bytes`);
    assert.ok(worst <= STACK_SIZE, `${worst} bytes`);
  });
}

/** Bytes of stack for one interrupt (all have the same priority), an NMI on top of it, and a fault on top of that. */
function interruptsOnCortex(elf: Elf, depth: (name: string) => number): number {
  const taken = (handlers: readonly string[]) => EXCEPTION_FRAME + Math.max(0, ...handlers.map(depth));
  const others = [...PORT_VECTORS.keys()].filter((vector) => vector !== NMI);
  const interrupt = taken([...interruptsOf(elf), ...claimedOf(elf, others)]);
  const nmi = taken(claimedOf(elf, [NMI]));
  // The fault continues on an empty stack.
  const fault = EXCEPTION_FRAME;
  return interrupt + nmi + fault;
}

function goesTo(name: string, indirect: readonly string[]): readonly string[] {
  return indirect.includes(name) ? (INDIRECT[name] as readonly string[]) : [];
}

// ---- what is in it ----

for (const name of NAMES) {
  boardTest(image, NAMES, `the released module is in the ${name} image, with its hash`, () => {
    const module = readFileSync(FIRMWARE_FILE);
    const text = elfOf(name).contents(".text");
    const segments = dataSegments(module).filter(({ length }) => length >= SEGMENT_IN_FLASH);
    assert.ok(segments.length >= 8, `${segments.length} segments`);
    for (const segment of segments) assert.ok(text.includes(segment), segment.toString("hex"));
    const hash = Buffer.from(firmwareOf(module)?.hash ?? "", "hex");
    assert.is(hash.length, 8);
    assert.ok(text.includes(hash));
  });
}

boardTest(image, ["template"], "the template of a port links for each core, and for development only", () => {
  const source = join(BUILD, "c", "dsc.c");
  const folder = `cores-${process.pid}`;
  try {
    for (const core of CORES) {
      // An image links at every optimization level or at none; this level compiles fastest and still fits.
      const flags = [...cortex(core), "-Og", "-DDEVELOPMENT=1"];
      const path = compile({ ...IMAGES.template, flags, output: join(folder, core, "dsc.elf") }, source);
      assert.is(interruptsOf(new Elf(readFileSync(path))).length, 0);
    }
  } finally {
    rmSync(join(BUILD, folder), { recursive: true, force: true });
  }
  const { status, stderr } = spawnSync(
    "arm-none-eabi-gcc",
    [
      ...cortex("cortex-m0"),
      "-DDEVELOPMENT=0",
      `-I${join(ROOT, "board")}`,
      "-c",
      join(ROOT, "board/ports/template/port.c"),
    ],
    { encoding: "utf8" },
  );
  assert.is(status, 1, "no production image is made of it");
  assert.match(stderr, /made up/);
});

boardTest(image, NAMES, "the compiled C comes from the released module", () => {
  buildImages("production");
  const source = spawnSync("wasm2c", [FIRMWARE_FILE, "--module-name", "dsc"], { encoding: "utf8" }).stdout;
  const compiled = readFileSync(join(BUILD, "c", "dsc.c"), "utf8");
  const code = (text: string) => text.slice(text.indexOf("#define TRAP"));
  assert.ok(code(source).length > 10_000);
  assert.ok(code(compiled) === code(source));
});

boardTest(
  image,
  CARDS,
  "an image for the micro:bit contains the board's name for flashing tools; images of other ports have none",
  () => {
    assert.equal(
      CARDS.map((name) => boardOf(hexOf(name))),
      CARDS.map((name) => (name === "development" || name === "production" ? "microbit" : undefined)),
    );
  },
);

boardTest(image, NAMES, "only the production image closes the chip to debuggers", () => {
  const at = (name: Name) => hexOf(name).filter(({ address }) => address >= CHIP_FLASH_END);
  assert.equal(at("production"), [{ address: RBPCONF, bytes: word(PROTECT_ALL) }]);
  assert.equal(at("development"), []);
  // A development image does not contain the register's address either.
  const knows = (name: Name) => elfOf(name).contents(".text").includes(word(RBPCONF));
  assert.equal([knows("production"), knows("development")], [true, false]);
});

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

boardTest(image, NAMES, "the production image has no part of the development image", () => {
  const symbols = (name: Name) => spawnSync("arm-none-eabi-nm", ["-l", buildImages(name)], { encoding: "utf8" }).stdout;
  assert.match(symbols("development"), /development\.c:/);
  assert.match(symbols("development"), / development_receive\b/);
  assert.not.match(symbols("production"), /development/);
});

/**
 * Copies what the command needs to another folder, and links to that folder, so that `PWD` can give it another name.
 * Returns the function that runs the command there.
 */
function elsewhere(): { folder: string; board: (...args: string[]) => ReturnType<typeof board> } {
  const scratch = scratchFolder();
  const folder = join(scratch, "a folder with quite another name");
  const link = join(scratch, "link");
  const script = join("build", "js", "board", "cli", "board.js");
  const built = ["board", join("host-tools", "files")].map((room) => join("build", "js", room));
  for (const part of ["board", "package.json", ...built, join("build", "dsc.wasm")])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  symlinkSync(folder, link);
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [script, ...args], {
      encoding: "utf8",
      cwd: link,
      env: { ...process.env, PWD: link },
    });
  return { folder, board: run };
}

boardTest(image, NAMES, "an image built in another folder is the same, debug information included", () => {
  const { folder, board } = elsewhere();
  for (const [name, args] of [
    ["development", []],
    ["production", ["--production"]],
  ] as const) {
    const { status, stderr } = board(...args);
    assert.is(status, 0, stderr);
    for (const suffix of ["elf", "hex"]) {
      const here = buildImages(name).replace(/elf$/, suffix);
      const there = join(folder, relative(ROOT, here));
      assert.ok(readFileSync(here).equals(readFileSync(there)), `${name}, ${suffix}`);
    }
  }
});

boardTest(image, NAMES, "an image larger than its port allows is built, but the command fails", () => {
  const { folder, board } = elsewhere();
  const change = (file: string, from: string, to: string) => {
    const path = join(folder, "board", "ports", "microbit", file);
    const text = readFileSync(path, "utf8");
    assert.ok(text.includes(from), `${from} in ${file}`);
    writeFileSync(path, text.replace(from, to));
  };
  // Raise the linker's limit of RAM but not the project's, and use more RAM than the project allows.
  change("port.c", "static const uint8_t key_pins", "volatile uint8_t more[4096];\nstatic const uint8_t key_pins");
  change("port.c", "void port_start(void) {\n", "void port_start(void) {\n  more[0] = 1;\n");
  const overflown = board();
  assert.equal([overflown.status, overflown.stdout], [1, ""]);
  assert.match(overflown.stderr, /^board: the development image does not fit: \d+ bytes more .* "ram"\n$/);
  change("image.ld", ": 6K", ": 10K");
  const { status, stdout, stderr } = board();
  const [, ram] = /\nimage +\d+ +(\d+)\n/.exec(stdout) ?? [];
  assert.is(status, 1);
  assert.match(stdout, new RegExp(`\\nlimit +${FLASH_LIMIT} +${RAM_LIMIT}\\n$`));
  assert.is(
    stderr,
    `board: the development image is larger than its limits: ${ram} bytes of RAM, of ${RAM_LIMIT} allowed\n`,
  );
});

/** What `__FILE__` leaves. Shorter names may occur by chance. */
const SOURCE_NAME = /[\w/-]{3,}\.c\0/;

boardTest(image, NAMES, "an image does not contain the path where it was built", () => {
  const places = [ROOT, homedir(), tmpdir(), userInfo().username, "/home/", "/usr/", "board/"];
  for (const name of NAMES) {
    assert.not.ok(readFileSync(buildImages(name)).includes(ROOT), `${ROOT} beside the ${name} image, for debuggers`);
    const bytes = Buffer.concat(atLeast(1, hexOf(name)).map((block) => block.bytes));
    // Skip names as short as "pi", which may occur by chance.
    for (const place of places.filter((place) => place.length > 2)) {
      assert.not.ok(bytes.includes(place), `${place} in the ${name} image`);
    }
    assert.not.match(bytes.toString("latin1"), SOURCE_NAME, `a source's name in the ${name} image`);
  }
});

// ---- the command ----

boardTest(image, NAMES, "the parts in the table of sizes add up to the image", () => {
  for (const args of [["--production"], []]) {
    const { status, stdout } = board(...args);
    assert.is(status, 0);
    const rows = [...stdout.matchAll(/^(\w+) +(\d+) +(\d+)$/gm)].map(([, name, flash, ram]) => ({
      name,
      sizes: [Number(flash), Number(ram)] as const,
    }));
    const names = rows.map(({ name }) => name);
    assert.equal(names, ["firmware", "host", "libraries", "stack", "other", "image", "limit"]);
    const [whole, limit] = rows.slice(-2).map(({ sizes }) => sizes);
    for (const column of [0, 1] as const) {
      const parts = rows.slice(0, -2).map(({ sizes }) => sizes[column]);
      assert.is(
        parts.reduce((sum, size) => sum + size),
        whole?.[column],
      );
    }
    assert.equal(limit, [FLASH_LIMIT, RAM_LIMIT]);
  }
});

for (const port of PORT_NAMES) {
  boardTest(image, [port], `the card for ${port} is built by its name, with its sizes and limits`, () => {
    const { status, stdout, stderr } = board("--target", port);
    assert.is(status, 0, stderr);
    const files = ["elf", "hex"].map((suffix) => `build/board/${port}/dsc.${suffix}`).join(", ");
    assert.ok(stdout.startsWith(`${files}: ${(IMAGES[port] as Image).name}\n`), stdout);
    assert.match(stdout, /\nother +\d+ +\d+\nimage +\d+ +\d+\nlimit +\d+ +\d+\n$/);
  });
}

image("a port that states no limit of RAM or flash is refused", () => {
  const flash = 1;
  const ram = 1;
  mustStateLimits("x", { limits: { flash, ram } });
  const refused = (limits?: Partial<Limits>) => {
    try {
      mustStateLimits("x", limits ? { limits } : {});
    } catch (error) {
      assert.instance(error, BuildError);
      return (error as BuildError).message.split(":")[0];
    }
  };
  assert.is(refused({ flash }), "the port x states no limit of RAM");
  assert.is(refused({ flash: 0, ram }), "the port x states no limit of flash");
  assert.is(refused(), "the port x states no limit of flash and RAM");
});

boardTest(image, NAMES, "production and development images have folders of their own", () => {
  const paths = ([[], ["--production"]] as const).map((args) => board(...args).stdout.split(":")[0]);
  const folders = ["development", "production"].map((kind) => `build/board/microbit/${kind}`);
  assert.equal(
    paths,
    folders.map((folder) => `${folder}/dsc.elf, ${folder}/dsc.hex`),
  );
  assert.equal(
    NAMES.map((name) => buildImages(name)),
    folders.map((folder) => join(ROOT, folder, "dsc.elf")),
  );
});

image("an unknown option or port is refused in one line", () => {
  for (const [args, says] of [
    [["--fast"], /^board: unknown option --fast; give one of --production, .*\n$/],
    [["nothing"], /^board: unknown image nothing; give one of --production, .*\n$/],
    [["--target"], /^board: --target: a port is needed; choose one of microbit, .*\n$/],
    [["--target", "z80"], /^board: --target z80: there is no such port; choose one of microbit, .*\n$/],
    [
      ["--target", "microbit", "--production"],
      /^board: --target microbit --production: that is more than one choice; .*\n$/,
    ],
    [["--all", "--fast"], /^board: --all --fast: that is more than one choice; .*\n$/],
  ] as const) {
    const { status, stdout, stderr } = board(...args);
    assert.equal([status, stdout], [2, ""]);
    assert.match(stderr, says);
  }
});

// ---- in QEMU ----

boardTest(image, NAMES, "the production image closes a chip that is open", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dsc-image-"));
  const path = join(folder, "open.elf");
  try {
    const { status } = spawnSync("arm-none-eabi-objcopy", ["--remove-section=.uicr", buildImages("production"), path]);
    assert.is(status, 0);
    await during({ image: path }, async ({ pins }) => {
      assert.is(await pins.read(NVIC_ISER), STARTED);
      assert.is(await pins.read(RBPCONF), PROTECT_ALL);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

boardTest(image, NAMES, "the production image starts on a chip that is closed", async () => {
  await during({ image: buildImages("production"), closed: true }, async ({ pins }) => {
    assert.is(await pins.read(NVIC_ISER), STARTED);
    assert.is(await pins.read(RBPCONF), PROTECT_ALL);
  });
});

boardTest(image, NAMES, "the development image starts, and leaves the chip open", async () => {
  await during({ image: buildImages("development") }, async ({ pins }) => {
    assert.is(await pins.read(NVIC_ISER), STARTED);
    assert.is(await pins.read(RBPCONF), OPEN);
  });
});

/** Runs `run` on a chip that has reached its first sleep. */
async function during(options: MachineOptions, run: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = await Machine.start({ ...options, stepped: true });
  try {
    await Rests.begin(machine, options.image);
    await run(machine);
  } finally {
    await machine.stop();
  }
}

image.run();
