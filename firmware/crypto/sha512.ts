// SHA-512's compression function (FIPS 180-4 §6.4.2). Rotations are nested as in sha256.ts.

import { H0, K } from "./sha2";

/** Sets the eight 64-bit words at `state` to H(0) (§5.3.5). */
export function init(state: usize): void {
  memory.copy(state, H0, 64);
}

/** Folds the 128 bytes at `block` into `state`. The block is used as the message schedule and is lost. */
export function compress(state: usize, block: usize): void {
  let a = load<u64>(state, 8 * 0);
  let b = load<u64>(state, 8 * 1);
  let c = load<u64>(state, 8 * 2);
  let d = load<u64>(state, 8 * 3);
  let e = load<u64>(state, 8 * 4);
  let f = load<u64>(state, 8 * 5);
  let g = load<u64>(state, 8 * 6);
  let h = load<u64>(state, 8 * 7);
  for (let t: u32 = 0; t < 80; t++) {
    const at = block + ((t & 15) << 3);
    let w = load<u64>(at);
    if (t < 16) {
      w = bswap<u64>(w);
    } else {
      const w15 = load<u64>(block + (((t + 1) & 15) << 3));
      const w2 = load<u64>(block + (((t + 14) & 15) << 3));
      const sigma0 = rotr<u64>(w15 ^ rotr<u64>(w15, 7), 1) ^ (w15 >> 7);
      const sigma1 = rotr<u64>(w2 ^ rotr<u64>(w2, 42), 19) ^ (w2 >> 6);
      w += sigma0 + load<u64>(block + (((t + 9) & 15) << 3)) + sigma1;
    }
    store<u64>(at, w);
    const sum1 = rotr<u64>(e ^ rotr<u64>(e ^ rotr<u64>(e, 23), 4), 14);
    const t1 = h + sum1 + (g ^ (e & (f ^ g))) + load<u64>(K + (t << 3)) + w;
    const sum0 = rotr<u64>(a ^ rotr<u64>(a ^ rotr<u64>(a, 5), 6), 28);
    const t2 = sum0 + ((a & b) | (c & (a | b)));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  add(state, 8 * 0, a);
  add(state, 8 * 1, b);
  add(state, 8 * 2, c);
  add(state, 8 * 3, d);
  add(state, 8 * 4, e);
  add(state, 8 * 5, f);
  add(state, 8 * 6, g);
  add(state, 8 * 7, h);
}

function add(state: usize, offset: usize, value: u64): void {
  store<u64>(state + offset, load<u64>(state + offset) + value);
}
