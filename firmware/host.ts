// The functions that the firmware calls on its host: the imports of docs/ABI.md, and nothing else.
//
// Pointers are byte addresses in this module's memory; the host checks each one.

/** Shows the eight ASCII characters at `text`. Eight blanks turn the screen dark. */
export declare function display(text: usize): void;

/** Copies `length` bytes of flash, starting at byte `address`, to `into`. */
export declare function flash_read(address: u32, into: usize, length: u32): void;

/** Programs one aligned 32-bit word: bits can only go from 1 to 0 (NOR). */
export declare function flash_program(address: u32, word: u32): void;

/** Erases one page of flash: every bit of it becomes 1. */
export declare function flash_erase(page: u32): void;

/** Fills `length` bytes at `into` from the random source. Returns 1, or 0 if the source failed. */
export declare function random(into: usize, length: u32): u32;

/** The battery's voltage now, in millivolts. */
export declare function battery(): u32;

/** Sends `length` bytes at `bytes` on the serial line. */
export declare function serial_send(bytes: usize, length: u32): void;

/** The kind of host, one of Kind in wire.ts. A production image has no front panel on the serial line. */
export declare function panel(): u32;

/**
 * Reports that the card turned on (1) or off (0). While it is off, the host may sleep until a contact closes or a byte
 * arrives.
 */
export declare function power(on: u32): void;
