// PINs that are guessed first: the card refuses them as a new PIN, and so do the host tools (firmware/pin.ts: isWeak).

const ZERO = 0x30;

/** Four equal digits, a run up or down (wrapping), a year 19xx or 20xx, or a pair repeated. Bytes are ASCII. */
export function isWeakPin(pin: string | Uint8Array): boolean {
  const digit = (at: number) => (typeof pin === "string" ? pin.charCodeAt(at) : (pin[at] ?? 0)) - ZERO;
  const isPair = digit(0) === digit(2) && digit(1) === digit(3);
  const century = digit(0) * 10 + digit(1);
  return isPair || century === 19 || century === 20 || isRun(digit, 1) || isRun(digit, 9);
}

/** Each digit is the previous one plus `step`, modulo 10. Four equal digits are a pair repeated. */
function isRun(digit: (at: number) => number, step: number): boolean {
  return [1, 2, 3].every((at) => (digit(at - 1) + step) % 10 === digit(at));
}
