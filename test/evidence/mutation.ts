// Mutations of valid files: of their bytes, and of the elements of XML. The same seed gives the same mutations.

import type { Random } from "../../sim/core/random.js";

/** A whole number below `limit`. */
export function below(random: Random, limit: number): number {
  return limit > 0 ? random.next() % limit : 0;
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[below(random, list.length)] as T;
}

/** Numbers that are difficult for parsers. */
const NUMBERS = ["0", "-1", "256", "99999999999999999999", "1e999", "0x10", "1.5", "NaN", "4294967296", "+5", ""];

/** Text is inserted as UTF-8. */
export type Piece = string | Buffer;

type ByteMutation = (bytes: Buffer, random: Random, pieces: readonly Piece[]) => Buffer;

const BYTE_MUTATIONS: readonly ByteMutation[] = [
  // Flip a bit.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = below(random, copy.length);
    if (copy.length > 0) copy[at] = (copy[at] as number) ^ (1 << below(random, 8));
    return copy;
  },
  // Replace a byte.
  (bytes, random) => splice(bytes, below(random, bytes.length), 1, Buffer.of(below(random, 256))),
  // Truncate.
  (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  // Remove bytes.
  (bytes, random) => splice(bytes, below(random, bytes.length), below(random, 60), Buffer.alloc(0)),
  // Duplicate bytes.
  (bytes, random) => {
    const at = below(random, bytes.length);
    return splice(bytes, at, 0, bytes.subarray(at, at + below(random, 400)));
  },
  // Copy bytes to another place.
  (bytes, random) => {
    const [from, to] = [below(random, bytes.length), below(random, bytes.length)];
    const part = bytes.subarray(from, from + below(random, 100));
    return splice(bytes, to, part.length, part);
  },
  // Insert a piece, once or very many times.
  (bytes, random, pieces) => {
    const times = pick(random, [1, 1, 1, 2, 50, 20_000]);
    return splice(bytes, below(random, bytes.length), 0, repeated(pick(random, pieces), times));
  },
  // Replace a number.
  (bytes, random) => {
    const numbers = [...bytes.toString("latin1").matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes;
    const found = pick(random, numbers);
    return splice(bytes, found.index, found[0].length, Buffer.from(pick(random, NUMBERS)));
  },
];

/** The bytes after one to three mutations; `pieces` may be inserted. */
export function mutateBytes(bytes: Buffer, random: Random, pieces: readonly Piece[]): Buffer {
  let mutated = bytes;
  for (let left = 1 + below(random, 3); left > 0; left--) {
    mutated = pick(random, BYTE_MUTATIONS)(mutated, random, pieces);
  }
  return mutated;
}

function repeated(piece: Piece, times: number): Buffer {
  const bytes = Buffer.from(piece as string);
  return Buffer.alloc(bytes.length * times, bytes);
}

function splice(bytes: Buffer, at: number, size: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + size)]);
}

/** Where an element stands in its text, tags included; `inner` is what lies between them. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly inner: readonly [start: number, end: number];
}

/** The elements of a text that is well-formed, without comments and CDATA. */
function elementsOf(xml: string): Span[] {
  const open: { start: number; inner: number }[] = [];
  const spans: Span[] = [];
  for (const { 0: tag, index } of xml.matchAll(/<[^?>][^>]*>/g)) {
    const end = index + tag.length;
    if (tag.endsWith("/>")) spans.push({ start: index, end, inner: [end, end] });
    else if (!tag.startsWith("</")) open.push({ start: index, inner: end });
    else {
      const { start, inner } = open.pop() as { start: number; inner: number };
      spans.push({ start, end, inner: [inner, index] });
    }
  }
  return spans;
}

/** Inserted before a document, or deep inside it, to make a parser fetch a file or expand without end. */
const BOMBS = [
  '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
  '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
  '<!doctype a SYSTEM "http://127.0.0.1/a.dtd">',
  '<!DOCTYPE a [<!ENTITY % a SYSTEM "file:///etc/hostname"> %a;]>',
  '<!ENTITY a "b">',
];

