// Many processes verify one challenge at once, half of them in separate PID namespaces if that is allowed: exactly one of them
// succeeds. No lock may depend on host names or process numbers.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { issueChallenge } from "../../../../host-tools/desk/register/challenges.js";
import { change } from "../../../../host-tools/desk/register/change.js";
import { onEachEngine } from "../../../support/openregister.js";
import { UNSHARE } from "../../../support/pidnamespace.js";
import type { Task } from "../../../support/spender.js";
import { note, suite } from "../../../support/suite.js";

const test = suite("race");

const SERIAL = "IB3000123";
const PROCESSES = 16;
const CHALLENGES = 4;
const SCRIPT = fileURLToPath(new URL("../../../support/spender.js", import.meta.url));

class Spender {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(isApart: boolean) {
    const [program = "", ...args] = [...((isApart && UNSHARE) || []), process.execPath, SCRIPT];
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async tell(what: string | Task): Promise<string> {
    this.#process.stdin?.write(`${JSON.stringify(what)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("a process ended without an answer");
    return value;
  }

  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

/** Starting them takes longer than their work, so both engines use the same processes. */
let started: Spender[] | undefined;
test.after(async () => {
  await Promise.all((started ?? []).map((spender) => spender.end()));
});

/** The real time, which the other processes have. */
const options = { now: Date.now() };

onEachEngine(
  test,
  `of ${PROCESSES} processes that spend one challenge at once, one accepts the response`,
  async (rig) => {
    await rig.card(SERIAL, "active");
    const challenges: string[] = [];
    for (let issued = 0; issued < CHALLENGES; issued++)
      challenges.push(await change(rig.register, (each) => issueChallenge(each, SERIAL)));
    if (!UNSHARE) note("race: no PID namespaces of their own are allowed here");
    started ??= Array.from({ length: PROCESSES }, (_, at) => new Spender(at % 2 === 0));
    const spenders = started;
    const ready = await Promise.all(spenders.map((spender) => spender.tell(rig.where)));
    assert.equal(ready, Array(PROCESSES).fill("ready"));
    const answers = await Promise.all(spenders.map((spender) => spender.tell({ serial: SERIAL, challenges })));
    const told = answers.map((answer) => JSON.parse(answer) as boolean[]);
    for (let at = 0; at < CHALLENGES; at++) {
      assert.is(told.filter((each) => each[at] === true).length, 1, `challenge ${at + 1}`);
      assert.is(told.filter((each) => each[at] === false).length, PROCESSES - 1, `challenge ${at + 1}`);
    }
    const attempts = await rig.register.engine.read((db) => db.selectFrom("attempts").selectAll().execute());
    assert.is(attempts.filter(({ right }) => right === 1).length, CHALLENGES);
    assert.is(attempts.length, CHALLENGES * PROCESSES);
  },
  options,
);

test.run();
