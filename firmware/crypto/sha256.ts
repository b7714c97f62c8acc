// SHA-256's compression function (FIPS 180-4 §6.2.2).
//
// XORed rotations (§4.1.2) are nested, each by its difference to the next, which keeps one value less.

import { H0, K, UPPER } from "./sha2";

/** Sets the eight 32-bit words at `state` to H(0) (§5.3.3). */
export function init(state: usize): void {
  for (let i: usize = 0; i < 8; i++) store<u32>(state + (i << 2), load<u32>(H0 + (i << 3), UPPER));
}

/** Folds the 64 bytes at `block` into `state`. The block is used as the message schedule and is lost. */
export function compress(state: usize, block: usize): void {
  let a = load<u32>(state, 4 * 0);
  let b = load<u32>(state, 4 * 1);
  let c = load<u32>(state, 4 * 2);
  let d = load<u32>(state, 4 * 3);
  let e = load<u32>(state, 4 * 4);
  let f = load<u32>(state, 4 * 5);
  let g = load<u32>(state, 4 * 6);
  let h = load<u32>(state, 4 * 7);
  for (let t: u32 = 0; t < 64; t++) {
    const at = block + ((t & 15) << 2);
    let w = load<u32>(at);
    if (t < 16) {
      w = bswap<u32>(w);
    } else {
      const w15 = load<u32>(block + (((t + 1) & 15) << 2));
      const w2 = load<u32>(block + (((t + 14) & 15) << 2));
      const sigma0 = rotr<u32>(w15 ^ rotr<u32>(w15, 11), 7) ^ (w15 >> 3);
      const sigma1 = rotr<u32>(w2 ^ rotr<u32>(w2, 2), 17) ^ (w2 >> 10);
      w += sigma0 + load<u32>(block + (((t + 9) & 15) << 2)) + sigma1;
    }
    store<u32>(at, w);
    const sum1 = rotr<u32>(e ^ rotr<u32>(e ^ rotr<u32>(e, 14), 5), 6);
    const t1 = h + sum1 + (g ^ (e & (f ^ g))) + load<u32>(K + (t << 3), UPPER) + w;
    const sum0 = rotr<u32>(a ^ rotr<u32>(a ^ rotr<u32>(a, 9), 11), 2);
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
  add(state, 4 * 0, a);
  add(state, 4 * 1, b);
  add(state, 4 * 2, c);
  add(state, 4 * 3, d);
  add(state, 4 * 4, e);
  add(state, 4 * 5, f);
  add(state, 4 * 6, g);
  add(state, 4 * 7, h);
}

function add(state: usize, offset: usize, value: u32): void {
  store<u32>(state + offset, load<u32>(state + offset) + value);
}
