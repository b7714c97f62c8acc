// The settings of a register that decide how labels and letters look.

import type { Kysely } from "kysely";
import type { Tables } from "../register/schema.js";
import { settingOf } from "../register/settings.js";
import { checkLanguage, type Language } from "./languages.js";

export interface PaperSettings {
  /** `label.sheet`: one of SHEETS. */
  readonly sheet: string;
  /** `letter.language`: the language of labels, and of letters to user names without a language. */
  readonly language: Language;
  /** `letter.font`: STANDARD, or the absolute path of a font file. */
  readonly font: string;
  /** `letter.paper`: one of PAPERS. */
  readonly paper: string;
}

export async function paperSettings(db: Kysely<Tables>): Promise<PaperSettings> {
  return {
    sheet: await settingOf(db, "label.sheet"),
    language: checkLanguage(await settingOf(db, "letter.language")),
    font: await settingOf(db, "letter.font"),
    paper: await settingOf(db, "letter.paper"),
  };
}
