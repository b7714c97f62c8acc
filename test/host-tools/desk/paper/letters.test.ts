// PIN letters, read back from the PDF by independent programs: their text, their language, and what is inside when they are
// folded.

import * as assert from "uvu/assert";
import { PaperError } from "../../../../host-tools/desk/paper/errors.js";
import { LANGUAGES, type Language } from "../../../../host-tools/desk/paper/languages.js";
import { checkRecipients, type PinLetter, pinLettersPdf } from "../../../../host-tools/desk/paper/letters.js";
import { TEXTS } from "../../../../host-tools/desk/paper/lettertexts.js";
import { infoOf, type Page, type Picture, pagesOf, picturesOf, textOf, type Word } from "../../../support/pdf.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";
import { NO_POPPLER } from "../../../support/tools.js";

const test = suite("letters");

const SETTINGS = { language: "EN", font: "standard", paper: "A4" } as const;
/** The folds of the paper, in mm from its upper edge: DIN 5008 form B, and thirds. */
const FOLDS = { A4: [105, 210], Letter: [(279.4 / 3) * 1, (279.4 / 3) * 2] } as const;
const SIZES = { A4: [210, 297], Letter: [215.9, 279.4] } as const;
type Paper = keyof typeof FOLDS;
const PAPERS = Object.keys(FOLDS) as Paper[];
const PIN = "4071";
const USERS: Readonly<Record<Language, string>> = {
  EN: "j.doe",
  RU: "Пётр Щукин",
  FR: "Éloïse Lœuf",
  DE: "Jürgen Groß",
  JA: "渡邉 陽子",
};
const ADDRESS = "Jane Doe\nExample Street 12\n12345 Sampletown";
/** The margin that a printer cannot print, in mm. */
const EDGE = 4;
const DOTS = 100;
const PER_MM = DOTS / 25.4;

function letterTo(user: string, more: Partial<PinLetter> = {}): PinLetter {
  return { serial: "IB3000123", user, pin: Buffer.from(PIN), ...more };
}

/** The digits of the PIN on a page: its largest ones. */
function pinOn({ words }: Page): Word[] {
  return words.filter(({ text, top, bottom }) => /^\d$/.test(text) && bottom - top > 8);
}

for (const paper of PAPERS)
  for (const language of LANGUAGES) {
    const title = `${language} on ${paper}`;
    const make = () =>
      pinLettersPdf([letterTo(USERS[language], { language, address: ADDRESS })], { ...SETTINGS, paper });

    packageTest(test, NO_POPPLER, `${title}: everything is on one page, and nothing near its edges`, async () => {
      const pdf = await make();
      const [page, ...more] = pagesOf(pdf);
      assert.ok(page && more.length === 0);
      assert.equal(
        [page.width, page.height].map((each) => Math.round(each * 10) / 10),
        SIZES[paper],
      );
      const text = textOf(pdf).replace(/\s+/g, " ");
      const { title, user, serial, heading } = TEXTS[language];
      for (const said of [title, user, serial, heading, USERS[language], "IB3000123", ...ADDRESS.split("\n")])
        assert.ok(text.includes(said), said);
      const squeezed = text.replace(/\s/g, "");
      for (const advice of TEXTS[language].advice)
        assert.ok(squeezed.includes(advice.replace(/\s/g, "").slice(0, 20)), advice);
      for (const { left, top, right, bottom } of page.words)
        assert.ok(left > EDGE && top > EDGE && right < page.width - EDGE && bottom < page.height - EDGE);
    });

    packageTest(test, NO_POPPLER, `${title}: when folded, the PIN is inside and the address outside`, async () => {
      const [first, second] = FOLDS[paper];
      const [page] = pagesOf(await make());
      assert.ok(page);
      const digits = pinOn(page);
      assert.is(digits.map(({ text }) => text).join(""), PIN);
      for (const { top, bottom } of digits) assert.ok(top > first && bottom < second);
      const above = page.words.filter(({ top }) => top < first);
      assert.equal(above.map(({ text }) => text).join(" "), ADDRESS.replaceAll("\n", " "));
      for (const { bottom } of above) assert.ok(bottom < first);
      for (const { top, bottom, text } of page.words)
        assert.ok(
          FOLDS[paper].every((fold) => bottom < fold - 3 || top > fold + 3),
          `${text} lies on a fold`,
        );
    });

    packageTest(test, NO_POPPLER, `${title}: no text overlaps another or the boxes`, async () => {
      const [page] = pagesOf(await make());
      assert.ok(page);
      for (const one of page.words)
        for (const other of page.words) if (one !== other) assert.not(overlap(one, other), `${one.text} ${other.text}`);
      const left = Math.min(...pinOn(page).map((digit) => digit.left));
      const [first] = FOLDS[paper];
      const body = page.words.filter((word) => word.top > first + 25 && word.left < left - 25);
      assert.ok(body.length > 5);
      for (const { right, text } of body) assert.ok(right < left - 5, text);
    });
  }

