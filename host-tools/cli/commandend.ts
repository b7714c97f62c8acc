// Clean-up after the end of a command, however it ended. It imports nothing, since each command loads it.

const works: (() => void)[] = [];

/** Registers `work` to be called once, when the current command has ended. `work` must not throw. */
export function atCommandEnd(work: () => void): void {
  works.push(work);
}

/** Called by the code that runs commands. */
export function endCommand(): void {
  for (const work of works.splice(0)) work();
}
