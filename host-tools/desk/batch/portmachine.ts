// What happens at one port of a bench that seeds a batch: states, events and actions. It is a pure table without access
// to port, card or register; benchport.ts carries it out.
//
//   away     the port is not there           seeding  a card is being seeded
//   empty    no card answers on it           done     its card is done and waits to be taken out
//   asking   a card answers; the register    refused  its card cannot be used and waits to be taken out
//            is asked what it becomes        waiting  its card is good, but no row is free for it now
//   stopped  three failures in a row         ended    nothing is left to do here
//
// An entry of a state names the event, the action, and the state that follows. An event that a state has no entry for
// cannot happen there, or changes nothing.

export type State = "away" | "empty" | "asking" | "seeding" | "done" | "refused" | "waiting" | "stopped" | "ended";

export type Event =
  /** The port was opened. */
  | "opened"
  /** The port is gone, or cannot be opened any more. */
  | "lost"
  /** A card answers. */
  | "card"
  /** A card answers that cannot be used: it is in ERROR, or speaks another protocol. */
  | "dead"
  /** The card does not answer any more. */
  | "gone"
  /** Another card answers than before. */
  | "swapped"
  /** The register has a row for the card. */
  | "row"
  /** The card is already done. */
  | "known"
  /** The card does not belong to this batch. */
  | "foreign"
  /** No row is free at the moment. */
  | "none"
  /** It is time to ask again. */
  | "again"
  /** The card is seeded. */
  | "seeded"
  /** Seeding failed, and the card is still there. */
  | "failed"
  /** Seeding failed, or a dead card was found, for the third time in a row. */
  | "third"
  /** No row is pending any more, or no further card may be begun. */
  | "complete"
  /** All work ends at once. */
  | "end";

export type Action =
  /** Try to open the port until it opens: opened. */
  | "open"
  /** Say hello until a card answers: card, dead, lost. */
  | "look"
  /** Ask the register for a row: row, known, foreign, none, complete. */
  | "ask"
  /** Seed the card: seeded, failed, gone, swapped, lost. */
  | "seed"
  /** Have the card taken out: gone, swapped, lost. */
  | "take out"
  /** Leave the card where it is for a while: again, gone, swapped, lost. */
  | "wait"
  /** Close the port. */
  | "close"
  /** Continue the current action. */
  | "go on";

export type Cell = readonly [action: Action, next: State];

const STAY = (state: State): Cell => ["go on", state];

export const STATES: readonly State[] = [
  ...(["away", "empty", "asking", "seeding", "done", "refused", "waiting", "stopped", "ended"] as const),
];
export const EVENTS: readonly Event[] = [
  ...(["opened", "lost", "card", "dead", "gone", "swapped", "row", "known", "foreign", "none", "again"] as const),
  ...(["seeded", "failed", "third", "complete", "end"] as const),
];

type Row = Partial<Record<Event, Cell>>;

/** A removed card or a lost port needs no clean-up: the port starts again from the beginning. */
const CARD_LEAVES: Row = { gone: ["look", "empty"], swapped: ["ask", "asking"], lost: ["open", "away"] };
const IS_OVER: Row = { complete: ["close", "ended"], end: ["close", "ended"] };

const ROWS: Record<State, Row> = {
  away: { opened: ["look", "empty"], ...IS_OVER },
  empty: {
    card: ["ask", "asking"],
    dead: ["take out", "refused"],
    third: ["close", "stopped"],
    lost: ["open", "away"],
    ...IS_OVER,
  },
  asking: {
    row: ["seed", "seeding"],
    known: ["take out", "done"],
    foreign: ["take out", "refused"],
    none: ["wait", "waiting"],
    dead: ["take out", "refused"],
    third: ["close", "stopped"],
    ...CARD_LEAVES,
    ...IS_OVER,
  },
  // There is no entry for `complete`: a batch may become complete for others meanwhile, but a card that is being seeded
  // is always finished.
  seeding: {
    seeded: ["take out", "done"],
    failed: ["take out", "refused"],
    third: ["close", "stopped"],
    ...CARD_LEAVES,
    end: ["close", "ended"],
  },
  done: { ...CARD_LEAVES, ...IS_OVER },
  refused: { ...CARD_LEAVES, ...IS_OVER },
  waiting: { again: ["ask", "asking"], ...CARD_LEAVES, ...IS_OVER },
  stopped: {},
  ended: {},
};

/** The action and the next state, for each state and event. */
export const TABLE = Object.fromEntries(
  STATES.map((state) => [state, Object.fromEntries(EVENTS.map((event) => [event, ROWS[state][event] ?? STAY(state)]))]),
) as Readonly<Record<State, Readonly<Record<Event, Cell>>>>;

/** This many failures in a row stop a port. */
export const MOST_FAILURES = 3;

/** A port at work. */
export interface Port {
  readonly state: State;
  readonly action: Action;
  /** Failures since the last seeded card. */
  readonly failures: number;
}

export const START: Port = { state: "away", action: "open", failures: 0 };

/** The port after an event. If the table says `go on`, the action stays the previous one. */
export function step(port: Port, event: Event): Port {
  const failures = failuresAfter(port, event);
  const [action, state] = TABLE[port.state][failures >= MOST_FAILURES ? "third" : event];
  return { state, action: action === "go on" ? port.action : action, failures };
}

/**
 * A card that disappears while it is seeded also counts as a failure: a bad contact looks the same as a removed card.
 */
function failuresAfter({ state, failures }: Port, event: Event): number {
  if (event === "seeded") return 0;
  const fails: readonly Event[] = state === "seeding" ? ["failed", "gone", "swapped", "lost"] : ["dead"];
  return fails.includes(event) ? failures + 1 : failures;
}

/** Whether a port has nothing left to do. */
export function isOver({ state }: Port): boolean {
  return state === "stopped" || state === "ended";
}
