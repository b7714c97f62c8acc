// What a port states of itself, in its own folder (port.ts): its core and tools, its sources, what an image of it may
// take, and the machine of QEMU that has its chip.

/** The C compilers and QEMU's programs that ports use; board/builder/tools.ts says what each comes with. */
export type Compiler = "arm-none-eabi-gcc" | "riscv64-unknown-elf-gcc";
export type Qemu = "qemu-system-arm" | "qemu-system-riscv32";

/** What an image may take, in bytes. */
export interface Limits {
  readonly flash: number;
  readonly ram: number;
}

/** What chips of one core have in common. */
export interface Core {
  /** The folder of its start, in the project. */
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
  /** As QEMU names it. */
  readonly machine: string;
  /** An instruction takes 2^speed ns, about what one takes the chip. */
  readonly speed: number;
  /** Its serial line drops what a busy reader does not take at once: whoever talks to it asks one thing at a time. */
  readonly dropsOutput?: boolean;
  /** A register whose `bits` the image sets once it listens, where the UART drops what comes before that. */
  readonly listens?: { readonly register: number; readonly bits: number };
  /** The card's flash, and the RAM that an image wipes. */
  readonly flash: number;
  readonly ram: { readonly address: number; readonly size: number };
  /** What lets the flash be written through its addresses, and what is written after that. */
  readonly fill: { readonly before: readonly Write[]; readonly after: readonly Write[] };
  /** A timer of the chip that no image stops or sets, of 32 bits. */
  readonly timer: {
    readonly start: readonly Write[];
    /** Makes `value` be what the timer is at, where it does not count in there. */
    readonly capture?: Write;
    readonly value: number;
    readonly ticksPerMs: number;
  };
  /** Faults of the port's own port.c that the tests must notice: a timer at half its speed, and bytes that are lost. */
  readonly faults?: { readonly slowTimer: Change; readonly lostBytes: Change };
}

/** Text in a source file, which is there once, and what it becomes. */
export interface Change {
  readonly from: string;
  readonly to: string;
}

export interface Port {
  /** For people. */
  readonly title: string;
  readonly core: Core;
  /** The compiler's flags for the core's kind. */
  readonly flags: readonly string[];
  /** What an image has beside the host, the start and the port's own folder: folder or file names in the project. */
  readonly sources: readonly string[];
  readonly limits: Limits;
  /** Nothing where no machine of QEMU has the chip: its image is built, and not run. */
  readonly emulator?: Emulator;
}
