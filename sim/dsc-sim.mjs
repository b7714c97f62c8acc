#!/usr/bin/env node
// `dsc-sim`: builds what is missing, then hands over to main.ts.

import { build } from "../scripts/setup.mjs";

build();
const { main } = await import("../build/js/sim/bundle/dsc-sim.js");
await main(process.argv.slice(2));
