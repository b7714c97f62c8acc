// Fonts of labels and letters: the font of each character, and the setting `letter.font`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { PaperError } from "../../../../host-tools/desk/paper/errors.js";
import { checkFont, Fonts, STANDARD } from "../../../../host-tools/desk/paper/fonts.js";
import { labelsPdf } from "../../../../host-tools/desk/paper/labels.js";
import { TEXTS } from "../../../../host-tools/desk/paper/lettertexts.js";
import { paperSettings } from "../../../../host-tools/desk/paper/papersettings.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { setSetting } from "../../../../host-tools/desk/register/settings.js";
import { onEachEngine } from "../../../support/openregister.js";
import { fontsIn } from "../../../support/pdf.js";
import { scratchFolder } from "../../../support/scratch.js";
import { packageTest } from "../../../support/skipping.js";
import { suite } from "../../../support/suite.js";
import { NO_POPPLER } from "../../../support/tools.js";

const test = suite("fonts");

const FOLDER = scratchFolder();
const PLEX = createRequire(import.meta.url).resolve(
  "@expo-google-fonts/ibm-plex-sans/400Regular/IBMPlexSans_400Regular.ttf",
);
const ITALIC = createRequire(import.meta.url).resolve(
  "@expo-google-fonts/ibm-plex-sans/400Regular_Italic/IBMPlexSans_400Regular_Italic.ttf",
);

function put(name: string, contents: Uint8Array | string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents);
  return path;
}

/** A collection of fonts (OpenType 1.9, "TTC header"): the fonts after the header, with the offsets of their tables moved. */
function collectionOf(...fonts: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(12 + 4 * fonts.length);
  header.write("ttcf");
  header.writeUInt32BE(0x00010000, 4);
  header.writeUInt32BE(fonts.length, 8);
  let at = header.length;
  const moved = fonts.map((font, index) => {
    const copy = Buffer.concat([font, Buffer.alloc(-font.length & 3)]);
    for (let table = 0; table < font.readUInt16BE(4); table++) {
      const offset = 12 + 16 * table + 8;
      copy.writeUInt32BE(font.readUInt32BE(offset) + at, offset);
    }
    header.writeUInt32BE(at, 12 + 4 * index);
    at += copy.length;
    return copy;
  });
  return Buffer.concat([header, ...moved]);
}

/** The message that refuses a setting. */
async function refused(setting: string): Promise<string> {
  try {
    await checkFont(setting);
  } catch (error) {
    assert.instance(error, PaperError);
    return (error as Error).message;
  }
  return "it can be used";
}

test("the standard fonts have every character of the letters in each language", async () => {
  const fonts = await Fonts.open(STANDARD);
  for (const [language, texts] of Object.entries(TEXTS))
    for (const text of Object.values(texts).flat()) {
      assert.is(fonts.checked(text, language), text);
      for (const weight of ["regular", "bold"] as const)
        assert.is(
          fonts
            .runs(text, weight)
            .map((run) => run.text)
            .join(""),
          text,
        );
    }
});

test("every language has the same number of pieces of advice, and none is empty", () => {
  for (const [language, texts] of Object.entries(TEXTS)) {
    assert.equal(Object.keys(texts), Object.keys(TEXTS.EN), language);
    assert.is(texts.advice.length, TEXTS.EN.advice.length, language);
    for (const text of Object.values(texts).flat()) assert.match(text, /\S/, language);
  }
});

test("the Japanese font has every character of Windows-31J, and characters with marks stay together", async () => {
  const fonts = await Fonts.open(STANDARD);
  const decoder = new TextDecoder("shift_jis", { fatal: true });
  let tried = 0;
  for (let first = 0x81; first <= 0xef; first++)
    for (let second = 0x40; second <= 0xfc; second++) {
      let character: string;
      try {
        character = decoder.decode(Uint8Array.of(first, second));
      } catch {
        continue;
      }
      if ([...character].length > 1) continue;
      assert.is(fonts.checked(character, character), character);
      tried++;
    }
  assert.ok(tried > 7000, `only ${tried}`);
  const runs = fonts.runs("e\u0301が渡", "regular");
  assert.equal(
    runs.map(({ text }) => text),
    ["e\u0301", "が渡"],
  );
  assert.is(fonts.checked("e\u0301か\u3099", "x"), "éが");
});

test("a variation selector needs no glyph", async () => {
  const fonts = await Fonts.open(STANDARD);
  assert.is(fonts.checked("葛\u{e0100}城", "x"), "葛\u{e0100}城");
});

packageTest(
  test,
  NO_POPPLER,
  "the organisation's own font is used first, and missing characters come from the others",
  async () => {
    const own = put("own.ttf", readFileSync(ITALIC));
    const label = { serial: "IB3000123", user: "j.doe 渡邉" };
    const fonts = fontsIn(await labelsPdf([label], { sheet: "L7160", language: "EN", font: own }));
    assert.match(fonts, "IBMPlexSans-Italic");
    assert.match(fonts, "BIZUDPGothic");
    assert.not.match(fonts, /IBMPlexSans(-SemiBold)? /);
  },
);

packageTest(test, NO_POPPLER, "the file contains only the used parts of the fonts", async () => {
  const settings = { sheet: "L7160", language: "EN", font: STANDARD } as const;
  const pdf = await labelsPdf([{ serial: "IB3000123", user: "j.doe" }], settings);
  assert.not.match(fontsIn(pdf), "BIZ");
  assert.ok(pdf.length < 30_000, `${pdf.length} bytes`);
});

test("a setting that names no font is refused in one line with the reason", async () => {
  mkdirSync(join(FOLDER, "folder"));
  assert.match(await refused("own.ttf"), /absolute path of a font file, not "own.ttf"/);
  assert.match(await refused(""), /absolute path/);
  assert.match(await refused(join(FOLDER, "no.ttf")), /letter\.font: .*no\.ttf: cannot read it: /);
  const bytes = readFileSync(PLEX);
  const none = [
    join(FOLDER, "folder"),
    put("empty.ttf", ""),
    put("text.ttf", "no font ".repeat(1000)),
    put("cut.ttf", bytes.subarray(0, 3000)),
    put("head.ttf", bytes.subarray(0, 12)),
    put("wild.ttf", Buffer.concat([bytes.subarray(0, 400), Buffer.alloc(bytes.length - 400, 0xff)])),
  ];
  for (const path of none) assert.is(await refused(path), `letter.font: ${path} is not a usable font; ${KINDS}`);
});

const KINDS = "give a TrueType, OpenType or WOFF file";

test("a setting can name one font of a collection", async () => {
  const path = put("several.ttc", collectionOf(readFileSync(PLEX), readFileSync(ITALIC)));
  const line = await refused(path);
  assert.match(line, `choose one of ${path}#IBMPlexSans-Regular, ${path}#IBMPlexSans-Italic`);
  assert.is(await refused(`${path}#Other`), line);
  assert.is(await checkFont(`${path}#IBMPlexSans-Italic`), `${path}#IBMPlexSans-Italic`);
});

onEachEngine(test, "labels and letters follow the register's settings", async ({ register }) => {
  const before = await register.engine.read(paperSettings);
  assert.equal(before, { sheet: "L7160", language: "EN", font: "standard", paper: "A4" });
  await change(register, (each) => setSetting(each, "letter.language", "JA"));
  await change(register, (each) => setSetting(each, "label.sheet", "5160"));
  const after = await register.engine.read(paperSettings);
  assert.equal(after, { ...before, language: "JA", sheet: "5160" });
});

test.run();
