// Known answers: a vector, and the code of this project that must compute its result.

/** The origin of a vector: published or recorded by others, or computed here and confirmed by other implementations. */
export type Origin = "published" | "cross-checked";

/** One vector for one implementation. Bytes are in hexadecimal, in lower case. */
export interface Answer {
  /** The name under which it is counted: `aes128_ecb_cavp`. */
  readonly figure: string;
  /** Names it among all answers. */
  readonly id: string;
  /** Names the vector, since several implementations may answer it. If it is missing, the id names it. */
  readonly vector?: string;
  /** `published` if it is missing. */
  readonly origin?: Origin;
  readonly expected: string;
  compute(): string;
}

/** Vectors of the same files that do not fit any code here, and why. */
export interface LeftOut {
  readonly name: string;
  readonly count: number;
  readonly why: string;
}

/** A collection of vectors. */
export interface Source {
  /** Why it cannot be read here; undefined if it can. */
  readonly missing: string | undefined;
  answers(): Iterable<Answer>;
  leftOut(): LeftOut[];
}

export const hex = (text: string) => Buffer.from(text, "hex");
export const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
