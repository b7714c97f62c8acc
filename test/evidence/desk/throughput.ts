// How many cards a bench seeds in a second, with several ports and with one, on lines that are as slow as serial lines are. Cards
// are in processes of their own, one for each port. It says what was measured and judges nothing: a busy machine is slower.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "../../support/deadline.js";
import { KEYS, newRegister } from "../../support/openregister.js";
import { scratchFolder } from "../../support/scratch.js";
import { DSC } from "../../support/simprocess.js";

export interface Throughput {
  readonly ports: number;
  readonly cards: number;
  readonly cardsPerSecond: number;
  /** Processor time a card (ms): of the tool with its register, and of the simulated card. */
  readonly toolTime: number;
  readonly cardTime: number;
}

const CARD = fileURLToPath(new URL("./pacedcard.js", import.meta.url));
/** A tick of /proc (ms). */
const TICK = 10;

/** Seeds `each` cards at every one of `ports` ports. */
export async function measureThroughput(ports: number, each: number): Promise<Throughput> {
  const folder = scratchFolder();
  const put = (name: string, contents: string) => {
    const path = join(folder, name);
    writeFileSync(path, contents, { mode: 0o600 });
    return path;
  };
  const where = join(folder, "desk.db");
  await (await newRegister(where)).close();
  const list = put("cards.csv", `serial,user,suite,pin,pin_check,tries,key\n${",u,,,,,\n".repeat(ports * each)}`);
  const keys = (["site", "desk", "journal"] as const).flatMap((kind) => [
    `--${kind}-key`,
    put(`${kind}.key`, KEYS[kind].toString("hex")),
  ]);
  const transport = ["--transport", put("transport.key", "00112233445566778899aabbccddeeff\n")];
  const lines = Array.from({ length: ports }, (_, at) => new CardProcess(join(folder, `port${at}`), 1 + at * each));
  try {
    for (const line of lines) await line.ready();
    const args = ["personalize", "--batch", list, "--register", where, ...keys, ...transport, "--json"];
    const bench = await seedAll(args, lines);
    const cards = ports * each;
    const cardTimes = await Promise.all(lines.map((line) => line.end()));
    const cardTime = cardTimes.reduce((sum, time) => sum + time, 0) / cards;
    return { ports, cards, cardsPerSecond: cards / bench.seconds, toolTime: bench.toolTime / cards, cardTime };
  } finally {
    for (const line of lines) line.kill();
  }
}

/** Runs the tool until the list is done. */
function seedAll(
  args: readonly string[],
  lines: readonly CardProcess[],
): Promise<{ seconds: number; toolTime: number }> {
  const tool = spawn(process.execPath, [DSC, ...args, ...lines.flatMap(({ link }) => ["--port", link])]);
  tool.stderr.pipe(process.stderr);
  let first: { readonly at: number; readonly time: number } | undefined;
  let last = { at: 0, time: 0 };
  createInterface({ input: tool.stdout }).on("line", (text) => {
    const { event, port } = JSON.parse(text) as { readonly event?: string; readonly port?: string };
    if (event === "card") first ??= { at: performance.now(), time: processorTime(tool) };
    if (event !== "seeded") return;
    last = { at: performance.now(), time: processorTime(tool) };
    lines.find(({ link }) => link === port)?.next();
  });
  return new Promise((resolve, reject) => {
    tool.on("close", (code) => {
      if (code !== 0 || !first) reject(new Error(`dsc ended with ${code}`));
      else resolve({ seconds: (last.at - first.at) / 1000, toolTime: last.time - first.time });
    });
  });
}

/** Of a process that runs, in ms; Linux tells it. */
function processorTime({ pid }: ChildProcessWithoutNullStreams): number {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return Number.NaN;
  // After the name, which may have blanks in it: the 12th and 13th fields.
  const fields = readFileSync(stat, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK;
}

class CardProcess {
  readonly link: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #said: Promise<number>;

  constructor(link: string, seed: number) {
    this.link = link;
    this.#process = spawn(process.execPath, [CARD, link, String(seed)]);
    this.#process.stderr.pipe(process.stderr);
    this.#said = new Promise((resolve) => {
      createInterface({ input: this.#process.stdout }).on("line", (line) => resolve(Number(line)));
    });
    this.next();
  }

  async ready(): Promise<void> {
    await until(() => existsSync(this.link), "a card's process starts");
  }

  /** Puts the next card in. */
  next(): void {
    this.#process.stdin.write("next\n");
  }

  /** Ends it. Returns its processor time (ms). */
  end(): Promise<number> {
    this.#process.stdin.end();
    return this.#said;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
