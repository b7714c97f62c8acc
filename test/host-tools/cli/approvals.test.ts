// Operators and approvals through `dsc`, on both engines: from the first enrolment to an export that two people approve, and
// every invalid approval.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { approve } from "../../../host-tools/desk/register/approvals.js";
import { change } from "../../../host-tools/desk/register/change.js";
import { changeSetting } from "../../../host-tools/desk/register/enrolment.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import { hmac } from "../../support/byhand.js";
import { dscHere } from "../../support/dschere.js";
import { KEYS, keysFor, onEachEngine, type Rig } from "../../support/openregister.js";
import { ANNA, askedBy, BORIS, CLARA, SEEDS, withTwo } from "../../support/operators.js";
import { scratchFolder } from "../../support/scratch.js";
import { DSC, dsc as dscAlone, type Ended } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";
import { TerminalProgram } from "../../support/terminal.js";

const test = suiteUnless(ON_WINDOWS, "approvals through dsc");

const FOLDER = scratchFolder();
const SERIAL = "IB3000123";
const CARD_ID = "0011223344556677";
/** Entries that a test makes without `dsc` are older than the lifetime of a request. */
const EARLIER = { now: Date.now() - 20 * 60_000 };

const put = (name: string, contents: string) => {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
};

const OPERATOR_KEYS = Object.fromEntries(
  Object.entries(SEEDS).map(([name, seed]) => [name, put(`${name}.key`, seed.toString("hex"))]),
);
const PSKC_KEY = put("pskc.key", "00112233445566778899aabbccddeeff");
/** HMAC-SHA256 of "dsc PSKC key" under that key. */
const FINGERPRINT = hmac(Buffer.from("00112233445566778899aabbccddeeff", "hex"), Buffer.from("dsc PSKC key")).toString(
  "hex",
);
const CUSTODY = {
  DSC_SITE_KEY: put("site.key", KEYS.site.toString("hex")),
  DSC_DESK_KEY: put("desk.key", KEYS.desk.toString("hex")),
  DSC_JOURNAL_KEY: put("journal.key", KEYS.journal.toString("hex")),
};
const { DSC_OPERATOR: _, DSC_OPERATOR_KEY: __, ...CLEAN } = process.env;

type Name = keyof typeof SEEDS;

/** The environment that names a register and the operator who acts. */
function environment({ where }: Rig, name?: Name): NodeJS.ProcessEnv {
  const operator = name && { DSC_OPERATOR: name, DSC_OPERATOR_KEY: OPERATOR_KEYS[name] };
  return { ...CLEAN, ...CUSTODY, DSC_REGISTER: where, ...operator };
}

const run = (rig: Rig, name: Name | undefined, ...args: string[]): Promise<Ended> =>
  dscHere(args, "", environment(rig, name));

