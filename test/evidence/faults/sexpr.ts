// The text of a module as nested lists, and back: each list is `(head item…)`, each atom a string.

export type Node = string | List;
export type List = Node[];

/** Parses the one list that `text` holds. Comments are dropped. */
export function parse(text: string): List {
  const tokens = text.matchAll(/;;[^\n]*|"(?:[^"\\]|\\.)*"|[()]|[^\s()";]+/g);
  const open: List[] = [[]];
  for (const [token] of tokens) {
    if (token.startsWith(";;")) continue;
    if (token === "(") open.push([]);
    else if (token === ")") close(open);
    else (open.at(-1) as List).push(token);
  }
  return (open[0] as List)[0] as List;
}

/** The text of a list, or of an atom. */
export function print(node: Node): string {
  return typeof node === "string" ? node : `(${node.map(print).join(" ")})`;
}

/** The first item of a list: what it is. */
export function head(node: Node): string {
  return typeof node === "string" ? "" : (node[0] as string);
}

export function isList(node: Node): node is List {
  return typeof node !== "string";
}

function close(open: List[]): void {
  const done = open.pop() as List;
  (open.at(-1) as List).push(done);
}
