// The campaign known-answers: every known answer that fits, computed by the firmware's crypto and by the host's.

import type { Answer, LeftOut, Origin, Source } from "./answer.js";
import type { Campaign, Failure, Figure, Options, Result } from "./campaign.js";
import { MONTE_CARLO_ANSWERS, NIST_ANSWERS } from "./nistanswers.js";
import { SHARED_ANSWERS, VECTOR_ANSWERS } from "./sharedanswers.js";

const SOURCES: readonly Source[] = [VECTOR_ANSWERS, SHARED_ANSWERS, NIST_ANSWERS, MONTE_CARLO_ANSWERS];

export const KNOWN_ANSWERS: Campaign = {
  name: "known-answers",
  title: "known answers of every algorithm come out, in the firmware's crypto and in the host's",
  run: (options) => Promise.resolve(check(SOURCES, options)),
};

/** The names of the vectors that were answered. */
type Vectors = Readonly<Record<Origin, Set<string>>>;

/** Checks all answers of the sources that are available here. */
export function check(sources: readonly Source[], { only }: Pick<Options, "only">): Result {
  const counts = new Map<string, number>();
  const vectors: Vectors = { published: new Set(), "cross-checked": new Set() };
  const failures: Failure[] = [];
  const here = sources.filter(({ missing }) => missing === undefined);
  for (const answer of answersOf(here)) {
    if (only !== undefined && answer.id !== only) continue;
    counts.set(answer.figure, (counts.get(answer.figure) ?? 0) + 1);
    vectors[answer.origin ?? "published"].add(answer.vector ?? answer.id);
    const what = wrong(answer);
    if (what) failures.push({ id: answer.id, what });
  }
  if (only !== undefined && counts.size === 0) failures.push({ id: only, what: "no answer has this id" });
  const left = here.flatMap((source) => source.leftOut()).filter(({ count }) => count > 0);
  const missing = sources.flatMap((source) => source.missing ?? []);
  return {
    figures: figures(counts, vectors, left),
    failures,
    ...(missing.length > 0 && { skipped: missing.join("; ") }),
  };
}

function* answersOf(sources: readonly Source[]): Generator<Answer> {
  for (const source of sources) yield* source.answers();
}

/** What is wrong with an answer, in a line; undefined if nothing is. */
function wrong({ expected, compute }: Answer): string | undefined {
  try {
    const got = compute();
    return got === expected.toLowerCase() ? undefined : `${expected} is expected, and ${got} came`;
  } catch (error) {
    return `${expected} is expected, and ${String(error)} came`;
  }
}

/** Vectors are counted once each, by their origin; their answers are counted again for each implementation. */
function figures(counts: ReadonlyMap<string, number>, vectors: Vectors, left: readonly LeftOut[]): Figure[] {
  const checked: Figure[] = [...counts].map(([name, value]) => ({ name, value, unit: "answers" }));
  const total = checked.reduce((sum, { value }) => sum + value, 0);
  return [
    ...checked,
    { name: "known_answers_published", value: vectors.published.size, unit: "different vectors that were published" },
    {
      name: "known_answers_cross_checked",
      value: vectors["cross-checked"].size,
      unit: "different vectors that were computed, and that other implementations agree on",
    },
    { name: "known_answers_checks", value: total, unit: "answers of an implementation to a vector" },
    ...left.map(({ name, count, why }) => ({ name: `left_out_${name}`, value: count, unit: `vectors: ${why}` })),
  ];
}
