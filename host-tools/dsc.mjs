#!/usr/bin/env node
// `dsc`: hands over to main.ts. In a checkout it first builds what is missing; an installed package is built already.

import { existsSync } from "node:fs";

const setup = new URL("../scripts/setup.mjs", import.meta.url);
const isCheckout = existsSync(setup);
if (isCheckout) (await import(setup.href)).build({ unused: ["sim"] });
// The bundle loads in half the time. The package has the modules instead, since other programs import them.
const { main } = await import(
  isCheckout ? "../build/js/host-tools/bundle/dsc.js" : "../build/js/host-tools/cli/main.js"
);
await main(process.argv.slice(2));
