// Labels, read back from the PDF by independent programs: their text, their places on the sheet, their bar codes.

import * as assert from "uvu/assert";
import { PaperError } from "../../../../host-tools/desk/paper/errors.js";
import { type Label, labelsPdf } from "../../../../host-tools/desk/paper/labels.js";
import { SHEETS } from "../../../../host-tools/desk/paper/sheets.js";
import { barCodesOf, infoOf, pagesOf, picturesOf, textOf, type Word } from "../../../support/pdf.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";
import { NO_POPPLER, NO_ZBAR } from "../../../support/tools.js";

const test = suite("labels");

const SETTINGS = { sheet: "L7160", language: "EN", font: "standard" } as const;
const INCH = 25.4;
const NAMES = ["j.doe", "Екатерина Петрова", "渡邉 陽子", "Łukasz Żółć", "a-name".repeat(40), "=HYPERLINK(1)"];

/**
 * The manufacturers' figures, in mm: labels in a row and in a column, width and height of a label, left and top margin, and
 * the distance from one label to the next.
 */
const MADE: Record<string, readonly [number, number, number, number, number, number, number, number]> = {
  L7160: [3, 7, 63.5, 38.1, 7.2, 15.1, 66, 38.1],
  L7163: [2, 7, 99.1, 38.1, 4.7, 15.1, 101.6, 38.1],
  L7651: [5, 13, 38.1, 21.2, 4.7, 10.7, 40.6, 21.2],
  "5160": [3, 10, 2.625 * INCH, INCH, 0.1875 * INCH, 0.5 * INCH, 2.75 * INCH, INCH],
  "5163": [2, 5, 4 * INCH, 2 * INCH, 0.15625 * INCH, 0.5 * INCH, 4.1875 * INCH, 2 * INCH],
  "62x29": [1, 1, 62, 29, 0, 0, 0, 0],
  "89x36": [1, 1, 89, 36, 0, 0, 0, 0],
  "4x6": [1, 1, 4 * INCH, 6 * INCH, 0, 0, 0, 0],
};
/** Manufacturers round to a tenth of a millimetre, and printers are less exact. */
const TOLERANCE = 0.2;

function serialAt(index: number): string {
  return `IB${3_000_000 + index}`;
}

function labelsFor(count: number): Label[] {
  return Array.from({ length: count }, (_, at) => ({
    serial: serialAt(at),
    user: NAMES[at % NAMES.length],
    batch: at % 3 === 0 ? undefined : 17,
  }));
}

test("every sheet has known measures", () => {
  assert.equal(Object.keys(SHEETS).sort(), Object.keys(MADE).sort());
});

for (const [sheet, [columns, rows, width, height, left, top, right, down]] of Object.entries(MADE)) {
  const each = columns * rows;
  const count = each === 1 ? 12 : 200;

  packageTest(test, NO_POPPLER, `${sheet}: ${count} labels are in order, each inside its place`, async () => {
    const pages = pagesOf(await labelsPdf(labelsFor(count), { ...SETTINGS, sheet }));
    assert.is(pages.length, Math.ceil(count / each));
    for (let at = 0; at < count; at++) {
      const page = pages[Math.floor(at / each)];
      const x = left + (at % columns) * right;
      const y = top + Math.floor((at % each) / columns) * down;
      const inside = (word: Word) =>
        word.left < x + width && word.right > x && word.top < y + height && word.bottom > y;
      const words = page?.words.filter(inside) ?? [];
      assert.ok(
        words.some(({ text }) => text === serialAt(at)),
        `${serialAt(at)} is not at ${x}, ${y}`,
      );
      assert.is(words.filter(({ text }) => text.startsWith("IB3")).length, 1);
      for (const word of words) assertInside(word, x, y, width, height);
    }
  });

  packageTest(test, NO_POPPLER ?? NO_ZBAR, `${sheet}: a bar code reader reads every bar code`, async () => {
    const labels = labelsFor(Math.min(count, each));
    const read = barCodesOf(await labelsPdf(labels, { ...SETTINGS, sheet }), 300).flat();
    assert.equal(
      read.sort(),
      labels.map(({ serial }) => serial),
    );
  });
}

function assertInside({ text, ...word }: Word, x: number, y: number, width: number, height: number): void {
  const lies = word.left >= x - TOLERANCE && word.right <= x + width + TOLERANCE;
  const stands = word.top >= y - TOLERANCE && word.bottom <= y + height + TOLERANCE;
  assert.ok(lies && stands, `${text} at ${JSON.stringify(word)} is not inside ${[x, y, width, height]}`);
}

