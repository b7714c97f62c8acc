// A PDF document in memory: pages in mm, text set in several fonts, and its bytes, which may contain PINs.
//
// The same pages give the same bytes: a document has no date, and its identifier is derived from its title.

import { once } from "node:events";
import { concatSecrets } from "../../files/secretbytes.js";
import type { Face, Fonts, Weight } from "./fonts.js";
import type { Language } from "./languages.js";
import { clustersOf } from "./printable.js";
import { MM_PER_INCH } from "./sheets.js";

type PdfKit = InstanceType<typeof import("pdfkit")>;

export interface Style {
  /** In points. */
  readonly size: number;
  readonly weight?: Weight;
  readonly color?: string;
}

const POINTS_PER_MM = 72 / MM_PER_INCH;
const CUT = "…";
const BLACK = "#000000";
/** In points. */
const THIN = 0.4;
const MEDIUM = 0.8;
const HATCH = { step: 3, width: 0.9, color: "#777777" };

/**
 * A line may break after a word or a hyphen, and after a Japanese character unless the next one must not begin a line.
 */
const OPENING = "「『（【〔《〈";
const CLOSING = "」』）】〕》〉、。，．・：；？！ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々";
const JAPANESE = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}";
const PIECES = new RegExp(
  `[${OPENING}]*[${JAPANESE}][${CLOSING}]*\\s*|[${OPENING}]*[^\\s${JAPANESE}${OPENING}-]+-?\\s*|[\\s\\S]`,
  "gu",
);

/** The pages of a document. Lengths and positions are in mm from the left and top edges; font sizes are in points. */
export class Pages {
  readonly #pdf: PdfKit;
  readonly #fonts: Fonts;
  readonly #registered = new Set<Face>();

  constructor(pdf: PdfKit, fonts: Fonts) {
    this.#pdf = pdf;
    this.#fonts = fonts;
  }

  add(width: number, height: number): void {
    this.#pdf.addPage({ size: [points(width), points(height)], margin: 0 });
  }

  /** The width of a text set in one line. */
  widthOf(text: string, style: Style): number {
    const runs = this.#fonts.runs(text, style.weight ?? "regular");
    return runs.reduce((sum, run) => sum + this.#widthOfRun(run.text, run.face, style.size), 0);
  }

  /** Sets a text in one line, its baseline at y. */
  line(text: string, x: number, y: number, style: Style): void {
    let at = x;
    for (const run of this.#fonts.runs(text, style.weight ?? "regular")) {
      const width = this.#widthOfRun(run.text, run.face, style.size);
      this.#pdf.fillColor(style.color ?? BLACK);
      this.#pdf.text(run.text, points(at), points(y), { lineBreak: false, baseline: "alphabetic" });
      at += width;
    }
  }

  /** Breaks a text into lines for a column of this width. A word that is wider is split. */
  linesOf(text: string, width: number, style: Style): string[] {
    const lines = [""];
    const fits = (line: string) => this.widthOf(line.trimEnd(), style) <= width;
    for (const [piece] of text.matchAll(PIECES)) {
      const last = lines.pop() ?? "";
      if (fits(last + piece)) lines.push(last + piece);
      else if (fits(piece)) lines.push(last, piece);
      else lines.push(...splitWord(last, clustersOf(piece), fits));
    }
    return lines.map((line) => line.trimEnd()).filter((line) => line !== "");
  }

  /** The lines of a text, at most `most`. A text that needs more is cut and ends with dots. */
  cutTo(text: string, width: number, most: number, style: Style): string[] {
    const lines = this.linesOf(text, width, style);
    if (lines.length <= most) return lines;
    const kept = lines.slice(0, most - 1);
    const rest = clustersOf(kept.reduce((left, line) => left.trimStart().slice(line.length), text).trim());
    const shown = mostThatFit(rest, (part) => this.widthOf(part + CUT, style) <= width);
    return [...kept, rest.slice(0, shown).join("") + CUT];
  }

  /** A filled rectangle. */
  bar(x: number, y: number, width: number, height: number): void {
    this.#pdf.rect(points(x), points(y), points(width), points(height)).fill(BLACK);
  }

  /** A frame with round corners. */
  frame(x: number, y: number, width: number, height: number, radius: number): void {
    this.#pdf.roundedRect(points(x), points(y), points(width), points(height), points(radius));
    this.#pdf.lineWidth(MEDIUM).stroke(BLACK);
  }

  /** A thin line. */
  rule(x1: number, y1: number, x2: number, y2: number, color: string): void {
    this.#pdf.moveTo(points(x1), points(y1)).lineTo(points(x2), points(y2));
    this.#pdf.lineWidth(THIN).stroke(color);
  }

  /** A field of crossing lines. */
  hatch(x: number, y: number, width: number, height: number): void {
    const [left, top, right, bottom] = [points(x), points(y), points(x + width), points(y + height)];
    this.#pdf
      .save()
      .rect(left, top, right - left, bottom - top)
      .clip();
    for (let at = left - (bottom - top); at < right; at += HATCH.step) {
      this.#pdf.moveTo(at, top).lineTo(at + bottom - top, bottom);
      this.#pdf.moveTo(at, bottom).lineTo(at + bottom - top, top);
    }
    this.#pdf.lineWidth(HATCH.width).stroke(HATCH.color).restore();
  }

  /** Also selects the font. */
  #widthOfRun(text: string, face: Face, size: number): number {
    if (!this.#registered.has(face)) {
      // pdfkit accepts an open font, but its types know only files and bytes.
      this.#pdf.registerFont(face.name, face.font as unknown as Uint8Array);
      this.#registered.add(face);
    }
    return this.#pdf.font(face.name, size).widthOfString(text) / POINTS_PER_MM;
  }
}

