// The short form of the faults campaign: a seeded part of it on the firmware as it is, and firmware with a
// deliberate hole, which the campaign must notice.

import * as assert from "uvu/assert";
import { compileReleased, type Mutation } from "../support/mutation.js";
import { suite } from "../support/suite.js";
import type { Failure } from "./campaign.js";
import { type Instrumented, instrument, released } from "./faults/instrument.js";
import { SCENARIOS, type Scenario } from "./faults/scenarios.js";
import { newTally, type Plan, type Tally, tryFaults } from "./faults/tally.js";
import type { Mode } from "./faults/target.js";
import { Trial } from "./faults/trial.js";
import { FAULTS, replayOn } from "./faults.js";

/** A hole, the scenario and the functions in which the campaign must see it, and what it must say of it. */
interface Hole extends Mutation {
  readonly scenario: string;
  readonly functions: RegExp;
  readonly says: RegExp;
}

/** What the campaign says where a promise is broken (faults/scenarios.ts, faults/trial.ts). */
const SAYS = {
  untried: /: an attempt that told, and /,
  changed: /: the card was changed$/,
  channel: /: a channel is open$/,
  knownKey: /: a channel under a key that everybody knows$/,
  leak: /: a key on the line$/,
};

const HOLES: readonly Hole[] = [
  {
    breaks: "the spent try is not read back",
    file: "attempt.ts",
    from: "digits, length, before + missing, after) === 0",
    to: "digits, length, ERASED, SPENT) === 0",
    scenario: "pin",
    functions: /^(attempt|pin|flash\/program)/,
    says: SAYS.untried,
  },
  {
    breaks: "nobody looks whether the count grew",
    file: "attempt.ts",
    from: "before + missing, after",
    to: "before, after",
    scenario: "pin",
    functions: /^(attempt|pin|store\/address|tally\/freeSlot)/,
    says: SAYS.untried,
  },
  {
    breaks: "cryptogram and MAC are compared once",
    file: "scp03.ts",
    from: "  session.stage = stage;\n",
    to: "  session.stage = Stage.OPEN;\n",
    scenario: "channel",
    functions: /^(scp03|commands\/externalAuthenticate)/,
    says: SAYS.channel,
  },
  {
    breaks: "the MAC of a command is compared once",
    file: "scp03.ts",
    from: "  if (differingWords(CHAIN, data + size) !== 0) return fail(0);\n",
    to: "",
    scenario: "forged-wipe",
    functions: /^(scp03|apdu)/,
    says: SAYS.changed,
  },
  {
    breaks: "the session key is derived once",
    file: "scp03.ts",
    from: "let wrong = difference(WORK, S_MAC, KEY_SIZE);",
    to: "let wrong: u32 = 0;",
    scenario: "derivation",
    functions: /^scp03/,
    says: SAYS.knownKey,
  },
  {
    breaks: "what a command brought is wiped before it is answered",
    file: "apdu.ts",
    from: "  memory.fill(at + command.answer, 0, MAX_PAYLOAD - command.answer);\n",
    to: "",
    scenario: "personalize",
    functions: /^scp03\/wrap/,
    says: SAYS.leak,
  },
];

const PART: Plan = { thinning: 1000, sampling: 1000, only: /^(attempt|pin|unlock|scp03)/ };

const test = suite("faults");
const instrumented = await released();

test("nothing armed, the instrumented module does what the instrumented one does", () => {
  for (const scenario of SCENARIOS) {
    const trial = new Trial(instrumented, scenario);
    assert.equal(trial.run(undefined), { outcome: "unchanged" }, scenario.name);
  }
});

test("the questions can be answered otherwise: with the right PIN, code or keys the card opens", () => {
  const never = ["power-on", "locked", "blocked", "login", "wipe-interrupted", "derivation", "forged", "bare", "read"];
  const asked = SCENARIOS.filter(
    ({ name }) => !never.some((start) => name.startsWith(start)) && name !== "personalize",
  );
  assert.is(asked.length, 12);
  for (const scenario of asked) assert.ok(new Trial(instrumented, scenario).runRight(), scenario.name);
});

