// The fonts of labels and letters: the font of the setting `letter.font`, IBM Plex Sans for Latin, Cyrillic and Greek,
// and BIZ UDPGothic for Japanese. Each character comes from the first font that has it. A font is opened when it is
// first needed.

import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute } from "node:path";
import type { Font, FontCollection } from "fontkit";
import { explained } from "../../files/files.js";
import { PaperError } from "./errors.js";
import { clustersOf, named, printable } from "./printable.js";

type Fontkit = typeof import("fontkit");

export type Weight = "regular" | "bold";

export interface Face {
  /** The name under which the font is registered in a document. */
  readonly name: string;
  readonly font: Font;
}

/** The setting for no additional font. */
export const STANDARD = "standard";
/** Separates the path of a collection from the name of one font in it. */
const OF_COLLECTION = "#";

const PLEX = "@expo-google-fonts/ibm-plex-sans";
const UDP_GOTHIC = "@expo-google-fonts/biz-udpgothic";
const FILES: Record<Weight, readonly string[]> = {
  regular: [`${PLEX}/400Regular/IBMPlexSans_400Regular.ttf`, `${UDP_GOTHIC}/400Regular/BIZUDPGothic_400Regular.ttf`],
  bold: [`${PLEX}/600SemiBold/IBMPlexSans_600SemiBold.ttf`, `${UDP_GOTHIC}/700Bold/BIZUDPGothic_700Bold.ttf`],
};

/**
 * Variation selectors: they choose a form of the character before them, or change nothing. No font has a glyph for
 * them.
 */
const VARIATION_SELECTORS = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

/** Throws a PaperError if the setting names no font that this computer can use. */
export async function checkFont(setting: string): Promise<string> {
  const fontkit = await import("fontkit");
  if (setting !== STANDARD) openOwn(fontkit, setting);
  return setting;
}

export class Fonts {
  readonly #fontkit: Fontkit;
  readonly #own: Font | undefined;
  readonly #opened = new Map<string, Face>();
  readonly #faces: Record<Weight, Map<string, Face | undefined>> = { regular: new Map(), bold: new Map() };

  private constructor(fontkit: Fontkit, own: Font | undefined) {
    this.#fontkit = fontkit;
    this.#own = own;
  }

  /** The fonts for a setting `letter.font`. Throws a PaperError if it names no usable font. */
  static async open(setting: string): Promise<Fonts> {
    const fontkit = await import("fontkit");
    return new Fonts(fontkit, setting === STANDARD ? undefined : openOwn(fontkit, setting));
  }

  /**
   * The text as it is printed. Throws a PaperError that names the characters that cannot be printed; the message begins
   * with `what`.
   */
  checked(text: string, what: string): string {
    const composed = printable(text, what);
    const missing = clustersOf(composed).find((cluster) => !this.#faceOf(cluster, "regular"));
    if (missing === undefined) return composed;
    throw new PaperError(
      `${what} has ${named(missing)}, which no available font has; set letter.font to a font file that has it`,
    );
  }

  /** Splits a text into parts, each with the font that has it. */
  runs(text: string, weight: Weight): { readonly text: string; readonly face: Face }[] {
    const runs: { text: string; face: Face }[] = [];
    for (const cluster of clustersOf(text)) {
      const face = this.#faceOf(cluster, weight);
      if (!face) throw new Error(`a text was not checked: no font has ${named(cluster)}`);
      const last = runs.at(-1);
      if (last?.face === face) last.text += cluster;
      else runs.push({ text: cluster, face });
    }
    return runs;
  }

  /** The first font that has every character of a cluster. */
  #faceOf(cluster: string, weight: Weight): Face | undefined {
    const known = this.#faces[weight];
    if (known.has(cluster)) return known.get(cluster);
    const points = [...cluster.replace(VARIATION_SELECTORS, "")].map((point) => point.codePointAt(0) as number);
    const has = ({ font }: Face) => points.every((point) => font.hasGlyphForCodePoint(point));
    let face: Face | undefined;
    for (const candidate of this.#candidates(weight)) {
      face = has(candidate) ? candidate : undefined;
      if (face) break;
    }
    known.set(cluster, face);
    return face;
  }

  *#candidates(weight: Weight): Generator<Face> {
    if (this.#own) yield { name: "own", font: this.#own };
    for (const file of FILES[weight]) yield this.#standard(file);
  }

  #standard(file: string): Face {
    const opened = this.#opened.get(file);
    if (opened) return opened;
    const path = createRequire(import.meta.url).resolve(file);
    const face = { name: file, font: this.#fontkit.create(readFileSync(path)) as Font };
    this.#opened.set(file, face);
    return face;
  }
}

/**
 * The font that the setting names: an absolute path; for a collection, followed by `#` and the PostScript name of one
 * font.
 */
function openOwn(fontkit: Fontkit, setting: string): Font {
  const [path = "", name] = setting.split(OF_COLLECTION);
  if (!isAbsolute(path))
    throw new PaperError(
      `letter.font is ${STANDARD} or the absolute path of a font file, not ${JSON.stringify(setting)}`,
    );
  const font = chosen(parsed(fontkit, path), path, name);
  try {
    // Do here what a document will do with the font, so that a font that fails is refused now.
    const subset = font.createSubset();
    for (const glyph of font.layout("0").glyphs) subset.includeGlyph(glyph);
    subset.encode();
  } catch {
    throw notAFont(path);
  }
  return font;
}

function parsed(fontkit: Fontkit, path: string): Font | FontCollection {
  let bytes: Buffer;
  try {
    if (!statSync(path).isFile()) throw notAFont(path);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof PaperError) throw error;
    throw new PaperError(`letter.font: ${explained(path, "read", error).message}`);
  }
  try {
    return fontkit.create(bytes);
  } catch {
    throw notAFont(path);
  }
}

function chosen(file: Font | FontCollection, path: string, name: string | undefined): Font {
  if (!("fonts" in file)) return file;
  const font = file.fonts.find((each) => each.postscriptName === name);
  if (font) return font;
  const names = file.fonts.map((each) => `${path}${OF_COLLECTION}${each.postscriptName}`).join(", ");
  throw new PaperError(`letter.font: ${path} has several fonts; choose one of ${names}`);
}

function notAFont(path: string): PaperError {
  return new PaperError(`letter.font: ${path} is not a usable font; give a TrueType, OpenType or WOFF file`);
}
