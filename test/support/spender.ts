// One of many processes that verify the same challenges at once. On standard input it gets a line of JSON each: where
// the registers are and, when all processes are ready, which challenges to spend. It answers with the verdicts, and
// continues with the next register.

import { createInterface } from "node:readline";
import { spendChallenge } from "../../host-tools/desk/register/challenges.js";
import { change } from "../../host-tools/desk/register/change.js";
import { openEngine } from "../../host-tools/desk/register/open.js";
import { Register } from "../../host-tools/desk/register/register.js";

export interface Task {
  readonly serial: string;
  readonly challenges: readonly string[];
}

/** Long enough to wait for all the others. */
const WAIT = 24 * 60 * 60_000;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

for (let where = await nextLine<string>(); where !== undefined; where = await nextLine<string>()) {
  const register = await Register.open(await openEngine(where, { wait: WAIT }), {}, "a process");
  console.log("ready");
  const { serial, challenges } = (await nextLine<Task>()) ?? { serial: "", challenges: [] };
  const answers: boolean[] = [];
  for (const challenge of challenges)
    answers.push(await change(register, (each) => spendChallenge(each, serial, challenge, true)));
  console.log(JSON.stringify(answers));
  await register.close();
}

async function nextLine<T>(): Promise<T | undefined> {
  const { value, done } = await lines.next();
  return done ? undefined : (JSON.parse(value) as T);
}
