// Enrols and removes operators, and changes settings. Once there are two operators, each of these changes needs the
// approval of another one.

import { changeApproved, hasSecondOperator, type Subject } from "./approvals.js";
import { isWeakening } from "./approvalsettings.js";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import {
  ADD_OPERATOR,
  activeOperators,
  type NewOperator,
  Operator,
  operatorOf,
  REMOVE_OPERATOR,
  refuseKnown,
} from "./operators.js";
import type { Register } from "./register.js";
import { type SettingName, setSetting, settingOf } from "./settings.js";

/**
 * Throws a RegisterError: "exists" for a known name or key, "approval", or "operator" for a first operator without a
 * key.
 */
export function enrolOperator(register: Register, operator: NewOperator): Promise<void> {
  const given = { name: operator.name, "public key": operator.publicKey.toString("hex") };
  return changeApproved(
    register,
    async ({ db }) => {
      await refuseKnown(db, operator);
      if ((await activeOperators(db)).length === 0) refuseUnproved(register, operator);
      return subjectFor(db, ADD_OPERATOR, given);
    },
    (one) => addOperator(one, operator),
  );
}

/**
 * From the first enrolment on only operators may act. So the first operator must prove the key: with a mistyped key
 * nobody could act any more.
 */
function refuseUnproved({ actor }: Register, { name, publicKey }: NewOperator): void {
  if (actor instanceof Operator && actor.name === name && actor.publicKey.equals(publicKey)) return;
  throw new RegisterError(
    `the first operator must enrol with their own key, which proves that it fits; give --operator ${name} and --operator-key`,
    "operator",
  );
}

/** Throws a RegisterError: "unknown", or "approval". */
export function endOperator(register: Register, name: string): Promise<void> {
  return changeApproved(
    register,
    async ({ db }) => {
      await operatorOf(db, name);
      return subjectFor(db, REMOVE_OPERATOR, { name });
    },
    (one) => removeOperator(one, name),
  );
}

/** Sets a setting to a value that has been checked. A change that weakens it needs an approval. */
export function changeSetting(register: Register, name: SettingName, value: string): Promise<void> {
  return changeApproved(
    register,
    async ({ db }) => {
      if (!isWeakening(name, await settingOf(db, name), value)) return undefined;
      return subjectFor(db, "settings", { name, value });
    },
    (one) => setSetting(one, name, value),
  );
}

async function subjectFor(
  db: Change["db"],
  command: string,
  given: Subject["arguments"],
): Promise<Subject | undefined> {
  if (!(await hasSecondOperator(db))) return undefined;
  return { command, arguments: given, cards: [], recipient: null };
}

/** Enrols an operator that passed `refuseKnown`. The entry comes first: an operator cannot sign their own enrolment. */
async function addOperator({ db, at, note }: Change, { name, publicKey }: NewOperator): Promise<void> {
  await note({ action: ADD_OPERATOR, detail: { name, key: publicKey.toString("hex") } });
  await db.insertInto("operators").values({ name, public_key: publicKey, added: at, removed: null }).execute();
}

/** From now on no signature of this operator counts. Operators who remove themselves sign the entry of the removal. */
async function removeOperator({ db, at, note }: Change, name: string): Promise<void> {
  await operatorOf(db, name);
  await note({ action: REMOVE_OPERATOR, detail: { name } });
  await db.updateTable("operators").set({ removed: at }).where("name", "=", name).execute();
}
