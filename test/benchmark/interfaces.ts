// How fast programs can drive the card: commands over the pipe of `--headless`, and requests to `dsc-sim api`, each in a
// process of its own. The commands are keys that have an effect: the card is on, and a digit is entered and cleared.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { ApiProcess } from "../support/apiprocess.js";
import { LAUNCHER } from "../support/simprocess.js";

const CARD = ["--demo", "--seed", "1"];
const ENTERED_AND_CLEARED = ["1", "press"];
const ROUNDS = 5;
const COMMANDS = 20_000;
const REQUESTS = 8_000;
/** Requests that are under way at once. */
const AT_ONCE = 8;

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export async function interfaceFigures(): Promise<Figure[]> {
  return [
    { name: "pipe_commands_per_second", value: await pipeCommands(), unit: "1/s" },
    { name: "http_requests_per_second", value: await httpRequests(), unit: "1/s" },
  ];
}

/** The best rate of several rounds, each with the same number of actions. */
async function bestOf(count: number, round: () => Promise<void>): Promise<number> {
  let best = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const started = performance.now();
    await round();
    best = Math.max(best, count / ((performance.now() - started) / 1000));
  }
  return Math.round(best);
}

async function pipeCommands(): Promise<number> {
  const sim = spawn(process.execPath, [LAUNCHER, "--headless", ...CARD], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = lineCounter(sim.stdout);
  sim.stdin.write("hold press\n");
  await answers.until(1);
  const block = ENTERED_AND_CLEARED.map((line) => `${line}\n`).join("");
  const lines = block.repeat(COMMANDS / ENTERED_AND_CLEARED.length);
  let sent = 1;
  const rate = await bestOf(COMMANDS, async () => {
    sent += COMMANDS;
    sim.stdin.write(lines);
    await answers.until(sent);
  });
  sim.stdin.end();
  await once(sim, "close");
  return rate;
}

/** Counts lines as they come. */
function lineCounter(input: NodeJS.ReadableStream): { until(count: number): Promise<void> } {
  let lines = 0;
  let wanted = 0;
  let reached = () => {};
  input.on("data", (bytes: Buffer) => {
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
    if (lines >= wanted) reached();
  });
  return {
    until: (count) =>
      new Promise((resolve) => {
        [wanted, reached] = [count, resolve];
        if (lines >= count) resolve();
      }),
  };
}

async function httpRequests(): Promise<number> {
  const api = await ApiProcess.start(CARD);
  await api.command("hold press");
  const { host, port } = new URL(api.url);
  const clients = Array.from({ length: AT_ONCE }, () => new Client(Number(port), host));
  const rate = await bestOf(REQUESTS, async () => {
    await Promise.all(clients.map((client) => client.askFor(REQUESTS / AT_ONCE)));
  });
  for (const client of clients) client.close();
  await api.end();
  return rate;
}

/** A client that takes little time, so that the figure is the server's. */
class Client {
  readonly #socket: Socket;
  readonly #requests: readonly string[];
  #text = "";
  #left = 0;
  #done = () => {};
  #failed = (_: Error) => {};

  constructor(port: number, host: string) {
    this.#requests = ENTERED_AND_CLEARED.map((line) => {
      const head = `POST /command HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/plain`;
      return `${head}\r\nContent-Length: ${line.length}\r\n\r\n${line}`;
    });
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (bytes) => this.#take(bytes.toString("latin1")));
    this.#socket.on("error", (error) => this.#failed(error));
  }

  /** Makes that many requests, one after the other. */
  askFor(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve, reject) => {
      [this.#done, this.#failed] = [resolve, reject];
      this.#ask();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(): void {
    if (this.#left-- === 0) this.#done();
    else this.#socket.write(this.#requests[this.#left % this.#requests.length] as string);
  }

  #take(text: string): void {
    this.#text += text;
    const [, head = "", size = ""] = /^(HTTP.*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n)/s.exec(this.#text) ?? [];
    if (size === "" || this.#text.length < head.length + Number(size)) return;
    if (!head.startsWith("HTTP/1.1 200 ")) return this.#failed(new Error(head));
    this.#text = "";
    this.#ask();
  }
}