const NESTED = ["<a>", '<a xmlns:b="urn:c">', "<pskc:KeyPackage>", '<a b=">">'];

type ElementMutation = (xml: string, spans: readonly Span[], random: Random) => string;

const ELEMENT_MUTATIONS: readonly ElementMutation[] = [
  // Remove an element.
  (xml, spans, random) => replaced(xml, pick(random, spans), ""),
  // Duplicate an element.
  (xml, spans, random) => {
    const span = pick(random, spans);
    return replaced(xml, span, textOf(xml, span).repeat(pick(random, [2, 2, 2, 30])));
  },
  // Replace an element by another one.
  (xml, spans, random) => replaced(xml, pick(random, spans), textOf(xml, pick(random, spans))),
  // Give an element the contents of another: a value or MAC of another card.
  (xml, spans, random) => {
    const [start, end] = pick(random, spans).inner;
    const [from, to] = pick(random, spans).inner;
    return xml.slice(0, start) + xml.slice(from, to) + xml.slice(end);
  },
  // Exchange two elements, neither inside the other.
  (xml, spans, random) => {
    const [one, other] = [pick(random, spans), pick(random, spans)].sort((a, b) => a.start - b.start) as [Span, Span];
    if (one.end > other.start) return replaced(xml, one, "");
    const late = replaced(xml, other, textOf(xml, one));
    return replaced(late, one, textOf(xml, other));
  },
  // Insert Base64 of other bytes, of the same or another length.
  (xml, spans, random) => {
    const [start, end] = pick(random, spans).inner;
    const size = pick(random, [0, 1, 15, 16, 20, 32, 48, 64, 65_536, ((end - start) * 3) >> 2]);
    const bytes = Buffer.alloc(Math.min(size, 65_536));
    random.fill(bytes);
    return xml.slice(0, start) + bytes.toString("base64") + xml.slice(end);
  },
  // Nest an element deeply.
  (xml, spans, random) => {
    const [start, end] = pick(random, spans).inner;
    const opening = pick(random, NESTED);
    const closing = `</${opening.slice(1).split(/[ >]/)[0]}>`;
    const depth = pick(random, [1, 50, 99, 150, 20_000]);
    return xml.slice(0, start) + opening.repeat(depth) + xml.slice(start, end) + closing.repeat(depth) + xml.slice(end);
  },
  // Insert a bomb.
  (xml, spans, random) => {
    const at = pick(random, [xml.indexOf("?>") + 2, pick(random, spans).start]);
    return xml.slice(0, at) + pick(random, BOMBS) + xml.slice(at);
  },
  // Change a tag.
  (xml, spans, random) => {
    const { start, inner } = pick(random, spans);
    const tag = xml.slice(start, inner[0]);
    return (
      xml.slice(0, start) + tag.replace(/[A-Za-z]/, (letter) => (letter === "a" ? "b" : "a")) + xml.slice(inner[0])
    );
  },
  // Remove an attribute.
  (xml, spans, random) => {
    const { start, inner } = pick(random, spans);
    const tag = xml.slice(start, inner[0]);
    return xml.slice(0, start) + tag.replace(/ [\w:]+="[^"]*"/, "") + xml.slice(inner[0]);
  },
];

/** The document after one to three mutations of its elements. It stops after one that makes it not well-formed. */
export function mutateElements(xml: string, random: Random): string {
  let mutated = xml;
  for (let left = 1 + below(random, 3); left > 0; left--) {
    const spans = safely(mutated);
    if (spans.length === 0) break;
    mutated = pick(random, ELEMENT_MUTATIONS)(mutated, spans, random);
  }
  return mutated;
}

/** The elements; none if the text is no longer well-formed. */
function safely(xml: string): Span[] {
  try {
    return xml.length > 1_000_000 ? [] : elementsOf(xml);
  } catch {
    return [];
  }
}

function textOf(xml: string, { start, end }: Span): string {
  return xml.slice(start, end);
}

function replaced(xml: string, { start, end }: Span, text: string): string {
  return xml.slice(0, start) + text + xml.slice(end);
}
