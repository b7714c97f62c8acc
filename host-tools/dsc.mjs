#!/usr/bin/env node
// `dsc`: hands over to main.ts. In a checkout it first builds what is missing; an installed package is built already.

import { existsSync } from "node:fs";

const setup = new URL("../scripts/setup.mjs", import.meta.url);
if (existsSync(setup)) (await import(setup.href)).build();
const { main } = await import("../build/js/host-tools/cli/main.js");
await main(process.argv.slice(2));
