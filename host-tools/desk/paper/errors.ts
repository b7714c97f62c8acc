// Why labels or PIN letters cannot be made. It imports nothing, so that using the error loads no PDF code.

/** Labels or letters that cannot be made as requested. The message is one line for people and contains no PIN. */
export class PaperError extends Error {
  override name = "PaperError";
}
