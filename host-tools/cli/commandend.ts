// What is to be done when a command has ended, however it did. It imports nothing: each command loads it.

const works: (() => void)[] = [];

/** `work` is called once, when the command that runs now has ended. It throws nothing. */
export function atCommandEnd(work: () => void): void {
  works.push(work);
}

/** For whoever runs commands. */
export function endCommand(): void {
  for (const work of works.splice(0)) work();
}
