// The texts that the firmware can show, read from its source: digits, stars and numbers behind them are left out.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../host-tools/files/project.js";

const TEXT = /case Text\.\w+:\n +return 0x([0-9a-f]{16});/g;

/** Eight characters each, with the blanks at the end. Throws if there are more or fewer texts than names in the enum. */
export function screenTexts(): string[] {
  const source = readFileSync(join(ROOT, "firmware", "screen.ts"), "utf8");
  const texts = [...source.matchAll(TEXT)].map(([, hex = ""]) => Buffer.from(hex, "hex").toString("latin1"));
  const names = /enum Text \{(.*?)\}/s.exec(source)?.[1]?.match(/[A-Z_]+(?= = 0,|,)/g) ?? [];
  if (texts.length === 0 || texts.length !== names.length)
    throw new Error(`firmware/screen.ts: ${texts.length} texts were read, and its enum has ${names.length}`);
  return texts;
}
