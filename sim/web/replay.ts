// Plays a script of `dsc-sim run` (docs/SCRIPTING.md) on a card of its own, with the files that came with it.

import { Flash } from "../core/flash.js";
import { isPlausible } from "../core/image.js";
import { CardSession, type SessionTools } from "../session/cardsession.js";
import { type Failure, firstFailure, type Script } from "../session/playing.js";
import { UserError } from "../session/usererror.js";
import { freshSeed, type MadeCard, personalizeDemo } from "./democard.js";
import { ocra } from "./ocra.js";

const TOOLS: SessionTools = {
  response: (suite, key, challenge) => ocra(suite, key, { challenge }),
  personalize: personalizeDemo,
};

/** The contents of files, by their names without folders. */
export type Files = ReadonlyMap<string, Uint8Array>;

/**
 * Plays a script to its end or to its first error, which it returns. `begun` gets the card before the first command runs,
 * and is not called if the script fails before that.
 */
export function replay(
  module: WebAssembly.Module,
  script: Script,
  files: Files,
  begun: (made: MadeCard) => void,
): Failure | undefined {
  const session = new CardSession(
    {
      module,
      seed: freshSeed(),
      openFlash: (path) => new Flash(flashIn(files, path)),
      onStart: (card, setup) => begun({ card, setup }),
    },
    TOOLS,
  );
  const failure = firstFailure(script, session);
  if (!failure) session.begin();
  return failure;
}

/** The flash in the file that a script names. */
function flashIn(files: Files, path: string): Uint8Array {
  const name = path.split(/[\\/]/).at(-1) as string;
  const flash = files.get(name);
  if (!flash) throw new UserError(`flash: the page cannot open files itself; choose ${name} together with the script`);
  if (!isPlausible(flash)) throw new UserError(`flash: ${name} is not the flash of a card`);
  return flash;
}
