// The contents of the frozen registers, and where they are. test/frozen/README.md says what they are for.

import { join } from "node:path";
import { Operator } from "../../host-tools/desk/register/operators.js";
import type { NewOrder } from "../../host-tools/desk/register/orders.js";
import type { CardState } from "../../host-tools/desk/register/schema.js";
import { ROOT } from "../../host-tools/files/project.js";
import { pattern } from "./pattern.js";

export const FROZEN_FOLDER = join(ROOT, "test", "frozen", "register");

/** Keys that everybody knows. */
export const FROZEN_KEYS = { site: pattern(32, 101), desk: pattern(32, 102), journal: pattern(32, 103) } as const;
/** The journal key that the register had first. */
export const JOURNAL_BEFORE = pattern(32, 104);

/** The operator of the register, from the version on that has operators. */
export const FROZEN_OPERATOR = new Operator("anna", pattern(32, 105));
export const SECOND_OPERATOR = new Operator("boris", pattern(32, 106));

/** 2020-01-01: earlier than the clock of any computer that runs the tests. */
export const FROZEN_TIME = Date.UTC(2020, 0, 1);

interface FrozenCard {
  readonly serial: string;
  readonly state: CardState;
  readonly cardId: string;
  readonly token: Buffer;
  readonly unlock: Buffer;
  /** Its earlier token key. */
  readonly before: Buffer;
}

const card = (at: number, state: CardState): FrozenCard => ({
  serial: `IB300000${at}`,
  state,
  cardId: `00112233445566${at}0`,
  token: pattern(32, 20 + at),
  unlock: pattern(32, 40 + at),
  before: pattern(32, 60 + at),
});

/** Each in the state in which it is made. The first one is shipped afterwards. */
export const CARDS = {
  drawn: card(1, "seeded"),
  given: card(2, "active"),
  pending: card(3, "pending"),
  imported: card(4, "seeded"),
} as const;

export const ORDER: NewOrder = {
  userName: "jane",
  suite: "OCRA-1:HOTP-SHA256-8:QN06",
  pinCheck: "card",
  tries: 5,
  pin: Buffer.from("8352"),
};

/** A batch of one card, from the version on that has operators. */
export const OPEN_BATCH = {
  ...{ number: 2, contents: Buffer.from("serial\n"), line: 2 },
  ...{ cardId: "00112233445566f0", pin: Buffer.from("8352") },
} as const;

export const SETTING = "IB3000700";

/**
 * A file of a version: `db.gz` a register in a file, `backup` a backup of it, `sqlite` and `postgres` the tables as the
 * migrations make them.
 */
export function fileOf(version: number, what: "db.gz" | "backup" | "sqlite" | "postgres"): string {
  const suffix = what === "sqlite" || what === "postgres" ? `${what}.tables` : what;
  return join(FROZEN_FOLDER, `version-${version}.${suffix}`);
}
