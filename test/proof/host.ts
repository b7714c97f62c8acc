// The host as the proof sees it: flash as docs/FLASH.md has it, any battery, any random bytes.

import { type Hook, type Machine, PAGE_WORDS, type State } from "./machine.js";
import type { Terms, Value } from "./terms.js";
import type { WasmModule } from "./wasm.js";

export const ERASED = 0xffffffff;

/** A flash operation that is about to be done; the state is as it is before. */
export type Operation =
  | { readonly kind: "program"; readonly state: State; readonly index: number; readonly value: Value }
  | { readonly kind: "erase"; readonly state: State; readonly page: number };

export interface Host {
  /** Called before each flash operation. */
  readonly onOperation?: (operation: Operation) => void;
  readonly battery: () => Value;
  /** What the random source says: whether it works, and its bytes. */
  readonly random: () => Value;
  readonly randomByte: () => Value;
  readonly panel?: () => Value;
}

/** The hooks of all imports. */
export function importHooks(module: WasmModule, host: Host): Map<number, Hook> {
  const nothing: Hook = (_machine, state) => [state];
  const giving =
    (value: () => Value): Hook =>
    (_machine, state) => {
      state.stack.push(value());
      return [state];
    };
  const hooks: Readonly<Record<string, Hook>> = {
    flash_read: (machine, state, args) => {
      const [address, into, length] = args.map((value) => machine.address(value)) as [number, number, number];
      read(machine, state, address, into, length);
      return [state];
    },
    flash_program: (machine, state, [address, value]) => {
      const at = machine.address(address as Value);
      if (at % 4 !== 0 || at >= 4096) throw new Error(`programs at ${at}: no word of the flash`);
      const here = machine.terms.restrict(value as Value, state.path);
      host.onOperation?.({ kind: "program", state, index: at / 4, value: here });
      state.flash.set(at / 4, machine.terms.bitand(state.flash.get(at / 4), here));
      return [state];
    },
    flash_erase: (machine, state, [page]) => {
      const number = machine.address(page as Value);
      if (number >= 4) throw new Error(`erases page ${number}: there is none`);
      host.onOperation?.({ kind: "erase", state, page: number });
      for (const index of wordsOf(number)) state.flash.set(index, ERASED);
      return [state];
    },
    battery: giving(host.battery),
    panel: giving(host.panel ?? (() => 3)),
    random: (machine, state, [into, length]) => {
      const at = machine.address(into as Value);
      for (let i = 0; i < machine.address(length as Value); i++) machine.storeByte(state, at + i, host.randomByte());
      state.stack.push(host.random());
      return [state];
    },
    display: nothing,
    power: nothing,
    serial_send: nothing,
  };
  return new Map(module.imports.map(({ name }, index) => [index, hooks[name] as Hook]));
}

function read(machine: Machine, state: State, address: number, into: number, length: number): void {
  const isWhole = (address | into | length) % 4 === 0;
  for (let i = 0; i < length; i += isWhole ? 4 : 1) {
    const word = state.flash.get((address + i) >>> 2);
    if (isWhole) machine.storeWord(state, into + i, word);
    else machine.storeByte(state, into + i, machine.terms.byte(word, (address + i) & 3));
  }
}

/** What an operation leaves of flash where power fails before, in or after it: any of the bits may have changed. */
export function torn(terms: Terms, operation: Operation): State {
  const left = operation.state.copy();
  const { flash } = left;
  if (operation.kind === "program") {
    const { index, value } = operation;
    flash.set(index, terms.bitand(flash.get(index), terms.bitor(value, terms.fresh("torn"))));
  } else
    for (const index of wordsOf(operation.page)) flash.set(index, terms.bitor(flash.get(index), terms.fresh("torn")));
  return left;
}

function wordsOf(page: number): readonly number[] {
  return Array.from({ length: PAGE_WORDS }, (_, i) => page * PAGE_WORDS + i);
}
