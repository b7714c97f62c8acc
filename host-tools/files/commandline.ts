// What the command lines `dsc` and `dsc-sim` have in common: what becomes of output that nobody reads, and messages in one line.

/**
 * Watches standard output and standard error. Where the reader of the output went away (`| head`) there is nobody to tell,
 * and `onGone` is called; where it cannot be written, as on a full disk, `onLost` is told in a line. Both end the process.
 */
export function watchOutput(onGone: () => void, onLost: (message: string) => void): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") onGone();
    else onLost(`cannot write the output (${error.code ?? error.message})`);
  });
  // Nobody can be told; the exit code still says what came of it.
  process.stderr.on("error", () => {});
}

/** A message of commander in one line: it says some in two. */
export function inOneLine(message: string): string {
  return message
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
}
