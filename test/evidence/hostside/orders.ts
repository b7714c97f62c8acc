// The orders to the preloaded file system, and its log.

/** Operations are numbered from 1. */
export interface Orders {
  /** The file that the operations are written down in, one line of JSON each. */
  readonly log?: string;
  /** Whether it keeps what was written. */
  readonly contents?: boolean;
  /** Kill the process before this operation, */
  readonly kill?: number | undefined;
  /** or half-way through it, if it is a write. */
  readonly torn?: boolean;
  /** Kill it before the operation after the first frame that follows a statement beginning with this text. */
  readonly killBehindFrameAfter?: string;
  /** Stop the process before these, until it is told to go on. */
  readonly stop?: readonly number[];
  /** Stop it when it has read its files and is about to open this port. */
  readonly stopAtPort?: string | undefined;
  /** Stop it when all is done, before it exits. */
  readonly stopAtEnd?: boolean;
  /** Whether statements of a database are operations, too. */
  readonly statements?: boolean;
  /** It waits before each statement that begins with this text until somebody opens this named pipe for writing. */
  readonly gate?: { readonly statement: string; readonly file: string };
}

export type Operation =
  | { readonly kind: "create" | "sync" | "remove"; readonly path: string }
  /** Contents in base64. */
  | { readonly kind: "write"; readonly path: string; readonly contents: string }
  | { readonly kind: "link" | "rename"; readonly path: string; readonly to: string }
  /** A line of a trace. */
  | { readonly kind: "trace" }
  /** Bytes to the card. */
  | { readonly kind: "frame" }
  /** The text has no values in it. */
  | { readonly kind: "statement"; readonly text: string }
  /** An operation that failed. */
  | { readonly kind: "failed" };
