// Mutants of the host tools, each with the smallest part of the campaign that must notice it. A mutant is a copy of the
// compiled host tools with one text replaced.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../host-tools/files/project.js";
import { NO_POSTGRES } from "../../support/postgres.js";
import type { Telling } from "../../support/triedmutants.js";
import { samePort, sameSerial } from "./atonce.js";
import { CASES, runCanary } from "./canaries.js";
import type { Flow, Verdict } from "./flows.js";
import { courseOf, killsOf, runKills } from "./kills.js";
import type { Operation } from "./orders.js";
import { runPowerLoss } from "./powerloss.js";
import type { Launcher } from "./simulatedbench.js";

export interface Mutant extends Telling {
  /** The rule that it breaks. */
  readonly breaks: string;
  /** The compiled file, in the folder host-tools. */
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly from: string;
  readonly to: string;
  /** Runs the smallest part of the campaign on it. Returns what is wrong. */
  readonly notice: (launcher: Launcher, flows: Flows) => Promise<Verdict>;
  /** What must be installed to notice it, if that is missing. */
  readonly missing?: string | undefined;
}

export type Flows = Readonly<Record<string, Flow>>;

type Kind = Operation["kind"];

/** Kills before the first or last operation of a kind, or so many operations later. */
function killed(name: string, kind: Kind, which: "first" | "last", later = 0): Mutant["notice"] {
  return async (launcher, flows) => {
    const flow = flows[name] as Flow;
    const kinds = (await courseOf(flow, launcher)).operations.map((operation) => operation.kind);
    const index = which === "first" ? kinds.indexOf(kind) : kinds.lastIndexOf(kind);
    return (await runKills({ flow, kills: [{ at: index + 1 + later, torn: false }] }, launcher)).wrong;
  };
}

/** Kills around each frame that changes the card, until something is wrong. */
function killedAtCard(launcher: Launcher, flows: Flows): Promise<Verdict> {
  return killedUntilWrong(flows.traced as Flow, launcher);
}

async function killedUntilWrong(flow: Flow, launcher: Launcher): Promise<Verdict> {
  for (const kill of killsOf(await courseOf(flow, launcher), false)) {
    const { wrong } = await runKills({ flow, kills: [kill] }, launcher);
    if (wrong) return wrong;
  }
  return undefined;
}

function powerLost(name: string): Mutant["notice"] {
  return async (launcher, flows) =>
    (await runPowerLoss(flows[name] as Flow, { launcher, enough: 1 })).failures[0]?.what;
}

/** Runs the canary case. Returns the finding at the place where the mutant puts the secret. */
function canary(id: string, where: RegExp): Mutant["notice"] {
  return async (launcher) => {
    const test = CASES.find((one) => one.id === id);
    return test && (await runCanary(test, launcher)).wrong.find((what) => where.test(what));
  };
}

async function onOnePort(launcher: Launcher, flows: Flows): Promise<Verdict> {
  return samePort(flows.fresh as Flow, 20, launcher);
}

/** The second bench starts when the first has sent the keys to its card. */
async function forOneSerial(launcher: Launcher, flows: Flows): Promise<Verdict> {
  const flow = flows.fresh as Flow;
  const { operations } = await courseOf(flow, launcher);
  return sameSerial(flow, operations.length - 3, launcher);
}

/** Puts the token key into the journal's entry, and so into the register. */
const TELLING = {
  file: "desk/register/seedingdesk.js",
  from: "const detail = { card: cardId,",
  to: 'const detail = { leak: record.key.toString("hex"), card: cardId,',
} as const;

