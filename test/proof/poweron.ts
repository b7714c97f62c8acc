// What power-on writes: `mount` clears pages and finishes a wipe, the first start makes the first page, and a locking or
// blocking that power interrupted is finished.

import type { Operation as FlashOperation } from "./host.js";
import { neverStarted } from "./invariant.js";
import type { State } from "./machine.js";
import { Operation, type Taken, Told } from "./operation.js";
import { addInvariant, IMAGE_WORDS, type Setting } from "./setting.js";
import type { Value } from "./terms.js";
import { addIsWiped, addNoRootOfBefore, knowBlankRoots } from "./wiping.js";

/** Power-on: memory is unknown. */
export class Mount extends Operation {
  readonly name = "pages/mount";
  protected override readonly wipes = true;

  constructor(setting: Setting, taken: Taken) {
    super(setting, taken);
    const { start, terms, firmware } = setting;
    const { image, current } = firmware.layout;
    for (let i = 0; i < IMAGE_WORDS; i++) start.memory.set(image / 4 + i, terms.variable(`image${i}`));
    start.memory.set(current / 4, terms.variable("current"));
    knowBlankRoots(setting);
  }

  /** A page that is committed here ends a wipe. */
  protected override operating(operation: FlashOperation): void {
    if (operation.kind !== "program" || !this.commits(operation)) return;
    addNoRootOfBefore(this.setting, operation, this.next);
    addIsWiped(this.setting, operation, this.next);
  }

  /** If it did not succeed, the card shows ERROR or turns off, and only another power-on follows. */
  protected override ended(end: State): void {
    const { goals, terms } = this.setting;
    const isTold = [Told.DONE, Told.FLASH, Told.RANDOM, Told.BATTERY].map((one) => terms.eq(end.top(), one));
    goals.add("told: one of these", end, terms.or(...isTold));
    const done = this.whereDone(end);
    if (done) this.agrees(done);
  }
}

/** The first power-on: it counts as an operation on the last page, which is not one. */
export class FirstStart extends Mount {
  protected override sequence(): Value {
    return 0;
  }

  protected override operating(operation: FlashOperation): void {
    if (operation.kind === "program" && this.commits(operation)) addIsWiped(this.setting, operation, this.next);
  }

  /** Until the first page was committed, the next power-on is a first start again. */
  protected override judge(when: string, state: State, page = this.current(state)): void {
    if (page === this.next) return addInvariant(this.setting, when, state, page);
    for (const { name, holds } of neverStarted(this.setting.view(state.flash)))
      this.setting.goals.add(`never started ${when}: ${name}`, state, holds);
  }
}

/** After power-on: a locking or blocking that power interrupted is finished. */
export class FirstState extends Operation {
  readonly name = "card/firstState";
}
