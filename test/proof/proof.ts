// The whole proof, in parts that can run separately; its assumptions, with their uses; and its results.

import { type Proved, proveCounting } from "./counting.js";
import type { Effects } from "./effects.js";
import type { Firmware } from "./firmware.js";
import type { Verdict } from "./goals.js";
import { proveNeverTwice } from "./nevertwice.js";
import type { Taken } from "./operation.js";
import { type Kind, OPERATIONS } from "./operations.js";
import { proveRecord } from "./record.js";
import { type Case, Setting } from "./setting.js";
import type { Solver } from "./solver.js";

/** The assumptions of the proof; docs/PROOF.md explains each. */
export const ASSUMPTIONS: readonly string[] = [
  "flash is NOR, as in docs/FLASH.md: a program clears bits, a power cut leaves any subset of them cleared, a read is right",
  "the chip makes no fault: every instruction does what the specification of WebAssembly says",
  "cryptographic functions are unknown functions: only the words that they write are known",
  "the check value of a record is a function of its seed and its bytes; nothing else is known of it",
  "CRC-32 does not hold by chance on the head of a page that was erased in part",
  "a page is committed fewer than 2^32 - 3 times, and the check value of the very first page does not look erased",
];

/** A piece of the proof: small enough to be asked for by its name. */
export interface Piece {
  /** As `counts/2`, `pin/2/17` or `mount/2/second`. */
  readonly id: string;
  readonly run: (firmware: Firmware, effects: Effects, solver: Solver, keep?: Keep) => readonly Verdict[];
}

/** Takes the text of the queries of a case, and its name. */
export type Keep = (name: string, text: string) => void;

/** The page on which operations are proved if not all are: both bits of its number differ from those of the next page. */
const ONE_PAGE = 2;

/** Every piece: the operations on every page, or on one (`isWhole` false). */
export function pieces(isWhole: boolean): readonly Piece[] {
  const counts = [0, 1, 2, 3].map(countsOf);
  const operations = Object.entries(OPERATIONS).flatMap(([name, kind]) => {
    const pages = kind.pages.filter((page) => isWhole || page === ONE_PAGE || kind.pages.length === 1);
    return pages.flatMap((page) => operationsOf(name, kind, page));
  });
  return [{ id: "check-values", run: proveNeverTwice }, { id: "record", run: proveRecord }, ...counts, ...operations];
}

function countsOf(page: number): Piece {
  return { id: `counts/${page}`, run: (firmware, _effects, solver) => proveCounting(firmware, solver, page) };
}

/** An operation on a page: a piece for each split and sequence number. */
function operationsOf(name: string, kind: Kind, page: number): readonly Piece[] {
  return kind.splits.flatMap((split) =>
    kind.takes.map((taken) => {
      const id = [name, page, ...Object.values(split), ...(taken > 1 ? ["second"] : [])].join("/");
      const one: Case = { page, ...split };
      return {
        id,
        run: (firmware, effects, solver, keep) => [
          proveOperation(
            firmware,
            effects,
            solver,
            kind,
            one,
            taken,
            keep && ((text) => keep(id.replaceAll("/", "-"), text)),
          ),
        ],
      } satisfies Piece;
    }),
  );
}

/** Proves an operation in one case. */
function proveOperation(
  firmware: Firmware,
  effects: Effects,
  solver: Solver,
  { make, begins }: Kind,
  one: Case,
  taken: Taken,
  keep?: (text: string) => void,
): Proved {
  const operation = make(new Setting(firmware, effects, one, begins), taken);
  operation.run();
  return operation.decide(solver, keep);
}

/** Looks for a content that refutes an operation in one case; `areSome`: a few of its goals are enough. */
export function refuteOperation(
  firmware: Firmware,
  effects: Effects,
  solver: Solver,
  { make, begins }: Kind,
  one: Case,
  areSome: boolean,
): Proved {
  const operation = make(new Setting(firmware, effects, one, begins), 1);
  operation.setting.goals.isRefutation = areSome;
  operation.run();
  return operation.decide(solver);
}
