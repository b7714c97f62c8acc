// Claims: which bench works on a card. A claim only decides who waits, since what is written to a card is decided by what
// the register says of its keys. One that was left behind by a process that ended does not count on the same computer, where
// that can be seen; elsewhere it lasts until its lease is over.

import type { Kysely, Selectable } from "kysely";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { ClaimsTable, Tables } from "./schema.js";

/** Who claims: a name for the bench, and the number of the process. */
export interface Claimant {
  readonly bench: string;
  readonly process: string;
}

const AT_PORT = ", port ";

/** The claimant that this process is at a port of this computer. */
export function claimantAt(host: string, port: string): Claimant {
  return { bench: `${host}${AT_PORT}${port}`, process: String(process.pid) };
}

/** How long a claim lasts unless it is renewed (ms): longer than any step of a personalization. */
export const LEASE = 3 * 60_000;

/** Claims the card, or renews the claim. Throws a RegisterError ("busy") that names the bench where another one has it. */
export async function claimCard({ db, at }: Change, serial: string, claimant: Claimant, lease = LEASE): Promise<void> {
  const other = await claimOf(db, serial);
  const isOwn = other?.bench === claimant.bench && other.process === claimant.process;
  if (other && !isOwn && counts(other, claimant, at)) throw isTaken(other);
  await keepClaim(db, serial, { ...claimant, until: at + lease });
}

/** Whether the claim of somebody else still keeps this claimant out. */
export function counts(claim: Claimant & { readonly until: number }, claimant: Claimant, at: number): boolean {
  if (claim.until <= at) return false;
  // A port has one process at a time, which keeps it locked.
  if (claim.bench === claimant.bench) return claim.process === claimant.process;
  return hostOf(claim) !== hostOf(claimant) || isRunning(Number(claim.process));
}

function hostOf({ bench }: Claimant): string {
  return bench.split(AT_PORT)[0] ?? "";
}

/** Another process may have that number by now: then the claim lasts until its lease is over. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
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
