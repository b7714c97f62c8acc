// The emulated card's flash is kept in a file while the card runs, and not after its keeper is closed.

import * as assert from "uvu/assert";
import { FlashKeeper } from "../../board/emulator/flashkeeper.js";
import { Flash } from "../../sim/core/flash.js";
import { suite } from "../support/suite.js";

const test = suite("board: the file that keeps the emulated flash");

/** A stopped machine, whose flash is read when the test says so. */
class RestingMachine {
  readonly bytes = Buffer.from(new Flash().bytes);
  readonly reads: (() => void)[] = [];

  readFlash(): Promise<Buffer> {
    return new Promise((resolve) => this.reads.push(() => resolve(this.bytes)));
  }

  isRunning(): Promise<boolean> {
    return Promise.resolve(false);
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  /** Answers reads until there are no more. */
  async answer(): Promise<void> {
    for (let read = this.reads.shift(); read; read = this.reads.shift()) {
      read();
      await new Promise(setImmediate);
    }
  }
}

/** Runs `body` with timers that go off when the test calls them, in `due`. */
async function withTimersByHand(body: (due: (() => void)[]) => Promise<void>): Promise<void> {
  const { setTimeout: real } = globalThis;
  const due: (() => void)[] = [];
  const timer = real(() => {}, 0);
  globalThis.setTimeout = ((callback: () => void) => {
    due.push(callback);
    return timer;
  }) as typeof setTimeout;
  try {
    await body(due);
  } finally {
    globalThis.setTimeout = real;
  }
}

test("after each save the next one is scheduled, even if the machine reported an error", () =>
  withTimersByHand(async (due) => {
    const machine = new RestingMachine();
    const flash = new Flash();
    new FlashKeeper(machine, flash);
    machine.bytes[0] = 0x5a;
    due.shift()?.();
    await machine.answer();
    assert.is(flash.bytes[0], 0x5a);
    assert.is(due.length, 1);
    machine.readFlash = () => Promise.reject(new Error("QEMU ended"));
    due.shift()?.();
    await new Promise(setImmediate);
    assert.is(due.length, 1);
  }));

test("closed while it saves, it saves once more and schedules nothing", () =>
  withTimersByHand(async (due) => {
    const machine = new RestingMachine();
    const flash = new Flash();
    const keeper = new FlashKeeper(machine, flash);
    due.shift()?.();
    assert.is(machine.reads.length, 1);
    const closed = keeper.close();
    machine.bytes[0] = 0x5a;
    await machine.answer();
    await closed;
    assert.is(flash.bytes[0], 0x5a);
    assert.is(due.length, 0);
  }));

test.run();
