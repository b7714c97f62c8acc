// Finds statements in AssemblyScript source, without regard to comments and white space.

/** A word, number, text or sign of the source: what it says, and where it stands. */
interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Part of a source text, from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Stands for the statements of a file that are in no function. */
export const TOP_LEVEL = "(top level)";

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const TOKEN = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|[\w$]+|\S/y;

/** Comments and the white space around them, each as a span: between two tokens, or at an end. */
export function gapsOf(source: string): readonly Span[] {
  const tokens = tokensOf(source);
  const ends = [0, ...tokens.map(({ end }) => end)];
  const starts = [...tokens.map(({ start }) => start), source.length];
  return ends.map((start, i) => ({ start, end: starts[i] as number })).filter(({ start, end }) => start < end);
}

/**
 * Where `statements` stands in a function of the source, or in none of them (`TOP_LEVEL`): from its first token to
 * its last one. Throws if the source has no such function.
 */
export function placesOf(source: string, within: string, statements: string): readonly Span[] {
  const wanted = tokensOf(statements).map(({ text }) => text);
  if (wanted.length === 0) throw new Error(`no statement to look for in ${within}`);
  return partsOf(source, within).flatMap((tokens) => runsOf(tokens, wanted));
}

/** The names of the functions of a source. */
export function functionsOf(source: string): readonly string[] {
  const tokens = tokensOf(source);
  return bodiesOf(tokens).map(({ name }) => name);
}

function runsOf(tokens: readonly Token[], wanted: readonly string[]): Span[] {
  return tokens.flatMap(({ start }, at) => {
    const run = tokens.slice(at, at + wanted.length);
    const same = run.length === wanted.length && run.every(({ text }, i) => text === wanted[i]);
    return same ? [{ start, end: (run.at(-1) as Token).end }] : [];
  });
}

/** The tokens of a function, or those between functions in one list for each stretch. */
function partsOf(source: string, within: string): readonly (readonly Token[])[] {
  const tokens = tokensOf(source);
  const bodies = bodiesOf(tokens);
  if (within === TOP_LEVEL) {
    const begins = [0, ...bodies.map(({ behind }) => behind)];
    return begins.map((begin, i) => tokens.slice(begin, bodies[i]?.first ?? tokens.length));
  }
  const named = bodies.filter(({ name }) => name === within);
  if (named.length !== 1) throw new Error(`${named.length} functions are called ${within}`);
  return named.map(({ first, behind }) => tokens.slice(first, behind));
}

/** A function: its name, and its tokens from the word `function` to before `behind`. */
interface Body {
  readonly name: string;
  readonly first: number;
  readonly behind: number;
}

function bodiesOf(tokens: readonly Token[]): readonly Body[] {
  const bodies: Body[] = [];
  for (let first = 0; first < tokens.length; first++) {
    if (tokens[first]?.text !== "function") continue;
    const behind = behindBody(tokens, first);
    bodies.push({ name: tokens[first + 1]?.text ?? "", first, behind });
    first = behind - 1;
  }
  return bodies;
}

/** The number of the token behind a function that begins at `first`; a declaration ends with its semicolon. */
function behindBody(tokens: readonly Token[], first: number): number {
  let depth = 0;
  for (let at = first; at < tokens.length; at++) {
    const { text } = tokens[at] as Token;
    if (text === "{") depth++;
    if (text === "}") depth--;
    if (depth === 0 && (text === "}" || text === ";")) return at + 1;
  }
  return tokens.length;
}

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < source.length; ) {
    const comment = matchAt(COMMENT, source, at);
    const token = comment ? undefined : matchAt(TOKEN, source, at);
    if (token) tokens.push({ text: token, start: at, end: at + token.length });
    at += (comment ?? token ?? " ").length;
  }
  return tokens;
}

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}
