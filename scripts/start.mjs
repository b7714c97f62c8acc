// `npm start`: installs and builds what is missing, then opens the simulator with the demo card. It is one process and
// the only command of the npm script, so the shell replaces itself by it and a signal to npm reaches it.

import { build, install } from "./setup.mjs";

install();
build();
const { main } = await import("../build/js/sim/bundle/dsc-sim.js");
await main(["--demo", ...process.argv.slice(2)]);
