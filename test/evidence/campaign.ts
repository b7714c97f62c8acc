// A campaign tests one question about the card very many times, and reports figures.
//
// Each campaign is a file of this folder and is run by `npm run evidence`; its short form is a test beside it.

/** How a campaign is run. */
export interface Options {
  /** Runs the whole campaign, however long that takes; otherwise its share of the half hour that all campaigns have. */
  readonly long: boolean;
  /** Only the case with this id, from the report of a failure. */
  readonly only?: string;
  /** Reports progress to people. */
  readonly log: (line: string) => void;
}

/** A figure for docs/EVIDENCE.md and build/evidence.json. */
export interface Figure {
  /** In snake case: `power_cuts_single`. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** A case in which the card broke a promise. */
export interface Failure {
  /** Replays the case: `npm run evidence -- power-cuts --only ID`, with `--long` if the long form found it. */
  readonly id: string;
  /** What was expected and what happened, in a line. */
  readonly what: string;
}

export interface Result {
  readonly figures: readonly Figure[];
  readonly failures: readonly Failure[];
  /** Why all or a part of it could not be run here, if so. */
  readonly skipped?: string;
}

export interface Campaign {
  /** As on the command line: `power-cuts`. */
  readonly name: string;
  /** What it shows, in a line. */
  readonly title: string;
  run(options: Options): Promise<Result>;
}