export const MUTANTS: readonly Mutant[] = [
  {
    breaks: "keys are in the register before they are sent to the card",
    telling: true,
    file: "desk/plan.js",
    from: '[...keep, ...seed, "finish", "mark"]',
    to: '[...seed, ...keep, "finish", "mark"]',
    notice: killedAtCard,
  },
  {
    breaks: "the register marks a card as done only after it is done",
    file: "desk/plan.js",
    from: '...seed, "finish", "mark"]',
    to: '...seed, "mark", "finish"]',
    notice: killedAtCard,
  },
  {
    breaks: "an interrupted personalization continues with the keys in the register",
    file: "desk/personalize.js",
    from: "plan.kept ?? draw(request, plan, attempt)",
    to: "draw(request, plan, attempt)",
    notice: killedAtCard,
  },
  {
    breaks: "a file is synced before it gets its name",
    telling: true,
    file: "files/files.js",
    from: "Buffer.from(contents) : contents);\n        disk.sync(file);",
    to: "Buffer.from(contents) : contents);",
    notice: powerLost("keys"),
  },
  {
    breaks: "a file that is written piece by piece is synced",
    file: "files/files.js",
    from: "disk.write(file, piece);\n        disk.sync(file);",
    to: "disk.write(file, piece);",
    notice: powerLost("backup"),
  },
  {
    breaks: "the name of a new file is synced",
    file: "files/files.js",
    from: "placeNew(path, contents, disk);\n        disk.syncFolder(dirname(path));",
    to: "placeNew(path, contents, disk);",
    notice: powerLost("export"),
  },
  {
    breaks: "an export is in the journal before its file exists",
    telling: true,
    file: "cli/commands/pskcexport.js",
    from: "await noteExport(register, cards, note);\n        createExclusive(file, contents);",
    to: "createExclusive(file, contents);\n        await noteExport(register, cards, note);",
    notice: killed("export", "remove", "last"),
  },
  {
    breaks: "of two benches with one serial number one is refused",
    file: "desk/register/claims.js",
    from: "throw isTaken(other);",
    to: "void isTaken;",
    notice: forOneSerial,
  },
  {
    breaks: "a port is locked while it is open",
    file: "card/port.js",
    from: "lock: true",
    to: "lock: false",
    notice: onOnePort,
  },
  {
    breaks: "only the owner can read the files",
    telling: true,
    file: "files/files.js",
    from: "OWNER_ONLY = 0o600",
    to: "OWNER_ONLY = 0o644",
    notice: canary("keys-new", /^others may read/),
  },
  {
    breaks: "no secret is in a command line",
    telling: true,
    file: "files/secrettext.js",
    from: "return key;",
    to: "process.title = digits.toString(); return key;",
    notice: canary("personalize", /^what others see/),
  },
  {
    breaks: "no secret is in an error",
    file: "files/secrettext.js",
    from: ": not hexadecimal`",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code that has the template
    to: ": not hexadecimal: ${digits}`",
    notice: canary("personalize-bad-key", /^stderr/),
  },
  {
    breaks: "no secret is in JSON",
    file: "cli/commands/personalize.js",
    from: "const result = { port: options.port,",
    to: 'const result = { key: Buffer.from(request.key).toString("base64"), port: options.port,',
    notice: canary("personalize", /^stdout/),
  },
  {
    breaks: "secrets that were read are wiped",
    telling: true,
    file: "cli/commands/personalize.js",
    from: "secrets.wipe();",
    to: "",
    notice: canary("personalize", /^the image .* key/),
  },
  {
    breaks: "the register's keys are wiped",
    file: "cli/registeroptions.js",
    from: "key.fill(0);",
    to: "void key;",
    notice: canary("card-lost", /^the image .* journal key/),
  },
  {
    breaks: "no secret is in the register in the clear",
    telling: true,
    ...TELLING,
    notice: canary("personalize", /^desk.desk\.db.* token key/),
  },
  {
    breaks: "no secret is in a server's log",
    telling: true,
    ...TELLING,
    missing: NO_POSTGRES,
    notice: canary("personalize-server", /^the server's log has token key/),
  },
  {
    breaks: "a channel's keys are wiped",
    file: "card/scp03.js",
    from: "bytes.fill(0);",
    to: "void bytes;",
    notice: canary("wipe", /^the image .* session key/),
  },
  {
    breaks: "a PIN is never split into its digits",
    file: "files/secrettext.js",
    from: "return copyOfSecret(pin);",
    to: "globalThis.digits = Array.from(pin, (digit) => digit - 0x30); return copyOfSecret(pin);",
    notice: canary("verify", /^the image .* PIN: array of digits/),
  },
  {
    breaks: "the garbage collector does not move secrets in memory",
    file: "files/secretbytes.js",
    from: "return Buffer.from(new ArrayBuffer(size));",
    to: "return Buffer.alloc(size);",
    notice: canary("personalize", /^the image .* key/),
  },
];

/** Runs `use` on a mutant's `dsc`. */
export async function withMutant<T>(
  { file, from, to }: Pick<Mutant, "file" | "from" | "to">,
  use: (launcher: Launcher) => Promise<T>,
): Promise<T> {
  const build = join(ROOT, "build");
  // The copy lies as deep in the project as the original, because it looks for package.json.
  const folder = mkdtempSync(join(build, "mutant-"));
  try {
    for (const part of ["host-tools", "firmware"])
      cpSync(join(build, "js", part), join(folder, part), { recursive: true, filter: isRun });
    const path = join(folder, "host-tools", file);
    const [before, after, ...more] = readFileSync(path, "utf8").split(from);
    if (before === undefined || after === undefined || more.length > 0) throw new Error(`${file}: not once: ${from}`);
    writeFileSync(path, `${before}${to}${after}`);
    const launcher = join(folder, "dsc.mjs");
    writeFileSync(launcher, 'await (await import("./host-tools/cli/main.js")).main(process.argv.slice(2));\n');
    return await use(launcher);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether a path is a folder or code. Types and source maps are not needed to run. */
function isRun(path: string): boolean {
  return !/\.(d\.ts|map|tsbuildinfo)$/.test(path);
}