/** Whether two words overlap by more than the white space of their fonts above and below. */
function overlap(one: Word, other: Word): boolean {
  const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return across > 0.2 && down > 0.4 * Math.min(one.bottom - one.top, other.bottom - other.top);
}

for (const paper of PAPERS)
  packageTest(test, NO_POPPLER, `${paper}: marks show the folds, and a hatched field covers the PIN`, async () => {
    const pdf = await pinLettersPdf([letterTo("j.doe")], { ...SETTINGS, paper });
    const [picture] = picturesOf(pdf, DOTS);
    const [page] = pagesOf(pdf);
    assert.ok(picture && page);
    const [, second] = FOLDS[paper];
    for (const edge of [6, page.width - 6]) {
      const marks = darkRows(picture, edge);
      assert.is(marks.length, 2);
      for (const [at, fold] of FOLDS[paper].entries()) assert.ok(Math.abs((marks[at] as number) - fold) < 0.5);
    }
    for (const { left, top, right, bottom } of pinOn(page)) {
      const area = { left, right, top: 2 * second - bottom, bottom: 2 * second - top };
      const share = darkShare(picture, area);
      assert.ok(share > 0.3, `only ${share} of what lies on the PIN is dark`);
    }
  });

/** The places in mm at which a column of the picture is not white; places within 1 mm count as one. */
function darkRows({ width, height, pixels }: Picture, x: number): number[] {
  const column = Math.round(x * PER_MM);
  const dark = Array.from({ length: height }, (_, y) => y).filter((y) => (pixels[y * width + column] as number) < 250);
  return dark.map((y) => y / PER_MM).filter((y, at, all) => at === 0 || y - (all[at - 1] as number) > 1);
}

function darkShare({ width, pixels }: Picture, area: Omit<Word, "text">): number {
  let [dark, all] = [0, 0];
  for (let y = Math.ceil(area.top * PER_MM); y < area.bottom * PER_MM; y++)
    for (let x = Math.ceil(area.left * PER_MM); x < area.right * PER_MM; x++) {
      all++;
      if ((pixels[y * width + x] as number) < 200) dark++;
    }
  return dark / all;
}

packageTest(test, NO_POPPLER, "the language is that of the user, else that of the setting", async () => {
  const letters = [letterTo("a"), letterTo("b", { language: "JA" })];
  const text = textOf(await pinLettersPdf(letters, { ...SETTINGS, language: "DE" }));
  const [first = "", second = ""] = text.split("\f");
  assert.ok(first.includes(TEXTS.DE.heading) && !first.includes(TEXTS.JA.heading));
  assert.ok(second.includes(TEXTS.JA.heading) && !second.includes(TEXTS.DE.heading));
});

packageTest(test, NO_POPPLER, "a letter without an address has the user name instead", async () => {
  const [page] = pagesOf(await pinLettersPdf([letterTo("Пётр Щукин")], SETTINGS));
  const above = page?.words.filter(({ bottom }) => bottom < FOLDS.A4[0]) ?? [];
  assert.is(above.map(({ text }) => text).join(" "), "Пётр Щукин");
});

packageTest(test, NO_POPPLER, "each of two hundred letters has the PIN of its card", async () => {
  const pins = Array.from({ length: 200 }, (_, at) => String((at * 7919 + 13) % 10_000).padStart(4, "0"));
  const letters = pins.map((pin, at) => letterTo("j.doe", { serial: `IB${3_000_000 + at}`, pin: Buffer.from(pin) }));
  const pages = pagesOf(await pinLettersPdf(letters, SETTINGS));
  assert.is(pages.length, 200);
  for (const [at, page] of pages.entries()) {
    assert.is(
      pinOn(page)
        .map(({ text }) => text)
        .join(""),
      pins[at],
    );
    assert.ok(page.words.some(({ text }) => text === `IB${3_000_000 + at}`));
  }
});

