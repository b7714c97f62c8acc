// The card's screen in words, for a screen reader.

import { counted } from "../../host-tools/files/counted.js";

const ENTRY = /^(PIN|NEW|REP)>(\**)$/;
const NAMES: Readonly<Record<string, string>> = { PIN: "PIN", NEW: "New PIN", REP: "New PIN again" };
const PROMPTS: Readonly<Record<string, string>> = { "CHALLNG>": "Challenge", "UNLOCK>": "Unlock code" };

/** The words for a screen; digits are read one by one. */
export function spoken(on: boolean, display: string): string {
  if (!on) return "The card is off.";
  const [, entry, stars] = ENTRY.exec(display) ?? [];
  if (entry !== undefined && stars !== undefined) return `${NAMES[entry]}: ${entered(stars.length)}`;
  const prompt = PROMPTS[display];
  if (prompt !== undefined) return `${prompt}: ${entered(0)}`;
  if (display === "") return "The screen is blank.";
  return /^\d+$/.test(display) ? display.split("").join(" ") : display;
}

function entered(digits: number): string {
  if (digits === 0) return "enter it.";
  return `${counted(digits, "digit")}.`;
}
