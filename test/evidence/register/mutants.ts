// Mutants of the register and of what personalizes with it, each with the least of the campaign that must find it.

import type { Mutant as HostMutant } from "../hostside/mutants.js";
import type { Launcher } from "../hostside/simulatedbench.js";
import { courseOf, watched } from "./courses.js";
import { runCut } from "./cuts.js";
import { runKill } from "./kills.js";
import { judgeLeftover, leftoversOf, runFullDisk } from "./losses.js";
import type { Verdict } from "./promises.js";
import { runRace } from "./race.js";
import { FLOWS, type Flow } from "./scenes.js";

export interface Mutant extends Omit<HostMutant, "notice"> {
  /** What the campaign says of it begins so. */
  readonly says: RegExp;
  readonly notice: (launcher: Launcher) => Promise<Verdict>;
}

const [FRESH, , RESEED] = FLOWS as readonly [Flow, Flow, Flow];

/** Killed once the card has its keys: behind the first frame that follows the statement that keeps them. */
async function killed(launcher: Launcher): Promise<Verdict> {
  const { wrong, killed } = await runKill(FRESH, "sqlite", { frameAfter: 'insert into "keys"' }, launcher);
  if (!killed) throw new Error("no frame follows the keys");
  return wrong;
}

/** Any moment at which power is lost, the last ones first. */
async function powerLost(launcher: Launcher): Promise<Verdict> {
  for (const leftover of leftoversOf(await watched(FRESH, launcher), 0).reverse()) {
    const wrong = await judgeLeftover(leftover);
    if (wrong) return wrong;
  }
  return undefined;
}

async function diskFull(launcher: Launcher): Promise<Verdict> {
  return runFullDisk(FRESH, Math.floor((await watched(FRESH)).writes.length / 2), launcher);
}

/** The commit that makes the card a seeded one never reaches the server. */
async function commitCut(launcher: Launcher): Promise<Verdict> {
  const statements = (await courseOf(RESEED, "postgres")).flatMap((one) =>
    one.kind === "statement" ? [one.text] : [],
  );
  const seeded = statements.findLastIndex((text) => text.startsWith('update "cards" set "state"'));
  return runCut(RESEED, { at: statements.indexOf("COMMIT", seeded) + 1, when: "before" }, launcher);
}

export const MUTANTS: readonly Mutant[] = [
  {
    breaks: "a change is committed before a frame goes out that counts on it",
    telling: true,
    file: "desk/register/sqlite.js",
    from: `this.#execute(mode === "reading" ? "BEGIN" : "BEGIN IMMEDIATE");
    }
    async commit() {
        this.#execute("COMMIT");`,
    to: `if (this.late) this.#execute("COMMIT");
        this.#execute(mode === "reading" ? "BEGIN" : "BEGIN IMMEDIATE");
    }
    async commit() {
        this.late = true;`,
    says: /^R1: /,
    notice: killed,
  },
  {
    breaks: "STORE DATA is noted before it is sent",
    file: "desk/personalize.js",
    from: 'storeData: this.#isNoted ? "sent" : "unsent"',
    to: 'storeData: "unsent"',
    says: /^R4: /,
    notice: killed,
  },
  {
    breaks: "what was interrupted goes on with the keys of the register",
    file: "desk/personalize.js",
    from: "plan.kept ?? draw(request, plan, attempt)",
    to: "draw(request, plan, attempt)",
    says: /^R7: /,
    notice: killed,
  },
  {
    breaks: "done is said once it is committed",
    telling: true,
    file: "cli/commands/personalize.js",
    from: "const notes = await withProgress(",
    to: 'show(command, { state: "done" }, ["done"]); const notes = await withProgress(',
    says: /^R5: /,
    notice: killed,
  },
  {
    breaks: "a claim that a killed process left keeps the same bench out of nothing",
    file: "desk/register/claims.js",
    from: "other.bench !== claimant.bench",
    to: "other.process !== claimant.process",
    says: /^R7: .*is being personalized/,
    notice: killed,
  },
  {
    breaks: "a commit is synced",
    telling: true,
    file: "desk/register/sqlite.js",
    from: "PRAGMA synchronous = FULL;",
    to: "PRAGMA synchronous = OFF;",
    says: /^R[145]: /,
    notice: powerLost,
  },
  {
    breaks: "a commit is synced by itself, and not with the next checkpoint",
    file: "desk/register/sqlite.js",
    from: "PRAGMA synchronous = FULL;",
    to: "PRAGMA synchronous = NORMAL;",
    says: /^R[145]: /,
    notice: powerLost,
  },
  {
    breaks: "a full disk is said to be full",
    telling: true,
    file: "desk/register/sqlite.js",
    from: '["SQLITE_FULL", "full", "the disk is full"],',
    to: "",
    says: /^R8: /,
    notice: diskFull,
  },
  {
    breaks: "a commit of which nobody heard is no success",
    telling: true,
    file: "desk/register/postgres.js",
    from: 'throw known instanceof RegisterError && known.reason === "unreachable" ? this.#uncertain() : known;',
    to: 'void known; command = "COMMIT";',
    says: /^R5: /,
    notice: commitCut,
  },
  {
    breaks: "a challenge is spent once",
    file: "desk/register/challenges.js",
    from: '.where("used", "=", 0)\n        .where("expires", ">", at)',
    to: '.where("expires", ">", at)',
    says: /^R9: /,
    notice: (launcher) => runRace("sqlite", 4, launcher),
  },
];