for (const name of ["pin-last", "code-last", "change", "unlock-last", "channel", "forged-wipe", "derivation"]) {
  test(`${name}: no fault of the part that is tried here opens the card`, () => {
    assert.equal(failures(instrumented, name, PART).failures, []);
  });
}

test("an id replays a fault, and one that there is not is said to be none", async () => {
  const replay = async (only: string) => (await FAULTS.run({ long: false, only, log: () => {} })).failures;
  assert.equal(await replay("pin/1/1/skip"), []);
  for (const id of ["nowhere/1/1/skip", "pin/99999/1/skip", "pin/1/x/skip", "pin/1/1/bogus"]) {
    assert.equal(await replay(id), [{ id, what: "there is no such fault" }]);
  }
});

for (const hole of HOLES) {
  test(`noticed: ${hole.breaks}`, async () => {
    const broken = await compile(hole);
    const found = failures(broken, hole.scenario, { ...PART, thinning: 1, only: hole.functions });
    isFound(broken, found.failures, hole.says);
  });
}

const TOLD_FIRST: Hole = {
  breaks: "the card's challenge is told after the session keys were derived",
  file: "scp03.ts",
  from: `  copyPublic(data + 13, CHAIN + CHALLENGE_SIZE, CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE);
  deriveSession(KEYS, Derive.S_ENC, S_ENC);
  deriveSession(KEYS + KEY_SIZE, Derive.S_MAC, S_MAC);
`,
  to: `  deriveSession(KEYS, Derive.S_ENC, S_ENC);
  deriveSession(KEYS + KEY_SIZE, Derive.S_MAC, S_MAC);
  copyPublic(data + 13, CHAIN + CHALLENGE_SIZE, CHAIN + CHALLENGE_SIZE, CHALLENGE_SIZE);
`,
  scenario: "read",
  functions: /^crypto\/kdf\/derive$/,
  says: SAYS.leak,
};

const NOT_LOOKED_AT: Mutation = {
  breaks: "AES is looked at once the cryptogram is computed",
  file: "scp03.ts",
  from: "  if (!selftest.cryptoWorks()) return fail(Sw.NOT_USABLE) as Sw;\n",
  to: "",
};

const ADDRESSED_ONCE: Mutation = {
  breaks: "what is copied out for all to read is addressed twice",
  file: "store.ts",
  from: " & load<u8>(again + i)",
  to: "",
};

test("a session key that goes astray is not told with the challenge", async () => {
  const { scenario, functions } = TOLD_FIRST;
  assert.equal(violations(instrumented, scenario, functions, "ones"), []);
  const broken = await compile(TOLD_FIRST);
  isFound(broken, violations(broken, scenario, functions, "ones"), TOLD_FIRST.says);
});

test("an AES that lost its S-box sends no key", async () => {
  assert.equal(astray(instrumented, "channel", /^crypto\/aes\/wipe$/), []);
  const broken = await compile(NOT_LOOKED_AT);
  isFound(broken, astray(broken, "channel", /^crypto\/aes\/wipe$/), SAYS.leak);
});

const ID_NOT_LOOKED_AT: Mutation = {
  breaks: "AES is looked at once the card id is computed",
  file: "identity.ts",
  from: "  const works = selftest.aesWorks();\n",
  to: "  const works = true;\n",
};

test("a card id by an AES that lost its S-box is not told", async () => {
  assert.equal(astray(instrumented, "read-id", /^crypto\/aes\/wipe$/), []);
  assert.ok(
    astray(await compile(ID_NOT_LOOKED_AT), "read-id", /^crypto\/aes\/wipe$/).length > 0,
    ID_NOT_LOOKED_AT.breaks,
  );
});

test("no fault on the way to the card id tells a key", () => {
  assert.equal(
    failures(instrumented, "read-id", { ...PART, thinning: 1, only: /^(identity|crypto\/(kdf|cmac))/ }).failures,
    [],
  );
});

