// The orders to the preloaded file system, and its log.

/** Operations are numbered from 1. */
export interface Orders {
  /** The file to which the operations are logged, one line of JSON each. */
  readonly log?: string;
  /** Whether the log has the written data. */
  readonly contents?: boolean;
  /** Kill the process before this operation. */
  readonly kill?: number | undefined;
  /** Kill it in the middle of that operation instead, if it is a write. */
  readonly torn?: boolean;
  /** Kill it before the operation after the first frame that follows a statement beginning with this text. */
  readonly killBehindFrameAfter?: string;
  /** Stop the process before these operations, until it is continued. */
  readonly stop?: readonly number[];
  /** Stop it after it has read its files, before it opens this port. */
  readonly stopAtPort?: string | undefined;
  /** Stop it after all its work, before it exits. */
  readonly stopAtEnd?: boolean;
  /** Whether statements of a database are operations, too. */
  readonly statements?: boolean;
  /** Makes it wait before each statement that begins with this text, until the named pipe is opened for writing. */
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
  /** The text has no values. */
  | { readonly kind: "statement"; readonly text: string }
  /** An operation that failed. */
  | { readonly kind: "failed" };
