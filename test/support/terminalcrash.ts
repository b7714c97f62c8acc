// A simulator that fails, for the terminal's tests: at the first frame after a key moved, or in a promise.

import { Card } from "../../sim/core/card.js";
import { loadFirmware } from "../../sim/session/firmware.js";
import { runTerminal } from "../../sim/terminal/terminal.js";

const card = new Card(loadFirmware(), { seed: 1 });
const fail = () => {
  throw new Error("a failure that the test made");
};
if (process.argv[2] === "promise") card.watchers.push({ key: () => void Promise.resolve().then(fail) });
else card.watchers.push({ key: fail });
await runTerminal(card, { site: false });
