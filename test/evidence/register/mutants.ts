// Mutants of the register and of personalization, each with the smallest part of the campaign that must find it.

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
  /** Matches the campaign's verdict on it. */
  readonly says: RegExp;
  readonly notice: (launcher: Launcher) => Promise<Verdict>;
}

const [FRESH, , RESEED] = FLOWS as readonly [Flow, Flow, Flow];

/** Killed once the card has its keys: after the first frame that follows the statement that saves them. */
async function killed(launcher: Launcher): Promise<Verdict> {
  const { wrong, killed } = await runKill(FRESH, "sqlite", { frameAfter: 'insert into "keys"' }, launcher);
  if (!killed) throw new Error("no frame follows the keys");
  return wrong;
}

/** Loses power at each moment, the last ones first. */
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

/** The commit that marks the card as seeded never reaches the server. */
async function commitCut(launcher: Launcher): Promise<Verdict> {
  const statements = (await courseOf(RESEED, "postgres")).flatMap((one) =>
    one.kind === "statement" ? [one.text] : [],
  );
  const seeded = statements.findLastIndex((text) => text.startsWith('update "cards" set "state"'));
  return runCut(RESEED, { at: statements.indexOf("COMMIT", seeded) + 1, when: "before" }, launcher);
}

export const MUTANTS: readonly Mutant[] = [
  {
    breaks: "a change is committed before a frame that depends on it is sent",
    telling: true,
    file: "desk/register/sqlite.js",
    from: `this.#execute(mode === "reading" ? "BEGIN" : "BEGIN IMMEDIATE");
    }
    /** If the file was changed meanwhile, what was read may not belong together, and is read again. */
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
    breaks: "an interrupted personalization continues with the keys in the register",
    file: "desk/personalize.js",
    from: "plan.kept ?? draw(request, plan, attempt)",
    to: "draw(request, plan, attempt)",
    says: /^R7: /,
    notice: killed,
  },
  {
    breaks: "a card is reported as done only after the commit",
    telling: true,
    file: "cli/commands/personalize.js",
    from: "const notes = await withProgress(",
    to: 'show(command, { state: "done" }, ["done"]); const notes = await withProgress(',
    says: /^R5: /,
    notice: killed,
  },
  {
    breaks: "a claim left by a killed process does not stop the same bench",
    file: "desk/register/claims.js",
    from: "return claim.process === claimant.process;",
    to: "return true;",
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
    breaks: "a commit is synced at once, and not with the next checkpoint",
    file: "desk/register/sqlite.js",
    from: "PRAGMA synchronous = FULL;",
    to: "PRAGMA synchronous = NORMAL;",
    says: /^R[145]: /,
    notice: powerLost,
  },
  {
    breaks: "a full disk is reported as full",
    telling: true,
    file: "desk/register/sqlite.js",
    from: '["SQLITE_FULL", "full", "the disk is full"],',
    to: "",
    says: /^R8: /,
    notice: diskFull,
  },
  {
    breaks: "a commit without an answer is not taken as a success",
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
