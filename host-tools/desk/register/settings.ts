// Settings of the register: names, purposes and defaults.

import type { Kysely } from "kysely";
import { checkSerialNumber } from "../../card/serialnumber.js";
import { UsageError } from "../../files/errors.js";
import { checkFont, STANDARD } from "../paper/fonts.js";
import { checkLanguage } from "../paper/languages.js";
import { checkLetterPaper } from "../paper/letterpaper.js";
import { checkSheet } from "../paper/sheets.js";
import { APPROVAL_SETTINGS, type ApprovalSetting } from "./approvalsettings.js";
import type { Change } from "./change.js";
import type { Tables } from "./schema.js";

interface Setting {
  /** The default. */
  readonly unset: string;
  /** Its purpose: a line for people. */
  readonly purpose: string;
  /**
   * Returns the value in the form in which it is stored. Throws an error with a line for people if it cannot be stored.
   */
  check(value: string): string | Promise<string>;
}

function approvalSettings(): Record<ApprovalSetting, Setting> {
  const each = (purpose: string): Setting => ({ unset: "no", purpose, check: checkYesNo });
  const entries = Object.entries(APPROVAL_SETTINGS).map(([name, purpose]) => [name, each(purpose)] as const);
  return Object.fromEntries(entries) as Record<ApprovalSetting, Setting>;
}

function checkYesNo(value: string): string {
  if (value === "yes" || value === "no") return value;
  throw new UsageError(`${JSON.stringify(value)}: yes or no is expected`);
}

export const SETTINGS = {
  "serial.first": {
    unset: "IB3000001",
    purpose: "the first serial number to assign; used numbers are skipped",
    check: checkSerialNumber,
  },
  "label.sheet": {
    unset: "L7160",
    purpose: "the labels to print on: an Avery sheet, or width and height of one label of a roll",
    check: checkSheet,
  },
  "letter.language": {
    unset: "EN",
    purpose: "the language of labels, and of PIN letters to user names without a language",
    check: checkLanguage,
  },
  "letter.font": {
    unset: STANDARD,
    purpose: "the preferred font of labels and letters: the absolute path of its file, the same on each computer",
    check: checkFont,
  },
  "letter.paper": {
    unset: "A4",
    purpose: "the paper of PIN letters",
    check: checkLetterPaper,
  },
  ...approvalSettings(),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

export async function settingOf(db: Kysely<Tables>, name: SettingName): Promise<string> {
  const row = await db.selectFrom("settings").select("value").where("name", "=", name).executeTakeFirst();
  return row?.value ?? SETTINGS[name].unset;
}

/** Sets it and records that. The value has been checked. */
export async function setSetting({ db, at, note }: Change, name: SettingName, value: string): Promise<void> {
  const before = await settingOf(db, name);
  await db
    .insertInto("settings")
    .values({ name, value, changed: at })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value, changed: at }))
    .execute();
  await note({ action: "settings", from: before, to: value, detail: { name } });
}
