// PINs that are guessed first: the card refuses them for a new PIN, and so do the host tools (firmware/pin.ts: isWeak).

const PIN = /^[0-9]{4}$/;

/** Whether it is a PIN at all: four digits. */
export function isPin(pin: string): boolean {
  return PIN.test(pin);
}

/** Four equal digits, a run up or down (wrapping), a year 19xx or 20xx, or a pair repeated. */
export function isWeakPin(pin: string): boolean {
  const isPair = pin.slice(0, 2) === pin.slice(2);
  const isYear = pin.startsWith("19") || pin.startsWith("20");
  return isPair || isYear || isRun(pin, 1) || isRun(pin, 9);
}

/** Each digit is the one before plus `step`, 0 following 9. Four equal digits are a pair repeated. */
function isRun(pin: string, step: number): boolean {
  return [1, 2, 3].every((at) => (Number(pin[at - 1]) + step) % 10 === Number(pin[at]));
}
