// A session with one simulated card, by the algorithms of Node and of the host tools.

import { ocra } from "../../host-tools/seeds/ocra.js";
import { personalize } from "./cardcommands.js";
import { CardSession, type SessionOptions, type SessionTools } from "./cardsession.js";
import { DEMO } from "./demo.js";
import type { Response } from "./language/steps.js";

/** The response to a challenge under a suite, by node:crypto. */
export const response: Response = (suite, key, challenge) => ocra(suite, key, { challenge });

const TOOLS: SessionTools = { response, personalize: (card) => personalize(card, DEMO) };

export class Session extends CardSession {
  constructor(options: SessionOptions) {
    super(options, TOOLS);
  }
}
