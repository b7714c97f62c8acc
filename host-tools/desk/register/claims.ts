// Claims: which bench works on a card. A claim only decides which bench waits; the register's record of a card's keys
// decides what is written to it. On the same computer a claim of a process that has ended does not count, if that can
// be determined. Elsewhere it lasts until its lease ends.

import type { Kysely, Selectable } from "kysely";
import type { Change } from "./change.js";
import { RegisterError } from "./errors.js";
import type { ClaimsTable, Tables } from "./schema.js";

/** The owner of a claim: a name for the bench, and the process number. */
export interface Claimant {
  readonly bench: string;
  readonly process: string;
}

const AT_PORT = ", port ";

/** The claimant that this process is, at a port of this computer. */
export function claimantAt(host: string, port: string): Claimant {
  return { bench: `${host}${AT_PORT}${port}`, process: String(process.pid) };
}

/** How long a claim lasts unless it is renewed (ms): longer than any step of a personalization. */
export const LEASE = 3 * 60_000;

/**
 * Claims the card, or renews the claim. Throws a RegisterError ("busy") that names the bench if another one has the
 * claim.
 */
export async function claimCard({ db, at }: Change, serial: string, claimant: Claimant, lease = LEASE): Promise<void> {
  const other = await claimOf(db, serial);
  const isOwn = other?.bench === claimant.bench && other.process === claimant.process;
  if (other && !isOwn && counts(other, claimant, at)) throw isTaken(other);
  await keepClaim(db, serial, { ...claimant, until: at + lease });
}

/** Whether another claimant's claim still excludes this one. */
export function counts(claim: Claimant & { readonly until: number }, claimant: Claimant, at: number): boolean {
  if (claim.until <= at) return false;
  // A port is locked by one process at a time, so a claim of another process at this bench is out of date.
  if (claim.bench === claimant.bench) return claim.process === claimant.process;
  return hostOf(claim) !== hostOf(claimant) || isRunning(Number(claim.process));
}

function hostOf({ bench }: Claimant): string {
  return bench.split(AT_PORT)[0] ?? "";
}

/** Another process may have that number by now; then the claim lasts until its lease ends. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process runs but belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Takes over any claim to the card, since a card at this bench is at no other. */
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

/** Releases the card. A claim that another bench took over meanwhile stays. */
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
    `${serial}: is being personalized at bench ${bench} (${process}); wait until it ends, at the latest at ${end} if that bench is dead`,
    "busy",
  );
}
