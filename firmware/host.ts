// What the firmware asks of its host: the imports of docs/ABI.md, and nothing else.
//
// Pointers are byte addresses in this module's memory; the host checks each one.

/** Shows eight ASCII characters, read at `text`. All blanks: the screen is dark. */
export declare function display(text: usize): void;

/** Copies `length` bytes of flash, from byte `address` on, to `into`. */
export declare function flash_read(address: u32, into: usize, length: u32): void;

/** Programs one aligned 32-bit word: bits can only go from 1 to 0 (NOR). */
export declare function flash_program(address: u32, word: u32): void;

/** Erases one page of flash: every bit of it becomes 1. */
export declare function flash_erase(page: u32): void;

/** Fills `length` bytes at `into` from the random source. Returns 1, or 0 where the source failed. */
export declare function random(into: usize, length: u32): u32;

/** The battery's voltage now, in millivolts. */
export declare function battery(): u32;

/** Sends `length` bytes at `bytes` on the serial line. */
export declare function serial_send(bytes: usize, length: u32): void;

/** Which kind of host this is, as `Kind` in wire.ts numbers them: a production image leaves the front panel out. */
export declare function panel(): u32;

/** Says that the card turned on (1) or off (0; the host may sleep until a contact or a byte). */
export declare function power(on: u32): void;
