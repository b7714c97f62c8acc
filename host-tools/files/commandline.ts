// What the command lines `dsc` and `dsc-sim` have in common: what becomes of output that nobody reads, what a terminal can do,
// and messages in one line.

/** The exit code where nobody read the output, as shells tell of the signal SIGPIPE: 128 + 13. */
export const UNREAD = 141;

/**
 * Watches standard output and standard error. Where the reader of the output went away (`| head`) the process ends: with the
 * exit code of what failed before, or else UNREAD. Where it cannot be written, as on a full disk, `onLost` is told in a line,
 * and has to end the process.
 */
export function watchOutput(onLost: (message: string) => void): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") unread();
    else onLost(`cannot write the output (${error.code ?? error.message})`);
  });
  // Nobody can be told; the exit code still says what came of it.
  process.stderr.on("error", () => {});
}

/** What is to be finished though nobody reads what it prints, and whether that has happened. */
const finishing = { now: false, isUnread: false };

/** Does work that has other results than what it prints. Where nobody reads that, the process ends when it is done. */
export async function finishingUnread(work: () => Promise<void>): Promise<void> {
  finishing.now = true;
  try {
    await work();
  } finally {
    finishing.now = false;
  }
  if (finishing.isUnread) unread();
}

function unread(): void {
  finishing.isUnread = true;
  if (!finishing.now) process.exit(process.exitCode || UNREAD);
}

/** Whether a stream is a terminal whose cursor can be moved, so that escape sequences mean something to it. */
export function isScreen(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== "dumb";
}

/** A message of commander in one line: it says some in two. */
export function inOneLine(message: string): string {
  return message
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
}
