// PSKC as XML: defensive parsing, elements by namespace, and writing.

import { createRequire } from "node:module";
import type { Document, Element } from "@xmldom/xmldom";
import { SeedFileError } from "../files/errors.js";

const NAMESPACES = {
  pskc: "urn:ietf:params:xml:ns:keyprov:pskc",
  ds: "http://www.w3.org/2000/09/xmldsig#",
  xenc: "http://www.w3.org/2001/04/xmlenc#",
  xenc11: "http://www.w3.org/2009/xmlenc11#",
  pkcs5: "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#",
  /** Our own namespace: unique without a registry (RFC 9562 §4). */
  dsc: "urn:uuid:b7befcf9-0941-46af-9fb0-53b5c80777c1",
};

/** More than 6,000 cards; larger sets need several files. */
export const MAX_BYTES = 16 * 1024 * 1024;

/** RFC 6030 uses about ten levels, and a full file (16 MiB) has 200,000 elements. */
const MAX_DEPTH = 100;
const MAX_ELEMENTS = 500_000;

/** The library is loaded with the first seed file, since most commands need none. */
const xmldom = () => createRequire(import.meta.url)("@xmldom/xmldom") as typeof import("@xmldom/xmldom");

/** Parses a container. Anything that could make a parser fetch or expand something is refused before parsing. */
export function parse(bytes: Buffer): Element {
  const container = rootOf(parseText(decodeText(bytes)));
  if (!isNamed(container, "pskc:KeyContainer")) throw new SeedFileError("is not a PSKC file (RFC 6030)");
  const version = container.getAttribute("Version") ?? "";
  if (version !== "1.0") throw new SeedFileError(`is PSKC of an unknown version: ${quoted(version)}`);
  return container;
}

function decodeText(bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SeedFileError("is not text in UTF-8");
  }
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new SeedFileError("has a DOCTYPE or entities; such files are not read");
  checkShape(text);
  return text;
}

/** Parts of XML in which a < is text. */
const OPAQUE = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
  ["<?", "?>"],
] as const;

/**
 * Refuses deep nesting and too many elements: if each level declares a namespace, the parser's time grows with the
 * square of the depth. Malformed text is left to the parser, which stops there.
 */
function checkShape(text: string): void {
  let depth = 0;
  let elements = 0;
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at)) {
    const opaque = OPAQUE.find(([opening]) => text.startsWith(opening, at));
    const end = opaque ? text.indexOf(opaque[1], at + opaque[0].length) : endOfTag(text, at);
    if (end < 0) return;
    if (!opaque && text[at + 1] === "/") depth--;
    else if (!opaque) {
      elements++;
      if (text[end - 1] !== "/") depth++;
    }
    if (depth > MAX_DEPTH) throw new SeedFileError(`has more than ${MAX_DEPTH} nested elements`);
    if (elements > MAX_ELEMENTS) throw new SeedFileError(`has more than ${MAX_ELEMENTS} elements`);
    at = end;
  }
}

/** Whether a text has no more and no deeper elements than are accepted. */
export function hasUsualShape(text: string): boolean {
  try {
    checkShape(text);
    return true;
  } catch {
    return false;
  }
}

/** The position of the > of a tag, or -1. */
function endOfTag(text: string, from: number): number {
  let quote = "";
  for (let at = from; at < text.length; at++) {
    const character = text[at] as string;
    if (quote) quote = character === quote ? "" : quote;
    else if (character === ">") return at;
    else if (character === '"' || character === "'") quote = character;
  }
  return -1;
}

export function parseText(text: string): Document {
  const { DOMParser, onWarningStopParsing } = xmldom();
  try {
    return new DOMParser({ locator: false, onError: onWarningStopParsing }).parseFromString(text, "text/xml");
  } catch {
    throw new SeedFileError("is not well-formed XML, or was cut short");
  }
}

/** Throws if a file that was read contains characters that XML forbids, such as character 0, which reading accepts. */
export function serialize(container: Element): Buffer {
  const { XMLSerializer } = xmldom();
  try {
    const xml = new XMLSerializer().serializeToString(container, { requireWellFormed: true });
    return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}\n`);
  } catch {
    throw new SeedFileError("contains characters that XML does not allow, so it cannot be changed");
  }
}

export function rootOf(document: Document): Element {
  if (!document.documentElement) throw new SeedFileError("is empty");
  return document.documentElement;
}

/** The children with that name: `prefix:name` with our prefix of the namespace, or `*:name` in any. */
export function children(parent: Element | undefined, name: string): Element[] {
  const found: Element[] = [];
  for (let node = parent?.firstChild; node; node = node.nextSibling) {
    if (node.nodeType === node.ELEMENT_NODE && isNamed(node as Element, name)) found.push(node as Element);
  }
  return found;
}

export function child(parent: Element | undefined, name: string): Element | undefined {
  return children(parent, name)[0];
}

export function need(parent: Element | undefined, name: string): Element {
  const found = child(parent, name);
  if (!found) throw new SeedFileError(`lacks ${name.replace("*:", "")}`);
  return found;
}

function isNamed(element: Element, name: string): boolean {
  const [prefix, local] = name.split(":");
  return element.localName === local && (prefix === "*" || element.namespaceURI === namespaceOf(name));
}

function namespaceOf(name: string): string | null {
  const [prefix, local] = name.split(":");
  return local ? NAMESPACES[prefix as keyof typeof NAMESPACES] : null;
}

export function declarations(): string {
  return Object.entries(NAMESPACES)
    .map(([prefix, uri]) => `xmlns:${prefix}="${uri}"`)
    .join(" ");
}

/**
 * Returns a function that makes elements of a document: name with our prefix, attributes (undefined ones are left out),
 * contents.
 */
export function maker(document: Document) {
  type Attributes = Record<string, string | number | undefined>;
  return (name: string, attributes: Attributes, ...contents: (Element | string)[]): Element => {
    const element = document.createElementNS(namespaceOf(name), name);
    for (const [attribute, value] of Object.entries(attributes)) {
      if (value !== undefined) element.setAttribute(attribute, String(value));
    }
    for (const content of contents) {
      element.appendChild(typeof content === "string" ? document.createTextNode(content) : content);
    }
    return element;
  };
}

/** Puts each element of a new tree on its own line. */
export function indent(document: Document, element: Element, depth: number): void {
  const elements = Array.from(element.childNodes).filter((node) => node.nodeType === node.ELEMENT_NODE) as Element[];
  for (const inner of elements) {
    element.insertBefore(document.createTextNode(newLine(depth + 1)), inner);
    indent(document, inner, depth + 1);
  }
  if (elements.length > 0) element.appendChild(document.createTextNode(newLine(depth)));
}

export function newLine(depth: number): string {
  return `\n${"  ".repeat(depth)}`;
}

export function text(element: Element): string {
  return (element.textContent ?? "").trim();
}

export function base64(element: Element): Buffer {
  const digits = text(element).replace(/\s+/g, "");
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits))
    throw new SeedFileError(`has a ${element.localName} that is not base64`);
  return Buffer.from(digits, "base64");
}

export function integer(text: string, least: number, most: number, name: string): number {
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value < least || value > most)
    throw new SeedFileError(`has ${name} ${quoted(text)}; ${least} to ${most} is expected`);
  return value;
}

/** Text from a file, made safe for a terminal. */
export function quoted(text: string): string {
  return `"${text.slice(0, 80).replace(/[^ -~]/g, "?")}"`;
}

/** Adds the file to each error. */
export function naming<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof SeedFileError) throw new SeedFileError(`${path}: ${error.message}`);
    throw error;
  }
}