for (const [sheet, dotsPerInch] of [
  ["L7651", 300],
  ["5160", 300],
  ["4x6", 203],
] as const)
  packageTest(test, NO_POPPLER, `${sheet}: bars are whole dots with enough white beside them`, async () => {
    const [picture] = picturesOf(await labelsPdf([{ serial: "IB3000123" }], { ...SETTINGS, sheet }), dotsPerInch);
    assert.ok(picture);
    const { width, pixels } = picture;
    const rows = Array.from({ length: picture.height }, (_, y) => pixels.subarray(y * width, (y + 1) * width));
    const bars = rows.filter((row) => runsOf(row).length > 60);
    assert.ok(bars.length > dotsPerInch / 5, `${bars.length} rows of bars`);
    const middle = bars[Math.floor(bars.length / 2)] as Uint8Array;
    assert.ok(
      middle.every((pixel) => pixel === 0 || pixel === 255),
      "a bar ends inside a dot",
    );
    const widths = runsOf(middle);
    const unit = Math.min(...widths.slice(1, -1));
    for (const run of widths.slice(1, -1)) assert.is(run % unit, 0, `${run} dots, of a module of ${unit}`);
    assert.ok((widths[0] as number) >= 10 * unit);
  });

/** The lengths of the runs of pixels, in turn white and black. */
function runsOf(row: Uint8Array): number[] {
  const runs: number[] = [];
  let last = -1;
  for (const pixel of row) {
    const black = pixel < 128 ? 1 : 0;
    if (black !== last) runs.push(0);
    runs[runs.length - 1] = (runs.at(-1) as number) + 1;
    last = black;
  }
  return runs;
}

packageTest(test, NO_POPPLER, "names in many scripts are printed unchanged, formulas too", async () => {
  const names = [
    "j.doe",
    "Пётр Щукин",
    "渡邉 陽子",
    "髙橋 﨑子",
    "Łukasz Żółć",
    "Σωκράτης",
    "=1+1",
    "@SUM(A1)",
    "+49",
    "-x",
  ];
  const labels = names.map((user, at) => ({ serial: serialAt(at), user }));
  const text = textOf(await labelsPdf(labels, SETTINGS));
  for (const name of names) assert.ok(text.includes(name), name);
});

packageTest(test, NO_POPPLER, "a long name is cut and ends with dots", async () => {
  const user = "x".repeat(256);
  for (const sheet of Object.keys(SHEETS)) {
    const text = textOf(await labelsPdf([{ serial: "IB3000123", user }], { ...SETTINGS, sheet }));
    assert.match(text, /x…/, sheet);
    assert.match(text, /IB3000123/, sheet);
  }
});

packageTest(test, NO_POPPLER, "the batch is named in the language of the setting", async () => {
  const words = { EN: "Batch 17", RU: "Партия 17", FR: "Lot 17", DE: "Los 17", JA: "バッチ 17" } as const;
  for (const [language, word] of Object.entries(words)) {
    const settings = { ...SETTINGS, language: language as keyof typeof words };
    assert.ok(textOf(await labelsPdf([{ serial: "IB3000123", batch: 17 }], settings)).includes(word), language);
  }
});

packageTest(test, NO_POPPLER, "the file contains no card and no user outside its pages, and no date", async () => {
  const info = infoOf(await labelsPdf([{ serial: "IB3000123", user: "j.doe", batch: 17 }], SETTINGS));
  assert.match(info, /Title: +Labels/);
  assert.not.match(info, /IB3|doe|17|Date/);
});

test("the same labels give the same bytes", async () => {
  const [one, other] = [await labelsPdf(labelsFor(50), SETTINGS), await labelsPdf(labelsFor(50), SETTINGS)];
  assert.ok(Buffer.from(one).equals(other));
});

/** The message that refuses a user name. */
async function refused(user: string): Promise<string> {
  try {
    await labelsPdf([{ serial: "IB3000123", user }], SETTINGS);
  } catch (error) {
    assert.instance(error, PaperError);
    return (error as Error).message;
  }
  return "it was printed";
}

test("a text that cannot be printed is refused in one line with the reason", async () => {
  assert.match(await refused("محمد"), /^IB3000123: the user name has "م" \(Arabic, U\+0645\): .*right-to-left/);
  assert.match(await refused("דוד"), /Hebrew, U\+05D3/);
  assert.match(await refused("홍길동"), /"홍" \(Korean, U\+D64D\), which no available font has; set letter.font/);
  assert.match(await refused("a\u{1f600}"), /U\+1F600/);
  for (const character of ["\0", "\n", "\x1b", "\u202e", "\u200b", "\u2028", "\ud800"]) {
    const line = await refused(`a${character}b`);
    assert.match(line, /^IB3000123: the user name has an invisible character \(U\+[0-9A-F]{4}\)/);
    assert.not.match(line, /[\p{Cc}\p{Cf}\p{Cs}\u2028]/u);
  }
});

test("an export without labels, sheet or serial numbers is refused", async () => {
  const refusal = async (labels: Label[], sheet = "L7160") => {
    try {
      await labelsPdf(labels, { ...SETTINGS, sheet });
    } catch (error) {
      return (error as Error).message;
    }
    return "it was printed";
  };
  assert.match(await refusal([]), /no labels/);
  assert.match(await refusal([{ serial: "IB3000123" }], "L9"), /unknown sheet of labels "L9"; choose one of .*L7160/);
  assert.match(await refusal([{ serial: "IB3" }]), /no serial number/);
});

test.run();
