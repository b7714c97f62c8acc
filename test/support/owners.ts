// Two owners who share nothing: where their traces differ, a secret is visible.

import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { DEMO } from "../../sim/session/demo.js";

/** The secrets and input of one owner. Two owners that share nothing perform the same actions. */
export interface Owner {
  readonly record: PersonalizationRecord;
  readonly wrongPin: string;
  readonly newPin: string;
  readonly challenge: string;
}

export const ONE: Owner = { record: { ...DEMO, tries: 3 }, wrongPin: "8888", newPin: "7394", challenge: "123456" };
export const OTHER: Owner = {
  record: {
    ...DEMO,
    tries: 3,
    pin: "9362",
    key: DEMO.key.map((byte) => byte ^ 0xa5),
    unlockKey: DEMO.unlockKey.map((byte) => 255 - byte),
  },
  wrongPin: "5505",
  newPin: "2608",
  challenge: "908070",
};
