// A number with its noun, for messages. It uses no API of Node, so that pages use it, too.

/** "1 card", "2 cards". `many`: the plural, if it is not the word with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