packageTest(test, NO_POPPLER, "a user name of 256 characters is printed completely, and not on the folds", async () => {
  for (const paper of PAPERS)
    for (const character of ["x", "W", "Щ", "邉"]) {
      const user = character.repeat(256);
      for (const language of LANGUAGES) {
        const letter = letterTo(user, { language, address: ADDRESS });
        const [page] = pagesOf(await pinLettersPdf([letter], { ...SETTINGS, paper }));
        const parts = page?.words.filter(({ text }) => [...text].every((each) => each === character)) ?? [];
        assert.is(parts.map(({ text }) => text).join(""), user);
        for (const { bottom } of parts) assert.ok(bottom < FOLDS[paper][1] - 2, `${paper} ${language} ${character}`);
      }
    }
});

packageTest(test, NO_POPPLER, "a user name too long for the envelope's window is cut only there", async () => {
  const user = "x".repeat(256);
  const [page] = pagesOf(await pinLettersPdf([letterTo(user)], SETTINGS));
  const above = page?.words.filter(({ bottom }) => bottom < FOLDS.A4[0]).map(({ text }) => text) ?? [];
  assert.is(above.length, 6);
  assert.match(above.at(-1) ?? "", /^x+…$/);
  const inside = page?.words.filter(({ top, text }) => top > FOLDS.A4[0] && /^x+$/.test(text)) ?? [];
  assert.is(inside.map(({ text }) => text).join(""), user);
});

test("a PIN may be wiped once the next letter is requested", async () => {
  const pins = ["4071", "5082", "6093"].map((pin) => Buffer.from(pin));
  const whole = await pinLettersPdf(
    pins.map((pin) => letterTo("j.doe", { pin: Buffer.from(pin) })),
    SETTINGS,
  );
  async function* wiping() {
    for (const pin of pins) {
      yield letterTo("j.doe", { pin });
      pin.fill(0);
    }
  }
  const wiped = await pinLettersPdf(wiping(), SETTINGS);
  assert.ok(Buffer.from(wiped).equals(whole));
});

packageTest(test, NO_POPPLER, "the file contains no card, user or PIN outside its pages", async () => {
  const pdf = await pinLettersPdf([letterTo("j.doe")], SETTINGS);
  const info = infoOf(pdf);
  assert.match(info, /Title: +PIN letters/);
  assert.not.match(info, /IB3|doe|4071|Date/);
  for (const clear of ["IB3000123", "j.doe", PIN]) assert.not(Buffer.from(pdf).includes(clear), clear);
  assert.is(pdf.buffer.byteLength, pdf.length, "the bytes are not in memory of their own");
});

async function refused(letter: PinLetter): Promise<string> {
  try {
    await pinLettersPdf([letter], SETTINGS);
  } catch (error) {
    assert.instance(error, PaperError);
    return (error as Error).message;
  }
  return "it was printed";
}

test("text that cannot be printed is refused in one line without a PIN", async () => {
  assert.match(await refused(letterTo("محمد")), /^IB3000123: the user name has .*right-to-left/);
  assert.match(await refused(letterTo("홍길동")), /Korean.*set letter.font/);
  assert.match(await refused(letterTo("j.doe", { address: "Jane\n홍" })), /^IB3000123: the address has "홍"/);
  assert.match(await refused(letterTo("j.doe", { address: "a\nb\tc" })), /invisible character \(U\+0009\)/);
  assert.match(await refused(letterTo("j.doe", { address: "a\n".repeat(7) })), /address takes more than 6 lines/);
  for (const pin of ["407", "40711", "407a", ""]) {
    const line = await refused(letterTo("j.doe", { pin: Buffer.from(pin) }));
    assert.is(line, "IB3000123: its PIN is not four digits");
  }
  await pinLettersPdf([letterTo("j.doe", { address: "a\r\nb\rc\nd" })], SETTINGS);
  try {
    await pinLettersPdf([], SETTINGS);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, "no letters");
  }
});

test("recipients are checked before there are cards", async () => {
  await checkRecipients([{ what: "line 2", user: "j.doe" }], SETTINGS);
  const recipients = [
    { what: "line 2", user: "Пётр" },
    { what: "line 3", user: "محمد" },
  ];
  try {
    await checkRecipients(recipients, SETTINGS);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, PaperError);
    assert.match((error as Error).message, /^line 3: the user name has "م"/);
  }
});

test.run();
