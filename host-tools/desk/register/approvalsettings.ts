// The settings that decide which commands need the approval of a second operator.

/** The purpose of each setting: a line for people. */
export const APPROVAL_SETTINGS = {
  "approval.export": "whether exports with keys need the approval of a second operator: yes or no",
  "approval.forget": "whether forgetting keys by a receipt that the site signed needs one too: yes or no",
  "approval.reseed": "whether new keys for a card that is in use need one: yes or no",
  "approval.unlock": "whether giving an unlock code needs one: yes or no",
  "approval.clock": "whether dsc register clock --accept needs one: yes or no",
} as const;

export type ApprovalSetting = keyof typeof APPROVAL_SETTINGS;

/** Whether this change removes the need for a second operator somewhere. */
export function isWeakening(name: string, from: string | null, to: string | null): boolean {
  return Object.hasOwn(APPROVAL_SETTINGS, name) && from === "yes" && to !== "yes";
}
