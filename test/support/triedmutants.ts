// The mutants that are tried: always the most important ones; all of them if MUTANTS=all is set.

export interface Telling {
  /** Always tried; the others only if MUTANTS=all is set. */
  readonly telling?: true;
}

/** The mutants that are tried now. */
export function tried<T extends Telling>(mutants: readonly T[]): readonly T[] {
  return process.env.MUTANTS === "all" ? mutants : mutants.filter(({ telling }) => telling);
}
