// What a campaign is: a question asked of the card very many times, and the figures of the answer.
//
// Each campaign is a file of this folder and is run by `npm run evidence`; its short form is a test beside it.

/** How a campaign is run. */
export interface Options {
  /** The whole of it, however long that takes; otherwise its part of the half hour that all of them have. */
  readonly long: boolean;
  /** Only the case with this id, as a failure named it. */
  readonly only?: string;
  /** Tells people how far it is. */
  readonly log: (line: string) => void;
}

/** A figure for docs/EVIDENCE.md and build/evidence.json. */
export interface Figure {
  /** In snake case: `power_cuts_single`. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** A case in which the card did not keep its promise. */
export interface Failure {
  /** Replays the case: `npm run evidence -- power-cuts --only ID`, with `--long` where that found it. */
  readonly id: string;
  /** What was expected and what happened, in a line. */
  readonly what: string;
}

export interface Result {
  readonly figures: readonly Figure[];
  readonly failures: readonly Failure[];
  /** Why (a part of) it could not be run here, where it could not. */
  readonly skipped?: string;
}

export interface Campaign {
  /** As on the command line: `power-cuts`. */
  readonly name: string;
  /** What it shows, in a line. */
  readonly title: string;
  run(options: Options): Promise<Result>;
}
