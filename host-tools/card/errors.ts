// Why a card, or a value for it, cannot be used, each with one line for people. Apart from other errors it imports
// nothing, so that using an error loads no code of the line and no cryptography.

import { PortError } from "../files/errors.js";

/** The port can be opened, but no card answers. */
export class NoCard extends PortError {
  override name = "NoCard";
}

/** Nobody answered. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
  constructor(name?: string) {
    super(`${name === undefined ? "" : `${name}: `}the card does not answer`);
  }
}

/** The line ended or failed: it was unplugged, or closed on this side. */
export class LineClosed extends Error {
  override name = "LineClosed";
}

/** The card speaks another version of the protocol. */
export class OtherProtocol extends Error {
  override name = "OtherProtocol";
}

/** The card's answer does not fit the command. */
export class BadAnswer extends Error {
  override name = "BadAnswer";
}

/** The card refused a command. */
export class CardRefused extends Error {
  override name = "CardRefused";
  constructor(
    message: string,
    /** The command's name. */
    readonly command: string,
    /** The status word of the answer. */
    readonly sw: number,
  ) {
    super(message);
  }
}

/** Card and host have different keys, or the card's answer was changed on the way. */
export class AuthenticationFailed extends Error {
  override name = "AuthenticationFailed";
}

/** A text that is no serial number. */
export class SerialNumberError extends Error {
  override name = "SerialNumberError";
  constructor(text: string) {
    super(`${JSON.stringify(text)} is no serial number; give IB and seven digits, such as IB3000123`);
  }
}

/** A value that does not fit its field. The message never contains the value, which may be secret. */
export class ValueError extends Error {
  override name = "ValueError";
}