test("a public text whose address goes astray is none of the keys", async () => {
  const functions = /^(store\/copyPublic|commands\/text)$/;
  assert.equal(astray(instrumented, "read", functions), []);
  const broken = await compile(ADDRESSED_ONCE);
  isFound(broken, astray(broken, "read", functions), SAYS.leak);
});

/** What stands against addresses that go astray. */
const ADDRESSES: readonly Hole[] = [
  {
    breaks: "an image that is no page is not kept",
    file: "store.ts",
    from: "  if (!headIsWhole()) wipe();\n",
    to: "",
    scenario: "login",
    functions: /^store\/mount$/,
    says: SAYS.leak,
  },
  {
    breaks: "nothing is kept where no page was found",
    file: "store.ts",
    from: "  if (newest === 0) {\n    wipe();\n",
    to: "  if (newest === 0) {\n",
    scenario: "login",
    functions: /^store\/mount$/,
    says: SAYS.leak,
  },
  {
    breaks: "a try is spent on the page that flash says it is",
    file: "attempt.ts",
    from: " || !isCurrent()",
    to: "",
    scenario: "proof",
    functions: /^crypto\/(hash|hmac)\/(end|begin)$/,
    says: SAYS.untried,
  },
];

for (const hole of ADDRESSES) {
  test(`noticed, by each bit of an address: ${hole.breaks}`, async () => {
    assert.equal(astray(instrumented, hole.scenario, hole.functions), []);
    const broken = await compile(hole);
    isFound(broken, astray(broken, hole.scenario, hole.functions), hole.says);
  });
}

/** What comes of the low bits of addresses in these functions, flipped all the time. */
function astray(instrumented: Instrumented, scenario: string, only: RegExp): Failure[] {
  const plan = { everyBit: true, thinning: Number.POSITIVE_INFINITY, sampling: Number.POSITIVE_INFINITY, only };
  const tally = newTally();
  tryFaults(new Trial(instrumented, scenarioOf(scenario)), instrumented, plan, tally);
  return tally.failures;
}

test("a wrong PIN whose frame loses a byte on the line was no attempt", () => {
  assert.equal(violations(instrumented, "change", /^line\/receive$/, "skip"), []);
});

/** What comes of faults in each execution of each constant of these functions. */
function violations(instrumented: Instrumented, scenario: string, functions: RegExp, mode: Mode): Failure[] {
  const trial = new Trial(instrumented, scenarioOf(scenario));
  const counts = trial.profile();
  const constants = instrumented.sites.filter(({ func, what }) => functions.test(func) && what === "i32.const");
  return constants.flatMap(({ id, func, what }) =>
    Array.from({ length: counts[id] as number }, (_, i) => i + 1).flatMap((execution) => {
      const { violation } = trial.run({ site: id, execution, mode });
      return violation
        ? [{ id: `${scenario}/${id}/${execution}/${mode}`, what: `${func}, ${what}: ${violation}` }]
        : [];
    }),
  );
}

/** The campaign says of a hole what it must, and the id that it prints fails again in the same way. */
function isFound(broken: Instrumented, failures: readonly Failure[], says: RegExp): void {
  const telling = failures.find(({ what }) => says.test(what));
  assert.ok(telling, `nothing found says ${says}: ${JSON.stringify(failures.slice(0, 5))}`);
  assert.equal(replayOn(broken, telling.id).failures, [telling]);
}

function failures(instrumented: Instrumented, name: string, plan: Plan): Tally {
  const tally = newTally();
  tryFaults(new Trial(instrumented, scenarioOf(name)), instrumented, plan, tally);
  assert.ok(tally.static > 50, "faults were tried");
  return tally;
}

function scenarioOf(name: string): Scenario {
  return SCENARIOS.find((scenario) => scenario.name === name) as Scenario;
}

async function compile(hole: Mutation): Promise<Instrumented> {
  const { binary, text } = await compileReleased(hole);
  return instrument(binary, text);
}

test.run();
