// Evidence: a desk that seeds a batch at eight ports, with cards pulled and exchanged at random, ports lost, and the tool killed
// at random, on both engines (desk/campaign.ts says what must hold).

import { PLACES } from "../support/registers.js";
import { scratchFolder } from "../support/scratch.js";
import { NO_POPPLER } from "../support/tools.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { runDesk } from "./desk/campaign.js";

export const DESK: Campaign = {
  name: "desk",
  title: "every card of a batch ends with one key, and no PIN is lost, whatever happens at the bench",
  run,
};

/** Why it cannot be run here; undefined if it can. */
export const SKIPPED = process.platform === "win32" ? "there are no pseudo-terminals here" : NO_POPPLER;

const CARDS = 1000;

async function run({ long, only, log }: Options): Promise<Result> {
  if (SKIPPED) return { figures: [], failures: [], skipped: SKIPPED };
  const figures = new Map<string, Figure>();
  const count = (name: string, value: number, unit: string) =>
    figures.set(name, { name, unit, value: (figures.get(name)?.value ?? 0) + value });
  const failures: Failure[] = [];
  const missing: string[] = [];
  const cases = PLACES.flatMap((place) => {
    if (place.missing) missing.push(place.missing);
    const seeds = place.missing ? [] : long ? [1, 2, 3] : [1];
    return seeds.map((seed) => ({ place, seed, id: `${place.kind}:${seed}` }));
  });
  // Run one engine after the other, because the tool of one would inherit the other's pseudo-terminals and keep lost
  // ports open.
  for (const { place, seed, id } of cases) {
    if (only !== undefined && only !== id) continue;
    log(`${id}: ${CARDS} cards`);
    const options = { where: await place.fresh(), folder: scratchFolder(), cards: CARDS, seed };
    const { disturbances, wrong } = await runDesk(options);
    count("desk_cards", CARDS, "cards");
    for (const [name, value] of Object.entries(disturbances))
      count(`desk_${NAMES[name as keyof typeof NAMES]}`, value, "times");
    failures.push(...wrong.map((what) => ({ id, what })));
  }
  return { figures: [...figures.values()], failures, ...(missing.length > 0 && { skipped: missing.join("; ") }) };
}

const NAMES = {
  pulls: "pulls",
  exchanges: "exchanges",
  lostPorts: "lost_ports",
  kills: "kills",
  again: "put_in_again",
  stops: "stops",
} as const;
