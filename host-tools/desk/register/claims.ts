// Claims: which bench works on a card. A claim only decides who waits, since what is written to a card is decided by what
// the register says of its keys. One that was left behind by a process that ended lasts until its lease is over.

import type { Kysely, Selectable } from "kysely";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { ClaimsTable, Tables } from "./schema.js";

/** Who claims: a name for the bench, and what tells its processes apart. */
export interface Claimant {
  readonly bench: string;
  readonly process: string;
}

/** How long a claim lasts unless it is renewed (ms): longer than any step of a personalization. */
export const LEASE = 3 * 60_000;

/** Claims the card, or renews the claim. Throws a RegisterError ("busy") that names the bench where another one has it. */
export async function claimCard({ db, at }: Change, serial: string, claimant: Claimant, lease = LEASE): Promise<void> {
  const other = await claimOf(db, serial);
  // A bench has one process at a time, which has its port: one that was killed must not keep the next one out.
  if (other && other.until > at && other.bench !== claimant.bench) throw isTaken(other);
  await keepClaim(db, serial, { ...claimant, until: at + lease });
}

/** Takes the claim whoever has it: for a card that is at this bench, and so at no other. */
export function takeClaim({ db, at }: Change, serial: string, claimant: Claimant): Promise<void> {
  return keepClaim(db, serial, { ...claimant, until: at + LEASE });
}

async function keepClaim(
  db: Change["db"],
  serial: string,
  claim: Claimant & { readonly until: number },
): Promise<void> {
  await db
    .insertInto("claims")
    .values({ serial, ...claim })
    .onConflict((conflict) => conflict.column("serial").doUpdateSet(claim))
    .execute();
}

/** Lets go of the card. A claim that is another's by now stays. */
export async function releaseCard({ db }: Change, serial: string, { bench, process }: Claimant): Promise<void> {
  await db
    .deleteFrom("claims")
    .where("serial", "=", serial)
    .where("bench", "=", bench)
    .where("process", "=", process)
    .execute();
}

export function claimOf(db: Kysely<Tables>, serial: string): Promise<Selectable<ClaimsTable> | undefined> {
  return db.selectFrom("claims").selectAll().where("serial", "=", serial).executeTakeFirst();
}

function isTaken({ serial, bench, process, until }: Selectable<ClaimsTable>): RegisterError {
  const end = new Date(until).toISOString();
  return new RegisterError(
    `${serial}: is being personalized at bench ${bench} (${process}); without a sign from there that ends at ${end}`,
    "busy",
  );
}
