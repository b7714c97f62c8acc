#!/usr/bin/env node
// `dsc`: builds what is missing, then hands over to main.ts.

import { build } from "../scripts/setup.mjs";

build();
const { main } = await import("../build/js/host-tools/bundle/dsc.js");
await main(process.argv.slice(2));
