// Collects the messages to users from the source of host tools and simulator: the texts given to error classes and to
// the functions that print. The TypeScript compiler finds them, so a new error or print call is included automatically.
//
// Texts that reach an error through a variable or a helper function are not found.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../../host-tools/files/project.js";

/** The folders whose programs talk to users. */
const FOLDERS = ["host-tools", "sim"];
/** Functions that print their first argument. */
const PRINTERS: ReadonlySet<string> = new Set(["warn", "complain", "say", "sayWaiting"]);
/** Errors for programmers, and errors whose texts are parts of a sentence. */
const NOT_FOR_USERS: ReadonlySet<string> = new Set(["Error", "RangeError", "TypeError", "FlashMisuse", "CardTrap"]);
/** Stands for a value that is inserted when the program runs. */
export const VALUE = "…";

/** A message in the source. */
export interface Message {
  /** The path from the top folder. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The error class, or the function that prints. */
  readonly by: string;
  /** The text, with VALUE for each inserted value. */
  readonly text: string;
}

/** All messages, in the order of files and lines. */
export function messages(): Message[] {
  const all = sources();
  const classes = new Set(all.flatMap(errorClassesIn).filter((name) => !NOT_FOR_USERS.has(name)));
  return all.flatMap((source) => messagesIn(source, classes));
}

/** The sources of the programs that talk to users. */
export function sources(): ts.SourceFile[] {
  return FOLDERS.flatMap(sourcesIn);
}

/** The messages of one source. `classes`: the names of the error classes. */
export function messagesIn(source: ts.SourceFile, classes: ReadonlySet<string>): Message[] {
  const found: Message[] = [];
  visit(source, (node) => {
    const by = speakerOf(node, classes);
    const argument = by && (node as ts.NewExpression).arguments?.find(isSentence);
    if (!by || !argument) return;
    const { line } = source.getLineAndCharacterOfPosition(argument.getStart(source));
    for (const text of textsOf(argument)) found.push({ file: source.fileName, line: line + 1, by, text });
  });
  return found;
}

/** The source of a text, for messagesIn. */
export function sourceOf(fileName: string, text: string): ts.SourceFile {
  return ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest);
}

function sourcesIn(folder: string): ts.SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => `${folder}/${name.split("\\").join("/")}`)
    .sort()
    .map((path) => sourceOf(path, readFileSync(join(ROOT, path), "utf8")));
}

/** The classes that extend a class whose name ends in Error. */
function errorClassesIn(source: ts.SourceFile): string[] {
  const names: string[] = [];
  visit(source, (node) => {
    if (!ts.isClassDeclaration(node) || !node.name) return;
    const bases = node.heritageClauses?.flatMap(({ types }) => types.map(({ expression }) => expression)) ?? [];
    if (bases.some((base) => ts.isIdentifier(base) && /Error$/.test(base.text))) names.push(node.name.text);
  });
  return names;
}

/** The error class that a node constructs, or the printing function that it calls. */
function speakerOf(node: ts.Node, classes: ReadonlySet<string>): string | undefined {
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return undefined;
  if (!ts.isIdentifier(node.expression)) return undefined;
  const { text } = node.expression;
  return (ts.isNewExpression(node) ? classes : PRINTERS).has(text) ? text : undefined;
}

/** A text of several words; reasons and options are single words. */
function isSentence(node: ts.Expression): boolean {
  return textsOf(node).some((text) => /[a-z] [a-z…]/i.test(text));
}

/** The texts that an expression may have: one for each branch of a condition, none if it is not a literal. */
function textsOf(node: ts.Expression): string[] {
  if (ts.isParenthesizedExpression(node)) return textsOf(node.expression);
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return [node.head.text + node.templateSpans.map(({ literal }) => VALUE + literal.text).join("")];
  if (ts.isConditionalExpression(node)) return [...textsOf(node.whenTrue), ...textsOf(node.whenFalse)];
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) return joined(node);
  return [];
}

function joined({ left, right }: ts.BinaryExpression): string[] {
  const [head, tail] = [textsOf(left), textsOf(right)];
  if (head.length === 0 && tail.length === 0) return [];
  const ends = tail.length > 0 ? tail : [VALUE];
  return (head.length > 0 ? head : [VALUE]).flatMap((start) => ends.map((end) => start + end));
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => visit(child, look));
}
