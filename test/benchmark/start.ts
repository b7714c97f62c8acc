// How long the programs take to start, by the clock and from outside.

import { spawnSync } from "node:child_process";
import { DSC, LAUNCHER } from "../support/simprocess.js";
import type { Figure } from "./interfaces.js";

const ROUNDS = 15;

export function startFigures(): Figure[] {
  return [
    { name: "dsc_start_ms", value: best([DSC, "--version"]), unit: "ms of dsc --version, with its process" },
    {
      name: "dsc_sim_start_ms",
      value: best([LAUNCHER, "--headless"]),
      unit: "ms of dsc-sim --headless, with its process",
    },
  ];
}

/** The shortest time of several runs, with nothing on stdin, in ms. */
function best(args: readonly string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { input: "" });
    if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
    return performance.now() - started;
  });
  return Math.round(Math.min(...times));
}
