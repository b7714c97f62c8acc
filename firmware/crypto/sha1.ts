// SHA-1's compression function (FIPS 180-4 §6.1.2), for the OATH suites that ask for it.

/** Sets the five 32-bit words at `state` to H(0) (§5.3.1). */
export function init(state: usize): void {
  store<u32>(state, 0x67452301, 0);
  store<u32>(state, 0xefcdab89, 4);
  store<u32>(state, 0x98badcfe, 8);
  store<u32>(state, 0x10325476, 12);
  store<u32>(state, 0xc3d2e1f0, 16);
}

/** Folds the 64 bytes at `block` into `state`. The block is used as the message schedule and is lost. */
export function compress(state: usize, block: usize): void {
  let a = load<u32>(state, 0);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  for (let t: u32 = 0; t < 80; t++) {
    const at = block + ((t & 15) << 2);
    let w = load<u32>(at);
    if (t < 16) {
      w = bswap<u32>(w);
    } else {
      w ^= load<u32>(block + (((t + 13) & 15) << 2));
      w ^= load<u32>(block + (((t + 8) & 15) << 2));
      w ^= load<u32>(block + (((t + 2) & 15) << 2));
      w = rotl<u32>(w, 1);
    }
    store<u32>(at, w);
    // f(t) + K(t), §4.1.1 and §4.2.1.
    let mixed: u32;
    if (t < 20) mixed = (d ^ (b & (c ^ d))) + 0x5a827999;
    else if (t < 40) mixed = (b ^ c ^ d) + 0x6ed9eba1;
    else if (t < 60) mixed = ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
    else mixed = (b ^ c ^ d) + 0xca62c1d6;
    const next = rotl<u32>(a, 5) + mixed + e + w;
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  store<u32>(state, load<u32>(state, 0) + a, 0);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
}
