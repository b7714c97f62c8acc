// Serial numbers as printed on the back of a card: IB and seven digits.

import { SerialNumberError } from "./errors.js";

const FORM = /^IB[0-9]{7}$/;

export function isSerialNumber(text: string): boolean {
  return FORM.test(text);
}

/** The serial number; throws a SerialNumberError if the text is none. */
export function checkSerialNumber(text: string): string {
  if (!isSerialNumber(text)) throw new SerialNumberError(text);
  return text;
}
