// Known answers: a vector, and the code of this project that must arrive at what it says.

/** Where a vector is from: somebody else printed or recorded it, or it was computed and other implementations agree. */
export type Origin = "published" | "cross-checked";

/** One vector for one implementation. Bytes are in hexadecimal, in lower case. */
export interface Answer {
  /** What it is counted as: `aes128_ecb_cavp`. */
  readonly figure: string;
  /** Names it among all answers. */
  readonly id: string;
  /** Names the vector, which several implementations may have to answer; the id where there is one. */
  readonly vector?: string;
  /** Published unless told. */
  readonly origin?: Origin;
  readonly expected: string;
  compute(): string;
}

/** Vectors of the same files that nothing here could be given, and why. */
export interface LeftOut {
  readonly name: string;
  readonly count: number;
  readonly why: string;
}

/** A collection of vectors. */
export interface Source {
  /** Why it cannot be read here, or undefined where it can. */
  readonly missing: string | undefined;
  answers(): Iterable<Answer>;
  leftOut(): LeftOut[];
}

export const hex = (text: string) => Buffer.from(text, "hex");
export const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
