// A repeatable random source: xoshiro128** (Blackman and Vigna), seeded by SplitMix32.

/** The state of a source, for keeping a copy. */
export type RandomState = readonly number[];

/** The random source of a card. */
export interface RandomSource {
  state: RandomState;
  /** Fills `bytes`. */
  fill(bytes: Uint8Array): void;
}

export class Random implements RandomSource {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** A source determined by `seed` (an integer). */
  constructor(seed: number) {
    let state = seed >>> 0 || 0x9e3779b9;
    const next = () => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** 32 random bits. */
  next(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 4) {
      const word = this.next();
      for (let j = i; j < Math.min(i + 4, bytes.length); j++) bytes[j] = word >>> (8 * (j - i));
    }
  }

  get state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  set state(state: RandomState) {
    [this.#a = 0, this.#b = 0, this.#c = 0, this.#d = 0] = state;
  }
}
