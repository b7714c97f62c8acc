// Reads the state diagrams of a document: blocks of Mermaid that begin with `stateDiagram-v2`.
//
// A comment `%% GROUP = STATE STATE` defines a group: an arrow from or to it stands for one from or to each of its states. A
// choice is not a state: an arrow to it stands for an arrow to each of its targets. Arrows from a group or a choice to itself
// are ignored.

import type { Transition } from "./modelwalk.js";

const DIAGRAM = /^```mermaid\nstateDiagram-v2\n(.*?)^```$/gms;
const STATE = /^state "[^"]+" as (\w+)$/;
const CHOICE = /^state (\w+) <<choice>>$/;
const GROUP = /^%% (\w+) = ([\w ]+)$/;
const ARROW = /^(\[\*\]|\w+) --> (\w+)(?: : .+)?$/;
const STYLE = /^(?:classDef|class) /;

interface Diagram {
  readonly states: Set<string>;
  readonly choices: Set<string>;
  readonly groups: Map<string, string[]>;
  readonly arrows: [string, string][];
}

/** The states in the document's diagrams, without groups and choices. */
export function statesOf(document: string): ReadonlySet<string> {
  return new Set(diagramsOf(document).flatMap(({ states, groups }) => [...states].filter((name) => !groups.has(name))));
}

/** The transitions in them. Throws for a line that is not part of a diagram, and for a name that is not a state. */
export function transitionsOf(document: string): ReadonlySet<Transition> {
  return new Set(diagramsOf(document).flatMap(drawn));
}

function diagramsOf(document: string): Diagram[] {
  const texts = [...document.matchAll(DIAGRAM)].map(([, text = ""]) => text);
  return texts.map((text) => diagramOf(text.split("\n").map((line) => line.trim())));
}

function diagramOf(lines: readonly string[]): Diagram {
  const diagram: Diagram = { states: new Set(), choices: new Set(), groups: new Map(), arrows: [] };
  for (const line of lines.filter((one) => one !== "" && !STYLE.test(one))) {
    const [, state] = STATE.exec(line) ?? [];
    const [, choice] = CHOICE.exec(line) ?? [];
    const [, group, members] = GROUP.exec(line) ?? [];
    const [, from, to] = ARROW.exec(line) ?? [];
    if (state) diagram.states.add(state);
    else if (choice) diagram.choices.add(choice);
    else if (group && members) diagram.groups.set(group, [...(diagram.groups.get(group) ?? []), ...members.split(" ")]);
    else if (from && to) diagram.arrows.push([from, to]);
    else throw new Error(`this is no line of a state diagram: ${line}`);
  }
  for (const name of diagram.arrows.flat()) {
    if (name !== "[*]" && !diagram.states.has(name) && !diagram.choices.has(name))
      throw new Error(`an arrow names ${name}, which is no state`);
  }
  return diagram;
}

function drawn({ choices, groups, arrows }: Diagram): Transition[] {
  const through = (name: string): string[] =>
    choices.has(name) ? arrows.filter(([from]) => from === name).map(([, to]) => to) : [name];
  return arrows
    .filter(([from]) => from !== "[*]" && !choices.has(from))
    .flatMap(([from, to]) =>
      (groups.get(from) ?? [from]).flatMap((one) => through(to).map((end) => [one, end] as const)),
    )
    .filter(([from, to]) => from !== to)
    .map(([from, to]): Transition => `${from} to ${to}`);
}
