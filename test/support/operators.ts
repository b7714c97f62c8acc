// Operators of tests, and registers that they have open.

import { approve, changeApproved, type Subject } from "../../host-tools/desk/register/approvals.js";
import { change } from "../../host-tools/desk/register/change.js";
import { enrolOperator } from "../../host-tools/desk/register/enrolment.js";
import { Operator } from "../../host-tools/desk/register/operators.js";
import type { Register } from "../../host-tools/desk/register/register.js";
import { type Rig, refusalOf } from "./openregister.js";
import { pattern } from "./pattern.js";

/** Private keys that everybody knows. */
export const SEEDS = { anna: pattern(32, 201), boris: pattern(32, 202), clara: pattern(32, 203) } as const;
export const ANNA = new Operator("anna", SEEDS.anna);
export const BORIS = new Operator("boris", SEEDS.boris);
export const CLARA = new Operator("clara", SEEDS.clara);

/** The digits after `dsc approve` in a refusal. */
const ASKED = /dsc approve ([0-9a-f]{16})$/;

/** The register with Anna and Boris as operators, open for each of them. */
export async function withTwo({ again }: Rig): Promise<{ anna: Register; boris: Register }> {
  const anna = await again(undefined, ANNA);
  await enrolOperator(anna, ANNA);
  await enrolOperator(anna, BORIS);
  return { anna, boris: await again(undefined, BORIS) };
}

/** The hash that the second person is to approve, of work that is refused until then. */
export async function askedBy(work: Promise<unknown>): Promise<string> {
  const { reason, message } = await refusalOf(work);
  const [, hash] = ASKED.exec(message) ?? [];
  if (reason !== "approval" || hash === undefined) throw new Error(`no approval was asked for: ${reason}: ${message}`);
  return hash;
}

/** Does the work, which needs an approval, with that of another operator. */
export async function withApproval<T>(other: Register, work: () => Promise<T>): Promise<T> {
  const hash = await askedBy(work());
  await change(other, (one) => approve(one, hash));
  return work();
}

/** Something that needs an approval, and adds an entry. */
export function approvedWork(register: Register, subject: Subject): Promise<string> {
  return changeApproved(
    register,
    async () => subject,
    async ({ note }) => {
      await note({ action: "test" });
      return "done";
    },
  );
}
