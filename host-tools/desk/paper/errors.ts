// Why labels or PIN letters cannot be made. It imports nothing: whoever only needs the error loads nothing of paper.

/** Paper that cannot be made as it is asked for; the message is one line for people, with no PIN in it. */
export class PaperError extends Error {
  override name = "PaperError";
}
