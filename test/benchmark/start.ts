// How long the programs take to start, by the clock and from outside.

import { spawnSync } from "node:child_process";
import { DSC, LAUNCHER } from "../support/simprocess.js";
import type { Figure } from "./interfaces.js";

const ROUNDS = 20;

export function startFigures(): Figure[] {
  return [
    { name: "dsc_version_ms", value: median([DSC, "--version"]), unit: "ms of dsc --version, with its process" },
    {
      name: "sim_headless_ms",
      value: median([LAUNCHER, "--headless"]),
      unit: "ms of dsc-sim --headless, with its process",
    },
  ];
}

/** The median time of several runs, with nothing on stdin, in ms. */
function median(args: readonly string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { input: "" });
    if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
    return performance.now() - started;
  });
  return Math.round(times.sort((a, b) => a - b)[times.length >> 1] as number);
}
