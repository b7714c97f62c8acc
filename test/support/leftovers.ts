// Processes of a test: if the test fails they are left over, and its file would not end while they run.

import type { ChildProcess } from "node:child_process";

/** What `suite` gives: code that runs after the last test, failed ones included. */
interface Ending {
  after(run: () => void): void;
}

/** Returns a function that registers a process and returns it; the process is killed once the suite has ended. */
export function endingWith(suite: Ending): <Child extends ChildProcess>(child: Child) => Child {
  const started = new Set<ChildProcess>();
  const kill = () => {
    for (const child of started) child.kill("SIGKILL");
  };
  suite.after(kill);
  process.once("exit", kill);
  return (child) => {
    started.add(child);
    return child;
  };
}
