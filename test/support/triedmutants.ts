// Which mutants are tried: those that tell most, each time; all of them where MUTANTS=all is set.

export interface Telling {
  /** Tried each time; the others where MUTANTS=all is set. */
  readonly telling?: true;
}

/** The mutants that are tried now. */
export function tried<T extends Telling>(mutants: readonly T[]): readonly T[] {
  return process.env.MUTANTS === "all" ? mutants : mutants.filter(({ telling }) => telling);
}