async function done(rig: Rig, name: Name | undefined, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(rig, name, ...args);
  assert.is(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Refused with one line, and by the exit code of the register. Returns the line. */
function lineOf({ code, stdout, stderr }: Ended): string {
  assert.equal([code, stdout], [6, ""], stderr);
  assert.match(stderr, /^dsc: [^\n]+\n$/);
  return stderr.trimEnd();
}

async function refused(why: RegExp, rig: Rig, name: Name | undefined, ...args: string[]): Promise<void> {
  const line = lineOf(await run(rig, name, ...args));
  assert.match(line, why, args.join(" "));
}

/** Refused with the line that a second person has to run; returns the hash in it. */
async function asked(why: RegExp, rig: Rig, name: Name, ...args: string[]): Promise<string> {
  const line = lineOf(await run(rig, name, ...args));
  assert.match(line, why);
  const hash = / needs the approval of a second operator, who runs: dsc approve ([0-9a-f]{16})$/.exec(line)?.[1];
  assert.ok(hash, line);
  return hash;
}

const enrol = (name: Name, { publicKey }: { publicKey: Buffer }) => [
  ...["operator", "add", name, "--public-key", publicKey.toString("hex")],
];

/** A card whose keys are in the register. */
async function putKeys({ register, card }: Rig): Promise<void> {
  await card(SERIAL, "active", { card_id: CARD_ID });
  await change(register, (one) => bindKeys(one, { serial: SERIAL, cardId: CARD_ID, ...keysFor() }));
}

let exports = 0;
const exporting = () => {
  const file = join(FOLDER, `export${++exports}.xml`);
  return { file, command: ["pskc", "export", file, "--pskc-key", PSKC_KEY] };
};

onEachEngine(
  test,
  "two operators are enrolled and agree to an export",
  async (rig) => {
    await putKeys(rig);
    await done(rig, undefined, "settings", "serial.first", "IB3000500");
    await refused(/the first operator must enrol/, rig, undefined, ...enrol("anna", ANNA));
    await done(rig, "anna", "operator", "add", "anna");
    await refused(/is not an operator of this register/, rig, undefined, "settings", "serial.first", "IB3000600");
    await done(rig, "anna", ...enrol("boris", BORIS));
    const third = await asked(/^dsc: dsc operator add needs/, rig, "anna", ...enrol("clara", CLARA));
    await done(rig, "boris", "approve", third, "--yes");
    await done(rig, "anna", ...enrol("clara", CLARA));
    await done(rig, "anna", "settings", "approval.export", "yes");

    const { file, command } = exporting();
    const hash = await asked(/^dsc: dsc pskc export needs/, rig, "anna", ...command);
    assert.is(await asked(/it was requested already/, rig, "anna", ...command), hash);
    assert.not.ok(existsSync(file));
    const shown = await done(rig, "boris", "approve", hash, "--yes");
    for (const words of [
      /^command +dsc pskc export$/m,
      /^requested by +anna$/m,
      /^keys +token keys$/m,
      /^encrypted under +the key with the check value [0-9a-f]{6}$/m,
      new RegExp(`^fingerprint of that key +${FINGERPRINT}$`, "m"),
      /^for the certificate +none/m,
      new RegExp(`${SERIAL}, active, key version 1$`, "m"),
      new RegExp(`^hash +${hash}`, "m"),
    ])
      assert.match(shown, words);
    assert.match(await done(rig, undefined, "keys", "show", PSKC_KEY, "--fingerprint"), FINGERPRINT);
    assert.match(await done(rig, "anna", ...command), "token keys of 1 card");
    assert.ok(existsSync(file));
    const next = exporting();
    await asked(new RegExp(`the approval ${hash} was used already`), rig, "anna", ...next.command);
    assert.not.ok(existsSync(next.file));
    const { error } = JSON.parse((await run(rig, "anna", ...next.command, "--json")).stdout);
    assert.equal([error.code, error.kind], [6, "register"]);
    assert.match(error.hint, "dsc approve");

    assert.match(await done(rig, undefined, "journal", "verify"), /entries/);
    await done(rig, undefined, "register", "check");
  },
  EARLIER,
);

onEachEngine(
  test,
  "an invalid approval is refused in one line",
  async (rig) => {
    await putKeys(rig);
    await withTwo(rig);
    await done(rig, "anna", "settings", "approval.unlock", "yes");
    const unlock = (lockCode: string) => ["unlock", "--serial", SERIAL, "--lock-code", lockCode];
    const approved = async (...command: string[]) => {
      const hash = await asked(/needs the approval/, rig, "anna", ...command);
      await done(rig, "boris", "approve", hash, "--yes");
      return hash;
    };

    const own = await asked(/^dsc: dsc unlock needs/, rig, "anna", ...unlock("12345678"));
    await refused(/ask another operator$/, rig, "anna", "approve", own, "--yes");
    await refused(/is not an operator of this register/, rig, "clara", "approve", own, "--yes");
    await refused(/is not an operator of this register/, rig, undefined, "approve", own, "--yes");
    await refused(
      /the operator key is not that of boris/,
      rig,
      "clara",
      "approve",
      own,
      "--yes",
      "--operator",
      "boris",
    );
    await refused(/no such request/, rig, "boris", "approve", "0".repeat(16), "--yes");
    await asked(/it was requested already/, rig, "anna", ...unlock("12345678"));

    const used = await approved(...unlock("12345678"));
    const code = await done(rig, "anna", ...unlock("12345678"));
    assert.match(code, /^\d{8}\n$/);
    await asked(new RegExp(`the approval ${used} was used already`), rig, "anna", ...unlock("12345678"));
    await refused(/was used already$/, rig, "boris", "approve", used, "--yes");

    const other = await approved(...unlock("12345679"));
    await asked(new RegExp(`the approval ${other} is for other arguments`), rig, "anna", ...unlock("87654321"));
    await asked(/^dsc: dsc unlock needs/, rig, "boris", ...unlock("12345679"));
    await done(rig, "anna", ...unlock("12345679"));

    await approved(...enrol("clara", CLARA));
    await done(rig, "anna", ...enrol("clara", CLARA));
    const removed = await approved(...unlock("12345681"));
    const removal = await asked(/^dsc: dsc operator remove needs/, rig, "anna", "operator", "remove", "boris");
    await done(rig, "clara", "approve", removal, "--yes");
    await done(rig, "anna", "operator", "remove", "boris");
    await asked(new RegExp(`${removed} is by boris, who is no longer an operator`), rig, "anna", ...unlock("12345681"));
    await refused(/boris is not an operator/, rig, "boris", "approve", removed, "--yes");
    await done(rig, undefined, "register", "check");
  },
  EARLIER,
);

onEachEngine(
  test,
  "an approval and its request expire a quarter of an hour after the request",
  async (rig) => {
    const { anna, boris } = await withTwo(rig);
    for (const setting of ["approval.unlock", "approval.export"] as const) await changeSetting(anna, setting, "yes");
    const approval = await askedBy(changeSetting(anna, "approval.unlock", "no"));
    await change(boris, (one) => approve(one, approval));
    const request = await askedBy(changeSetting(anna, "approval.export", "no"));
    await refused(/the request has expired; run the command again/, rig, "boris", "approve", request, "--yes");
    const [unlock, leave] = [
      ["settings", "approval.unlock", "no"],
      ["settings", "approval.export", "no"],
    ] as const;
    await asked(new RegExp(`the request ${request} has expired`), rig, "anna", ...leave);
    const again = await asked(new RegExp(`the request ${approval} has expired`), rig, "anna", ...unlock);
    assert.match(await done(rig, undefined, "settings", "approval.unlock"), "yes");
    await done(rig, "boris", "approve", again, "--yes");
    await done(rig, "anna", ...unlock);
    assert.match(await done(rig, undefined, "settings", "approval.unlock"), "no");
  },
  EARLIER,
);

onEachEngine(
  test,
  "of two processes that use one approval at once, one runs",
  async (rig) => {
    await putKeys(rig);
    const { anna } = await withTwo(rig);
    await changeSetting(anna, "approval.unlock", "yes");
    const command = ["unlock", "--serial", SERIAL, "--lock-code", "12345678"];
    await done(rig, "boris", "approve", await asked(/needs/, rig, "anna", ...command), "--yes");
    const both = await Promise.all([1, 2].map(() => dscAlone(command, { env: environment(rig, "anna") })));
    const [won, lost] = both.sort((a, b) => (a.code ?? 0) - (b.code ?? 0)) as [Ended, Ended];
    assert.is(won.code, 0, won.stderr);
    assert.match(won.stdout, /^\d{8}\n$/);
    assert.match(lineOf(lost), /was used/);
  },
  EARLIER,
);

onEachEngine(
  test,
  "the approving operator sees the request at the terminal and must answer yes",
  async (rig) => {
    await putKeys(rig);
    await withTwo(rig);
    await done(rig, "anna", "settings", "approval.unlock", "yes");
    const command = ["unlock", "--serial", SERIAL, "--lock-code", "12345678"];
    const hash = await asked(/needs/, rig, "anna", ...command);
    const nobody = await run(rig, "boris", "approve", hash);
    assert.is(nobody.code, 2);
    assert.match(nobody.stderr, /^dsc: a confirmation is needed.*--yes\n$/);
    const keys = Object.entries({ register: rig.where, "journal-key": CUSTODY.DSC_JOURNAL_KEY, operator: "boris" });
    const given = keys.flatMap(([name, value]) => [`--${name}`, value]);
    const approving = [DSC, "approve", hash, ...given, "--operator-key", OPERATOR_KEYS.boris as string];
    for (const [answer, says] of [
      ["no", /not approved; nothing was signed/],
      ["yes", /approved; now anna has to run dsc unlock again/],
    ] as const) {
      if (answer === "yes") await asked(/it was requested already/, rig, "anna", ...command);
      const person = new TerminalProgram(approving, 200);
      await person.until(/Do you approve this/);
      for (const words of [/command +dsc unlock/, /requested by +anna/, /lock code +12345678/, /IB3000123, active/])
        assert.match(person.raw, words);
      person.send(`${answer}\r`);
      assert.is(await person.exit, 0);
      assert.match(person.raw, says);
    }
    assert.match(await done(rig, "anna", ...command), /^\d{8}\n$/);
  },
  EARLIER,
);

test.run();
