// The description of a port, in the port.ts of its folder: its core and tools, its sources, the limits of its images,
// and the machine of QEMU that has its chip.

/** The C compilers and QEMU's programs that ports use; board/builder/tools.ts names the packages that contain them. */
export type Compiler = "arm-none-eabi-gcc" | "riscv64-unknown-elf-gcc";
export type Qemu = "qemu-system-arm" | "qemu-system-riscv32";

/** The limits of an image, in bytes. */
export interface Limits {
  readonly flash: number;
  readonly ram: number;
}

/** A core: the properties that its chips share. */
export interface Core {
  /** The project's folder with its start code. */
  readonly start: string;
  readonly compiler: Compiler;
  /** The compiler's flags before those of the port. */
  readonly flags: readonly string[];
  readonly qemu: Qemu;
  /** The instruction that sleeps, as bytes in hex. */
  readonly wait: string;
  /** The size of a breakpoint, and the number of the program counter, in GDB's protocol. */
  readonly breakpoint: number;
  readonly programCounter: number;
}

/** A word written to a register: address and value. */
export type Write = readonly [address: number, value: number];

/** The machine of QEMU that has the chip. */
export interface Emulator {
  /** Its name in QEMU. */
  readonly machine: string;
  /** An instruction takes 2^speed ns, about as long as on the chip. */
  readonly speed: number;
  /** Its serial line drops bytes that a busy reader does not take at once, so its users send one command at a time. */
  readonly dropsOutput?: boolean;
  /** A register whose `bits` the image sets once it listens. Given if the UART drops bytes that arrive earlier. */
  readonly listens?: { readonly register: number; readonly bits: number };
  /** The card's flash, and the RAM that an image wipes. */
  readonly flash: number;
  readonly ram: { readonly address: number; readonly size: number };
  /** The words that allow writes to the flash at its addresses, and the words that end it. */
  readonly fill: { readonly before: readonly Write[]; readonly after: readonly Write[] };
  /** A 32-bit timer of the chip that no image stops or sets. */
  readonly timer: {
    readonly start: readonly Write[];
    /** Copies the timer's count to `value`, if it does not count there itself. */
    readonly capture?: Write;
    readonly value: number;
    readonly ticksPerMs: number;
  };
  /** Mutants of the port's port.c that the tests must find: a timer at half its speed, and lost bytes. */
  readonly faults?: { readonly slowTimer: Change; readonly lostBytes: Change };
}

/** A text that occurs once in a source file, and its replacement. */
export interface Change {
  readonly from: string;
  readonly to: string;
}

export interface Port {
  /** The name for people. */
  readonly title: string;
  readonly core: Core;
  /** The compiler's flags for the kind of core. */
  readonly flags: readonly string[];
  /** Further sources of an image besides the host, the start and the port's folder: folders or files in the project. */
  readonly sources: readonly string[];
  readonly limits: Limits;
  /** undefined: no machine of QEMU has the chip, so its image is built but not run. */
  readonly emulator?: Emulator;
}
