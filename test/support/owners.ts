// Two owners who share nothing: what one leaves behind and the other does not is a secret.

import type { PersonalizationRecord } from "../../host-tools/card/cardclient.js";
import { DEMO } from "../../sim/session/demo.js";

/** What one owner has and types. Two of them that share nothing go through the same motions. */
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
