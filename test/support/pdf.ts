// The contents of a PDF file according to other programs: poppler reads text, positions and pictures, ZBar reads bar
// codes.

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratchFolder } from "./scratch.js";
import { output } from "./tools.js";

/** A word of a page; places in mm from the left and the top edge. */
export interface Word {
  readonly text: string;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Page {
  readonly width: number;
  readonly height: number;
  readonly words: readonly Word[];
}

/** A page as pixels, one byte each: 0 is black, 255 white. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

const MM_PER_POINT = 25.4 / 72;
const FOLDER = scratchFolder();
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** The text of all pages, laid out as on paper; a form feed ends each page. */
export function textOf(pdf: Uint8Array): string {
  return output("pdftotext", ["-layout", "-", "-"], pdf).toString();
}

/** The words of each page, with their positions. */
export function pagesOf(pdf: Uint8Array): Page[] {
  const pages = output("pdftotext", ["-bbox", "-", "-"], pdf).toString().split("<page ").slice(1);
  return pages.map((page) => {
    const words = [...page.matchAll(/<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)<\/word>/gs)];
    const [, width, height] = /^width="(.*?)" height="(.*?)"/.exec(page) ?? [];
    return {
      width: mm(width),
      height: mm(height),
      words: words.map(([, left, top, right, bottom, text = ""]) => ({
        text: text.replace(/&(.*?);/g, (_, entity: string) => ENTITIES[entity] ?? ""),
        ...{ left: mm(left), top: mm(top), right: mm(right), bottom: mm(bottom) },
      })),
    };
  });
}

function mm(points: string | undefined): number {
  return Number(points) * MM_PER_POINT;
}

/** The document information: title, producer, dates, number of pages. */
export function infoOf(pdf: Uint8Array): string {
  return output("pdfinfo", ["-"], pdf).toString();
}

/** The names of the fonts in it. */
export function fontsIn(pdf: Uint8Array): string {
  return output("pdffonts", ["-"], pdf).toString();
}

/** The pages as a printer with this resolution prints them. */
export function picturesOf(pdf: Uint8Array, dotsPerInch: number): Picture[] {
  return filesOf(pdf, dotsPerInch, "-gray").map((file) => pictureIn(readFileSync(file)));
}

/** The texts of the bar codes on each page. */
export function barCodesOf(pdf: Uint8Array, dotsPerInch: number): string[][] {
  const only = ["-q", "--raw", "-Sdisable", "-Scode128.enable"];
  return filesOf(pdf, dotsPerInch, "-png").map((file) =>
    output("zbarimg", [...only, file])
      .toString()
      .trim()
      .split("\n"),
  );
}

function filesOf(pdf: Uint8Array, dotsPerInch: number, kind: string): string[] {
  const folder = mkdtempSync(join(FOLDER, "pages-"));
  const from = join(FOLDER, "a.pdf");
  writeFileSync(from, pdf);
  output("pdftoppm", ["-r", String(dotsPerInch), kind, from, join(folder, "page")]);
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}

/** Reads a binary PGM file: a header of four fields, then the pixels. */
function pictureIn(file: Buffer): Picture {
  const [head = "", width, height] = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(file.subarray(0, 64).toString("latin1")) ?? [];
  return { width: Number(width), height: Number(height), pixels: file.subarray(head.length) };
}
