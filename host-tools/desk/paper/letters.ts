// PIN letters: one page for each card, folded twice so that the PIN is inside.
//
// The upper part has the address and is folded back, so that it is outside. The middle part has the PIN. The lower part
// is folded up over it, with a hatched field that covers the PIN against the light. Marks at the edges show where to
// fold. PINs are set digit by digit: no string ever holds all four digits.

import { checkSerialNumber } from "../../card/serialnumber.js";
import { type Pages, pdfOf, type Style } from "./document.js";
import { PaperError } from "./errors.js";
import { Fonts } from "./fonts.js";
import type { Language } from "./languages.js";
import { type LetterPaper, letterPaperOf } from "./letterpaper.js";
import { TEXTS, type Texts } from "./lettertexts.js";
import type { PaperSettings } from "./papersettings.js";
import { MM_PER_INCH } from "./sheets.js";

/** The recipient of a letter. */
export interface Recipient {
  /** The user name; a card need not have one. */
  readonly user?: string | undefined;
  /** The user name's language; default: that of the setting. */
  readonly language?: Language | undefined;
  /** Lines separated by line ends; default: the user name. */
  readonly address?: string | undefined;
}

export interface PinLetter extends Recipient {
  readonly serial: string;
  /** Four digits as ASCII. The caller wipes them once the next letter is asked for, or the letters are done. */
  readonly pin: Uint8Array;
}

/** A recipient whose card may not have a serial number yet. */
export interface ExpectedRecipient extends Recipient {
  /** The source of the recipient, for messages: a line of a file, or an order. */
  readonly what: string;
}

type Settings = Pick<PaperSettings, "language" | "font" | "paper">;

const DIGITS = [..."0123456789"];
const PIN_DIGITS = 4;
const ZERO = 0x30;
const LINE_END = /\r\n|\r|\n/;

const MM_PER_POINT = MM_PER_INCH / 72;
const GREY = "#555555";
const TITLE: Style = { size: 15, weight: "bold" };
const BODY: Style = { size: 10 };
const CAPTION: Style = { size: 8, color: GREY };
const VALUE: Style = { size: 11, weight: "bold" };
const PIN: Style = { size: 30, weight: "bold" };
const HEADING: Style = { size: 10.5, weight: "bold" };
const ADVICE: Style = { size: 9 };
const ADDRESS: Style = { size: 10.5 };
const LEADING = 1.42;

/** Columns, in mm. */
const LEFT = 25;
const RIGHT_MARGIN = 20;
const COLUMN_GAP = 12;
const INDENT = 6;
const ADDRESS_WIDTH = 80;
const MOST_ADDRESS_LINES = 6;
/** The width of a user name below the box of the PIN, on the narrower paper. */
const USER_WIDTH = 165;
/** Sizes of a user name in points, and the number of lines that fit at each size. */
const USER_SIZES: readonly (readonly [size: number, lines: number])[] = [
  [11, 2],
  [9, 3],
  [7, 4],
  [6, 5],
];
/** Distances in mm in the middle part, from the fold above it. */
const TITLE_DOWN = 20;
const TEXT_DOWN = 34;
const BEFORE_FIELD = 2.5;
const BEHIND_CAPTION = 4.8;
const BOX = { down: 31.5, width: 56, height: 30, radius: 2 };
/** In the box of the PIN, from its upper edge. */
const CAPTION_DOWN = 8;
const PIN_DOWN = 22.5;
const PIN_STEP = 11;
/** In the lower part, from the fold above it. */
const HEADING_DOWN = 14;
const BEHIND_HEADING = 6.5;
const BETWEEN_ADVICE = 1.3;
const MARK = { from: 4, to: 9, color: "#888888" };

/**
 * A PDF of one page for each letter. It contains PINs: wipe it after use. Throws a PaperError if a letter cannot be
 * printed.
 */
export async function pinLettersPdf(
  letters: Iterable<PinLetter> | AsyncIterable<PinLetter>,
  settings: Settings,
): Promise<Uint8Array> {
  const fonts = await Fonts.open(settings.font);
  const paper = letterPaperOf(settings.paper);
  const { letters: title } = TEXTS[settings.language];
  return pdfOf(title, settings.language, fonts, async (pages) => {
    let count = 0;
    for await (const letter of letters) {
      const content = printed(pages, fonts, letter, checkSerialNumber(letter.serial));
      checkPin(letter);
      pages.add(paper.width, paper.height);
      draw(pages, paper, TEXTS[letter.language ?? settings.language], letter, content);
      count++;
    }
    if (count === 0) throw new PaperError("there are no letters to print");
  });
}

/**
 * Throws a PaperError for the first recipient whose letter or label could not be printed. A desk calls this before it
 * seeds the cards, while names can still be corrected.
 */
