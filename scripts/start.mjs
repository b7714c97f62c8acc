// `npm start`: installs and builds what is missing, then opens the simulator with the demo card. It is one process, and the
// only command of the script: a signal to npm is passed on to the shell, which is this process by then, and ends nothing else.

import { build, install } from "./setup.mjs";

install();
build();
const { main } = await import("../build/js/sim/bundle/dsc-sim.js");
await main(["--demo", ...process.argv.slice(2)]);
