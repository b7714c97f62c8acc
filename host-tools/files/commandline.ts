// Shared by the command lines of `dsc` and `dsc-sim`: output that nobody reads, abilities of a terminal, and messages
// in one line.

import { faultInWords } from "./faults.js";

/** The exit code if nobody reads the output, as shells report the signal SIGPIPE: 128 + 13. */
export const UNREAD = 141;

/**
 * Watches standard output and standard error. If the reader of the output has gone (`| head`), ends the process with
 * the exit code of an earlier failure, otherwise UNREAD. If the output cannot be written, such as on a full disk, calls
 * `onLost` with a message; it must end the process.
 */
export function watchOutput(onLost: (message: string) => void): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") unread();
    else onLost(`cannot write the output: ${faultInWords(error)}`);
  });
  // No message can be printed, but the exit code still shows the result.
  process.stderr.on("error", () => {});
}

/** Whether work has to be finished although nobody reads its output, and whether the reader has gone. */
const finishing = { now: false, isUnread: false };

/** Does work that has other results than its output. If nobody reads the output, the process ends after the work. */
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

/** Whether a stream is a terminal with a movable cursor, which understands escape sequences. */
export function isScreen(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== "dumb";
}

/** A commander message in one line; some have two. */
export function inOneLine(message: string): string {
  return withoutControls(
    message
      .replace(/^error: /, "")
      .trim()
      .replace(/\s*\n\s*/g, " "),
  );
}

/** A line for a terminal: arguments in it may have control characters, which are written as in a program's source. */
export function withoutControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (each) => CONTROLS[each] ?? `\\x${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

const CONTROLS: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