/** The lines of a word that is wider than a line; it begins in what is left of the line `begun`. */
function splitWord(begun: string, clusters: readonly string[], fits: (line: string) => boolean): string[] {
  const lines: string[] = [];
  let line = begun;
  for (let at = 0; at < clusters.length; ) {
    const rest = clusters.slice(at);
    const count = mostThatFit(rest, (part) => fits(line + part)) || (line === "" ? 1 : 0);
    lines.push(line + rest.slice(0, count).join(""));
    line = "";
    at += count;
  }
  return lines;
}

/**
 * The number of leading clusters that fit, found by halving, since measuring is slow and a name from a file may be
 * long.
 */
function mostThatFit(clusters: readonly string[], fits: (part: string) => boolean): number {
  let [fit, most] = [0, clusters.length];
  while (fit < most) {
    const middle = (fit + most + 1) >> 1;
    if (fits(clusters.slice(0, middle).join(""))) fit = middle;
    else most = middle - 1;
  }
  return fit;
}

/** The bytes of a document in newly allocated memory. If they contain PINs, wipe them after use. */
export async function pdfOf(
  title: string,
  language: Language,
  fonts: Fonts,
  draw: (pages: Pages) => Promise<void>,
): Promise<Uint8Array> {
  const { default: PdfDocument } = await import("pdfkit");
  const info = { Title: title, Creator: "dsc", Producer: "dsc", CreationDate: new Date(0) };
  const pdf = new PdfDocument({
    autoFirstPage: false,
    font: "",
    lang: language.toLowerCase(),
    displayTitle: true,
    info,
  });
  // pdfkit insists on a date, but writes only enumerable properties.
  Object.defineProperty(pdf.info, "CreationDate", { enumerable: false });
  const chunks: Buffer[] = [];
  pdf.on("data", (chunk: Buffer) => chunks.push(chunk));
  try {
    const ended = once(pdf, "end");
    await draw(new Pages(pdf, fonts));
    pdf.end();
    await ended;
    return concatSecrets(...chunks);
  } finally {
    pdf.destroy();
    for (const chunk of chunks) chunk.fill(0);
  }
}

function points(mm: number): number {
  return mm * POINTS_PER_MM;
}
