// Groups the errors of talking to a card, as opposed to bugs of these tools.

import { CardInError, PortError } from "../files/errors.js";
import { BadAnswer, CardRefused, LineClosed, NoAnswer, OtherProtocol } from "./errors.js";

/** There is no port, or no card that these tools know. */
export function isUnreached(error: unknown): boolean {
  return [PortError, NoAnswer, LineClosed, OtherProtocol, BadAnswer].some((known) => error instanceof known);
}

/** No card was reached, or it refused what was asked. */
export function isFailure(error: unknown): boolean {
  return isUnreached(error) || error instanceof CardRefused || error instanceof CardInError;
}
