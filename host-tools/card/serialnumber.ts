// Serial numbers as printed on the back of a card: IB and seven digits.

const FORM = /^IB[0-9]{7}$/;

/** A text that is no serial number. */
export class SerialNumberError extends Error {
  override name = "SerialNumberError";
  constructor(text: string) {
    super(`${JSON.stringify(text)} is no serial number; give IB and seven digits, such as IB3000123`);
  }
}

export function isSerialNumber(text: string): boolean {
  return FORM.test(text);
}

/** The serial number; throws a SerialNumberError if the text is none. */
export function checkSerialNumber(text: string): string {
  if (!isSerialNumber(text)) throw new SerialNumberError(text);
  return text;
}
