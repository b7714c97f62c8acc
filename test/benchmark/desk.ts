// Measures how many cards a bench seeds in a second with eight ports and with one, on lines as slow as serial lines,
// and the processor time per card of the tool, the register and the simulated card. Each port has a process for its
// cards. In SQLite the register is part of the tool; in PostgreSQL it is a server, whose time is a separate figure.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "../support/deadline.js";
import { KEYS, newRegister } from "../support/openregister.js";
import { NO_POSTGRES, PostgresServer } from "../support/postgres.js";
import { scratchFolder } from "../support/scratch.js";
import { DSC } from "../support/simprocess.js";

const PORTS = 8;
/** Cards at each port. */
const EACH = 8;
const CARD = fileURLToPath(new URL("./pacedcard.js", import.meta.url));
/** A tick of /proc (ms). */
const TICK = 10;

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Why the desk cannot be measured here; undefined if it can. */
export function deskMissing(): string | undefined {
  return process.platform === "linux" ? undefined : "processor times are read from Linux's /proc";
}

/** The rates with eight ports and with one, and a card's processor time by program. */
export async function deskFigures(): Promise<Figure[]> {
  const inFile = () => join(scratchFolder(), "desk.db");
  const many = await measure(inFile(), PORTS, EACH);
  const one = await measure(inFile(), 1, EACH);
  const figure = (name: string, value: number, unit: string) => ({ name, value: Number(value.toFixed(2)), unit });
  return [
    figure("desk_cards_per_second_8_ports", many.cardsPerSecond, "1/s"),
    figure("desk_cards_per_second_1_port", one.cardsPerSecond, "1/s"),
    figure("desk_throughput_8_to_1", many.cardsPerSecond / one.cardsPerSecond, "times"),
    figure("desk_tool_ms_per_card", many.toolTime, "ms of processor time, the register in it (SQLite)"),
    figure("desk_card_ms_per_card", many.cardTime, "ms of processor time of the simulated card"),
    ...(NO_POSTGRES === undefined ? await onServer(figure) : []),
  ];
}

async function onServer(figure: (name: string, value: number, unit: string) => Figure): Promise<Figure[]> {
  const server = await PostgresServer.start();
  try {
    const many = await measure(await server.schema(), PORTS, EACH, server.pid);
    const one = await measure(await server.schema(), 1, EACH, server.pid);
    return [
      figure("desk_cards_per_second_8_ports_postgres", many.cardsPerSecond, "1/s"),
      figure("desk_cards_per_second_1_port_postgres", one.cardsPerSecond, "1/s"),
      figure("desk_throughput_8_to_1_postgres", many.cardsPerSecond / one.cardsPerSecond, "times"),
      figure("desk_tool_ms_per_card_postgres", many.toolTime, "ms of processor time without the server"),
      figure("desk_register_ms_per_card_postgres", many.serverTime, "ms of the server's processor time"),
      figure("desk_card_ms_per_card_postgres", many.cardTime, "ms of processor time of the simulated card"),
    ];
  } finally {
    server.remove();
  }
}

interface Measured {
  readonly cardsPerSecond: number;
  /** Processor time per card (ms). */
  readonly toolTime: number;
  readonly cardTime: number;
  readonly serverTime: number;
}

/** Seeds `each` cards at every one of `ports` ports. */
async function measure(where: string, ports: number, each: number, server?: number): Promise<Measured> {
  const folder = scratchFolder();
  const put = (name: string, contents: string) => {
    const path = join(folder, name);
    writeFileSync(path, contents, { mode: 0o600 });
    return path;
  };
  await (await newRegister(where)).close();
  const cards = ports * each;
  const list = put("cards.csv", `serial,user,suite,pin,pin_check,tries,key\n${",u,,,,,\n".repeat(cards)}`);
  const keys = (["site", "desk", "journal"] as const).flatMap((kind) => [
    `--${kind}-key`,
    put(`${kind}.key`, KEYS[kind].toString("hex")),
  ]);
  const transport = ["--transport", put("transport.key", "00112233445566778899aabbccddeeff\n")];
  const lines = Array.from({ length: ports }, (_, at) => new CardProcess(join(folder, `port${at}`), 1 + at * each));
  try {
    for (const line of lines) await line.ready();
    const args = ["personalize", "--batch", list, "--register", where, ...keys, ...transport, "--json"];
    const { seconds, toolTime, serverTime } = await seedAll(args, lines, cards, server);
    const cardTimes = await Promise.all(lines.map((line) => line.end()));
    return {
      cardsPerSecond: cards / seconds,
      toolTime: toolTime / cards,
      cardTime: cardTimes.reduce((sum, time) => sum + time, 0) / cards,
      serverTime: serverTime / cards,
    };
  } finally {
    for (const line of lines) line.kill();
  }
}

/** A moment of a run: the clock, and the processor times up to it (ms). */
interface Moment {
  readonly at: number;
  readonly tool: number;
  readonly server: number;
}

/** Runs the tool until the list is done. The time runs from the first card to the last. */
function seedAll(args: readonly string[], lines: readonly CardProcess[], cards: number, server?: number) {
  const tool = spawn(process.execPath, [DSC, ...args, ...lines.flatMap(({ link }) => ["--port", link])]);
  tool.stderr.pipe(process.stderr);
  const now = (): Moment => ({
    at: performance.now(),
    tool: processorTime(tool.pid),
    server: server === undefined ? 0 : processorTime(server),
  });
  let first: Moment | undefined;
  let last: Moment | undefined;
  let seeded = 0;
  createInterface({ input: tool.stdout }).on("line", (text) => {
    const { event, port } = JSON.parse(text) as { readonly event?: string; readonly port?: string };
    if (event === "card") first ??= now();
    if (event !== "seeded") return;
    lines.find(({ link }) => link === port)?.next();
    if (++seeded === cards) last = now();
  });
  return new Promise<{ seconds: number; toolTime: number; serverTime: number }>((resolve, reject) => {
    tool.on("close", (code) => {
      if (code !== 0 || !first || !last) return reject(new Error(`dsc ended with ${code}`));
      resolve({
        seconds: (last.at - first.at) / 1000,
        toolTime: last.tool - first.tool,
        serverTime: last.server - first.server,
      });
    });
  });
}

/**
Fields of /proc/PID/stat, counted after the name: the parent, and the times of the process and of its ended children.
*/
const PARENT = 1;
const TIMES = [11, 12, 13, 14];

/** The processor time of a process and its children, in ms. */
function processorTime(pid: number | undefined): number {
  const all = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  const family = all.map(fieldsOf).filter((fields, at) => all[at] === String(pid) || fields[PARENT] === String(pid));
  const ticks = family.flatMap((fields) => TIMES.map((at) => Number(fields[at])));
  return ticks.reduce((sum, each) => sum + each, 0) * TICK;
}

function fieldsOf(pid: string): string[] {
  try {
    // The name may have blanks and brackets in it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    // The process has ended.
    return [];
  }
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

  /** Replaces the card by the next one. */
  next(): void {
    this.#process.stdin.write("next\n");
  }

  /** Ends the process. Returns its processor time (ms). */
  end(): Promise<number> {
    this.#process.stdin.end();
    return this.#said;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