export async function checkRecipients(recipients: Iterable<ExpectedRecipient>, settings: Settings): Promise<void> {
  const fonts = await Fonts.open(settings.font);
  await pdfOf("", settings.language, fonts, async (pages) => {
    for (const recipient of recipients) printed(pages, fonts, recipient, recipient.what);
  });
}

function checkPin({ serial, pin }: PinLetter): void {
  if (pin.length === PIN_DIGITS && pin.every((digit) => digit >= ZERO && digit < ZERO + DIGITS.length)) return;
  throw new PaperError(`${serial}: its PIN is not four digits`);
}

/** Names and addresses as they are printed. */
interface Printed {
  readonly user: readonly string[];
  readonly userStyle: Style;
  readonly address: readonly string[];
}

function printed(pages: Pages, fonts: Fonts, { user, address }: Recipient, what: string): Printed {
  const lines = address === undefined ? undefined : addressLines(pages, fonts, address, what);
  if (user === undefined) return { user: [], userStyle: VALUE, address: lines ?? [] };
  const name = fonts.checked(user, `${what}: the user name`);
  const shown = lines ?? pages.cutTo(name, ADDRESS_WIDTH, MOST_ADDRESS_LINES, ADDRESS);
  for (const [size, most] of USER_SIZES) {
    const userStyle = { ...VALUE, size };
    const userLines = pages.linesOf(name, USER_WIDTH, userStyle);
    if (userLines.length <= most) return { user: userLines, userStyle, address: shown };
  }
  throw new PaperError(`${what}: the user name is too long for a letter; shorten it`);
}

function addressLines(pages: Pages, fonts: Fonts, address: string, what: string): string[] {
  const given = address.split(LINE_END).map((line) => fonts.checked(line.trim(), `${what}: the address`));
  const lines = given.flatMap((line) => pages.linesOf(line, ADDRESS_WIDTH, ADDRESS));
  if (lines.length <= MOST_ADDRESS_LINES) return lines;
  throw new PaperError(`${what}: the address takes more than ${MOST_ADDRESS_LINES} lines; shorten it`);
}

function draw(pages: Pages, paper: LetterPaper, texts: Texts, { serial, pin }: PinLetter, content: Printed): void {
  const [first, second] = paper.folds;
  for (const fold of paper.folds) {
    pages.rule(MARK.from, fold, MARK.to, fold, MARK.color);
    pages.rule(paper.width - MARK.to, fold, paper.width - MARK.from, fold, MARK.color);
  }
  column(pages, content.address, LEFT, paper.address, ADDRESS);

  const boxLeft = paper.width - RIGHT_MARGIN - BOX.width;
  const width = boxLeft - COLUMN_GAP - LEFT;
  pages.line(texts.title, LEFT, first + TITLE_DOWN, TITLE);
  let y = column(pages, pages.linesOf(texts.intro, width, BODY), LEFT, first + TEXT_DOWN, BODY);
  y += BEFORE_FIELD;
  pages.line(texts.serial, LEFT, y, CAPTION);
  y = column(pages, [serial], LEFT, y + BEHIND_CAPTION, VALUE) + BEFORE_FIELD;
  if (content.user.length > 0) pages.line(texts.user, LEFT, y, CAPTION);
  column(pages, content.user, LEFT, y + BEHIND_CAPTION, content.userStyle);

  const boxTop = first + BOX.down;
  pages.frame(boxLeft, boxTop, BOX.width, BOX.height, BOX.radius);
  centred(pages, texts.pin, boxLeft + BOX.width / 2, boxTop + CAPTION_DOWN, CAPTION);
  const middle = (at: number) => boxLeft + BOX.width / 2 + (at - (PIN_DIGITS - 1) / 2) * PIN_STEP;
  for (const [at, digit] of pin.entries())
    centred(pages, DIGITS[digit - ZERO] as string, middle(at), boxTop + PIN_DOWN, PIN);

  // The place where the box lies once the lower part is folded up.
  pages.hatch(boxLeft, 2 * second - boxTop - BOX.height, BOX.width, BOX.height);
  pages.line(texts.heading, LEFT, second + HEADING_DOWN, HEADING);
  y = second + HEADING_DOWN + BEHIND_HEADING;
  for (const [index, advice] of texts.advice.entries()) {
    pages.line(`${index + 1}.`, LEFT, y, ADVICE);
    y = column(pages, pages.linesOf(advice, width - INDENT, ADVICE), LEFT + INDENT, y, ADVICE) + BETWEEN_ADVICE;
  }
}

/** Sets lines one below the other, with the first baseline at y. Returns the baseline of the line after the last. */
function column(pages: Pages, lines: readonly string[], x: number, y: number, style: Style): number {
  const leading = style.size * LEADING * MM_PER_POINT;
  for (const [index, line] of lines.entries()) pages.line(line, x, y + index * leading, style);
  return y + lines.length * leading;
}

function centred(pages: Pages, text: string, middle: number, y: number, style: Style): void {
  pages.line(text, middle - pages.widthOf(text, style) / 2, y, style);
}
