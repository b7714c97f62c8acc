// The whole proof, in parts that can run separately; its assumptions, with their uses; and its results.

import { proveCounting } from "./counting.js";
import type { Effects } from "./effects.js";
import type { Firmware } from "./firmware.js";
import type { Verdict } from "./goals.js";
import { PAGES } from "./invariant.js";
import { provePinCheck } from "./pincheck.js";
import type { Case } from "./setting.js";
import type { Solver } from "./solver.js";
import { PIN } from "./spec.js";

/** The assumptions of the proof; docs/PROOF.md explains each. */
export const ASSUMPTIONS: readonly string[] = [
  "flash is NOR, as docs/FLASH.md has it: a program clears bits, a cut leaves any subset of them, a read is right",
  "the chip makes no fault: every instruction does what the specification of WebAssembly says",
  "cryptography is unknown functions: nothing is known of what they give, but which words they write",
  "the check value of a record is a function of its bytes and its seed, and nothing else is known of it",
  "memory says of the page that counts what flash says when an operation begins, as after mount",
  "the flash that an operation begins with satisfies the invariant",
];

/** A piece of the proof: small enough to be asked for by its name. */
export interface Piece {
  /** As `counts/2` or `pin/2/17`. */
  readonly id: string;
  readonly run: (firmware: Firmware, effects: Effects, solver: Solver, keep?: Keep) => readonly Verdict[];
}

/** Takes the text of the queries of a case, and its name. */
export type Keep = (name: string, text: string) => void;

/** The page on which the PIN check is proved where not all are: both bits of its number, and the next one's, differ. */
const ONE_PAGE = 2;

/**
 * The counts of every page, and the PIN check for each first free slot: on every page, or on one (`isWhole` false). That no
 * slot is free, so that a page has to be committed first, is no piece yet (docs/PROOF.md).
 */
export function pieces(isWhole: boolean): readonly Piece[] {
  const pages = Array.from({ length: PAGES }, (_, page) => page);
  const checks = (page: number) => Array.from({ length: PIN.slots }, (_, free) => checkOf(page, free));
  return [...pages.map(countsOf), ...(isWhole ? pages : [ONE_PAGE]).flatMap(checks)];
}

function countsOf(page: number): Piece {
  return { id: `counts/${page}`, run: (firmware, _effects, solver) => proveCounting(firmware, solver, page) };
}

function checkOf(page: number, freePin: number): Piece {
  const one: Case = { page, freePin };
  return {
    id: `pin/${page}/${freePin}`,
    run: (firmware, effects, solver, keep) => [
      provePinCheck(firmware, effects, solver, one, keep && ((text) => keep(`pin-${page}-${freePin}`, text))),
    ],
  };
}
